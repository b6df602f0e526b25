//! Signatures (RSASSA-PKCS1-v1_5 with SHA-256, RFC 8017) and encryption (AES in CBC mode with
//! PKCS#7 padding, RFC 5652, section 6.3).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};

use crate::rdf::Iri;
use crate::security::SecurityError;

/// Signs bytes, wherever the key is.
type Sign = dyn Fn(&[u8]) -> Result<Vec<u8>, SecurityError> + Send + Sync;

/// Who this clone signs for.
#[derive(Clone)]
pub struct Principal {
    iri: Iri,
    sign: Arc<Sign>,
}

impl Principal {
    /// A principal whose key is elsewhere: `sign` gives the RSASSA-PKCS1-v1_5 signature of the
    /// SHA-256 of what it is given.
    pub fn new(
        iri: Iri,
        sign: impl Fn(&[u8]) -> Result<Vec<u8>, SecurityError> + Send + Sync + 'static,
    ) -> Self {
        let sign = Arc::new(sign);
        Self { iri, sign }
    }

    /// A principal with its private RSA key in DER: PKCS #8 or PKCS #1.
    pub fn with_key(iri: Iri, der: &[u8]) -> Result<Self, SecurityError> {
        let pair = KeyPair::from_pkcs8(der).or_else(|_| KeyPair::from_der(der));
        let pair = pair.map_err(|_| SecurityError::Unable("the private key is not one of RSA"))?;
        Ok(Self::new(iri, move |data| sign(&pair, data)))
    }

    /// The principal's IRI.
    pub fn iri(&self) -> &Iri {
        &self.iri
    }

    /// Signs bytes.
    pub fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SecurityError> {
        (self.sign)(data)
    }
}

/// The IRI alone.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({})", self.iri)
    }
}

fn sign(pair: &KeyPair, data: &[u8]) -> Result<Vec<u8>, SecurityError> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        data,
        &mut signature,
    )
    .map_err(|_| SecurityError::Unable("the private key does not sign"))?;
    Ok(signature)
}

/// Whether a signature is by the owner of a public key.
pub(super) fn verify(key: &[u8], data: &[u8], signature: &[u8]) -> bool {
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    key.verify(data, signature).is_ok()
}

pub(super) fn encrypt(secret: &[u8], iv: [u8; 16], data: &[u8]) -> Result<Vec<u8>, SecurityError> {
    let failed = |_| SecurityError::Unable("the update cannot be encrypted");
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(secret_key(secret)?).map_err(failed)?;
    let mut bytes = data.to_vec();
    let iv = EncryptionContext::Iv128(FixedLength::from(iv));
    key.less_safe_encrypt(&mut bytes, iv).map_err(failed)?;
    Ok(bytes)
}

pub(super) fn decrypt(secret: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>, SecurityError> {
    let failed = |_| SecurityError::Rejected("the update cannot be decrypted");
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(secret_key(secret)?).map_err(failed)?;
    let iv = DecryptionContext::Iv128(FixedLength::try_from(iv).map_err(failed)?);
    let mut bytes = data.to_vec();
    let plain = key.decrypt(&mut bytes, iv).map_err(failed)?.len();
    bytes.truncate(plain);
    Ok(bytes)
}

fn secret_key(secret: &[u8]) -> Result<UnboundCipherKey, SecurityError> {
    const BAD: SecurityError = SecurityError::Unable("the secret is not a key of AES");
    let algorithm = match secret.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return Err(BAD),
    };
    UnboundCipherKey::new(algorithm, secret).map_err(|_| BAD)
}
