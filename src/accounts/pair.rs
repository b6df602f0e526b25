//! User keys: RSA-2048 pairs whose private half is sealed under an account key's secret.
//!
//! The sealed form is a PKCS#8 `EncryptedPrivateKeyInfo` (PBES2: PBKDF2 with HMAC-SHA-256, AES-256-CBC), which
//! JavaScript clients open with `crypto.createPrivateKey({format: 'der', type: 'pkcs8', passphrase})`.
//!
//! Sources: the API page, section 1; RFC 5958, RFC 8018, RFC 5280 (SPKI).

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pkcs8::der::pem::{LineEnding, encode_string};
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};

use crate::clock::Chance;
use crate::secret::KeySecret;

/// Rounds of PBKDF2. The secrets that seal our pairs are random and of 296 bits, so rounds protect nothing;
/// this is OpenSSL's own default, and keeps the opening of a pair for one JWT at a millisecond.
const ROUNDS: u32 = 2048;
/// The longest DER that is looked at: an RSA key of 8192 bits, sealed, stays below.
const DER_LIMIT: usize = 8 * 1024;
/// What is signed to see whether two halves belong together.
const PROBE: &[u8] = b"meldgate: do these halves belong together?";

/// What is wrong with a key pair.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PairError {
    /// The public half is not base64 SPKI DER of an RSA key of 2048 to 8192 bits.
    #[error("the public key is not an RSA key of at least 2048 bits in SPKI DER")]
    BadPublic,
    /// The private half is not base64 PKCS#8 DER, encrypted by PBES2.
    #[error("the private key is not encrypted PKCS#8 (PBES2) in DER")]
    BadPrivate,
    /// The private half does not open with this secret.
    #[error("the private key does not open with this key's secret")]
    WrongSecret,
    /// The two halves are not of one pair.
    #[error("the public and the private key do not belong together")]
    Mismatch,
    /// The library could not make a key or a signature.
    #[error("a key operation failed")]
    Failed,
}

/// The public half of a user key: SPKI DER of an RSA key, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Parses base64 SPKI DER.
    pub fn parse(base64: &str) -> Result<Self, PairError> {
        let der = decode(base64).ok_or(PairError::BadPublic)?;
        let bits = aws_lc_rs::rsa::PublicEncryptingKey::from_der(&der)
            .map_err(|_| PairError::BadPublic)?
            .key_size_bits();
        // The library also reads a bare PKCS#1 key; what we hand out must be SPKI.
        let spki = pkcs8::spki::SubjectPublicKeyInfoRef::try_from(der.as_slice());
        if spki.is_err() || !(2048..=8192).contains(&bits) {
            return Err(PairError::BadPublic);
        }
        Ok(Self(der))
    }

    /// What [`to_base64`](Self::to_base64) wrote into the store, which is sealed: not checked again.
    pub(super) fn stored(base64: &str) -> Option<Self> {
        decode(base64).map(Self)
    }

    /// SPKI DER.
    pub fn as_der(&self) -> &[u8] {
        &self.0
    }

    /// SPKI DER in base64.
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.0)
    }

    /// SPKI PEM.
    pub fn to_pem(&self) -> String {
        // Cannot fail for bytes in memory: the one error is a buffer that is too small.
        encode_string("PUBLIC KEY", LineEnding::LF, &self.0).unwrap_or_default()
    }

    /// Whether `signature` (RSASSA-PKCS1-v1_5, SHA-256) of `message` is by this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        aws_lc_rs::signature::UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0)
            .verify(message, signature)
            .is_ok()
    }
}

/// The private half of a user key, sealed: PKCS#8 DER, encrypted under the account key's secret.
#[derive(Clone, Eq, PartialEq)]
pub struct SealedKey(Vec<u8>);

impl SealedKey {
    /// Parses base64 DER.
    pub fn parse(base64: &str) -> Result<Self, PairError> {
        let der = decode(base64).ok_or(PairError::BadPrivate)?;
        EncryptedPrivateKeyInfoRef::try_from(der.as_slice()).map_err(|_| PairError::BadPrivate)?;
        Ok(Self(der))
    }

    /// What [`to_base64`](Self::to_base64) wrote into the store.
    pub(super) fn stored(base64: &str) -> Option<Self> {
        decode(base64).map(Self)
    }

    /// The sealed DER in base64.
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.0)
    }

    /// Opens the key. Costs a millisecond or so: for the blocking pool.
    pub fn open(&self, secret: &KeySecret) -> Result<SigningKey, PairError> {
        let der = EncryptedPrivateKeyInfoRef::try_from(self.0.as_slice())
            .map_err(|_| PairError::BadPrivate)?
            .decrypt(secret.expose())
            .map_err(|_| PairError::WrongSecret)?;
        RsaKeyPair::from_pkcs8(der.as_bytes())
            .map(SigningKey)
            .map_err(|_| PairError::BadPrivate)
    }
}

impl std::fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedKey(…)")
    }
}

/// Both halves of a user key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UserKey {
    /// The public half.
    pub public: PublicKey,
    /// The private half, sealed.
    pub private: SealedKey,
}

impl UserKey {
    /// Makes a pair and seals it under `secret`. Takes 50 to 500 ms of CPU: for the blocking pool.
    ///
    /// The pair itself is drawn by the cryptographic library, which takes no other source of chance; `chance`
    /// gives salt and vector of the sealing.
    pub fn generate(secret: &KeySecret, chance: &Chance) -> Result<Self, PairError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| PairError::Failed)?;
        let public: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|_| PairError::Failed)?;
        Ok(Self {
            public: PublicKey(public.as_ref().to_vec()),
            private: seal(&pair, secret, chance)?,
        })
    }

    /// Takes a pair from elsewhere, once it is seen that `secret` opens it and its halves belong together.
    pub fn adopt(public: &str, private: &str, secret: &KeySecret) -> Result<Self, PairError> {
        let pair = Self {
            public: PublicKey::parse(public)?,
            private: SealedKey::parse(private)?,
        };
        let signature = pair.private.open(secret)?.sign(PROBE)?;
        if pair.public.verifies(PROBE, &signature) {
            Ok(pair)
        } else {
            Err(PairError::Mismatch)
        }
    }
}

/// An opened private half. Lives as long as the request that carried the secret.
pub struct SigningKey(RsaKeyPair);

impl SigningKey {
    /// Signs by RSASSA-PKCS1-v1_5 with SHA-256 (RS256).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PairError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .map_err(|_| PairError::Failed)?;
        Ok(signature)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

fn seal(pair: &RsaKeyPair, secret: &KeySecret, chance: &Chance) -> Result<SealedKey, PairError> {
    let clear: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| PairError::Failed)?;
    let parameters =
        Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &chance.bytes::<16>(), chance.bytes())
            .map_err(|_| PairError::Failed)?;
    let sealed = PrivateKeyInfoRef::try_from(clear.as_ref())
        .and_then(|info| info.encrypt_with_params(parameters, secret.expose()))
        .map_err(|_| PairError::Failed)?;
    Ok(SealedKey(sealed.as_bytes().to_vec()))
}

fn decode(base64: &str) -> Option<Vec<u8>> {
    let text = base64.trim();
    (text.len() <= DER_LIMIT * 4 / 3)
        .then(|| BASE64.decode(text).ok())
        .flatten()
}
