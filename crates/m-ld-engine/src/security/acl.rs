//! Security by keys in the data: who may send is registered with a public key, and what is sent
//! is encrypted with a secret (m-ld protocol, section 11.3).

mod keys;

use std::borrow::Cow;

use super::{Attribution, Direction, Kind, SecurityError, TransportSecurity};
use crate::context::Context;
use crate::dataset::Graph;
use crate::msgpack::{Map, Reader, Token, Value};
use crate::rdf::{Iri, Term, vocab};
use crate::wire::{self, Limits};

pub use keys::Principal;

/// The type of an encrypted update.
const ENCRYPTED: &str = "http://m-ld.org/#Encrypted";

/// Keys of one principal that are tried.
const MAX_KEYS: usize = 64;

/// Access control by a list of public keys in the data.
///
/// - Everything is signed by the principal of its sender, whose public RSA key (SPKI, DER) is the
///   value of [`vocab::M_LD_PUBLIC_KEY`] of its subject. Keys have 2048 to 8192 bits.
/// - Updates are encrypted if the subject of the base IRI has a [`vocab::M_LD_SECRET`]: an AES key
///   of 16, 24 or 32 bytes.
pub struct Acl {
    base: Iri,
    context: Context,
    principal: Option<Principal>,
}

impl Acl {
    /// Security for the domain with this base IRI. Without a principal nothing can be sent.
    ///
    /// # Errors
    /// [`SecurityError::Unable`] if the base is not an absolute IRI.
    pub fn new(base: Iri, principal: Option<Principal>) -> Result<Self, SecurityError> {
        let context = Context::new(&base, &serde_json::Value::Null)
            .map_err(|_| SecurityError::Unable("the base of the domain is not an IRI"))?;
        Ok(Self {
            base,
            context,
            principal,
        })
    }

    /// Who signed bytes, and by which public key of those that are registered (SPKI, DER).
    ///
    /// # Errors
    /// [`SecurityError::Rejected`] if they are not signed, or not by one who is registered.
    pub fn signer(
        &self,
        data: &[u8],
        attribution: Option<wire::Attribution<'_>>,
        state: Option<&Graph<'_>>,
    ) -> Result<(Iri, Vec<u8>), SecurityError> {
        const NO_DATA: SecurityError =
            SecurityError::Rejected("there is no data to verify a signature by");
        const UNSIGNED: SecurityError = SecurityError::Rejected("the message is not signed");
        let state = state.ok_or(NO_DATA)?;
        let attribution = attribution.ok_or(UNSIGNED)?;
        let principal = self.principal_of(attribution.principal)?;
        let mut keys = binary(state, &principal, vocab::M_LD_PUBLIC_KEY)?;
        if keys.is_empty() {
            return Err(SecurityError::Rejected("the principal is not registered"));
        }
        // Whoever registers keys without end does not make verification take without end.
        keys.truncate(MAX_KEYS);
        let signature = attribution.signature;
        let key = keys
            .into_iter()
            .find(|key| keys::verify(key, data, signature));
        key.map(|key| (principal, key))
            .ok_or(SecurityError::Rejected("the signature is invalid"))
    }

    /// A principal as it is named in a message.
    ///
    /// # Errors
    /// [`SecurityError::Rejected`] if that is no IRI.
    pub fn principal_of(&self, named: &str) -> Result<Iri, SecurityError> {
        let principal = self.context.expand_id(named);
        principal.ok_or(SecurityError::Rejected("the principal is none"))
    }

    /// The secret of the domain, if it has one.
    fn secret(&self, state: Option<&Graph<'_>>) -> Result<Option<Vec<u8>>, SecurityError> {
        let Some(state) = state else { return Ok(None) };
        Ok(binary(state, &self.base, vocab::M_LD_SECRET)?
            .into_iter()
            .next())
    }
}

impl TransportSecurity for Acl {
    fn wire<'d>(
        &self,
        data: &'d [u8],
        kind: Kind,
        direction: Direction<'_>,
        state: Option<&Graph<'_>>,
    ) -> Result<Cow<'d, [u8]>, SecurityError> {
        if kind != Kind::Operation {
            return Ok(Cow::Borrowed(data));
        }
        match (direction, self.secret(state)?) {
            (_, None) => Ok(Cow::Borrowed(data)),
            (Direction::In, Some(secret)) => decrypted(data, &secret),
            (Direction::Out(chance), Some(secret)) => {
                let mut iv = [0; 16];
                chance.fill(&mut iv);
                let encrypted = keys::encrypt(&secret, iv, data)?;
                let mut map = Map::default();
                map.push("@type", Value::from(ENCRYPTED));
                map.push("iv", Value::Bin(iv.to_vec()));
                map.push("enc", Value::Bin(encrypted));
                Ok(Cow::Owned(Value::Map(map).encode()))
            }
        }
    }

    fn sign(
        &self,
        data: &[u8],
        _: Option<&Graph<'_>>,
    ) -> Result<Option<Attribution>, SecurityError> {
        let principal = self.principal.as_ref();
        let principal = principal.ok_or(SecurityError::Unable("there is no principal to sign"))?;
        Ok(Some(Attribution {
            principal: principal.iri().to_string(),
            signature: principal.sign(data)?,
        }))
    }

    fn verify(
        &self,
        data: &[u8],
        attribution: Option<wire::Attribution<'_>>,
        state: Option<&Graph<'_>>,
    ) -> Result<(), SecurityError> {
        self.signer(data, attribution, state).map(drop)
    }
}

/// The binary values of a property.
fn binary(state: &Graph<'_>, subject: &Iri, property: &str) -> Result<Vec<Vec<u8>>, SecurityError> {
    let mut found = Vec::new();
    for triple in state.find(Some(subject), Some(&Iri::new(property)), None) {
        if let Term::Literal(literal) = triple?.object
            && let Some(Value::Bin(bytes)) = state.data(&literal)?
        {
            found.push(bytes);
        }
    }
    Ok(found)
}

/// What was encrypted; or the data, if it was not.
fn decrypted<'d>(data: &'d [u8], secret: &[u8]) -> Result<Cow<'d, [u8]>, SecurityError> {
    let Some((iv, encrypted)) = parts(data) else {
        return Ok(Cow::Borrowed(data));
    };
    keys::decrypt(secret, iv, encrypted).map(Cow::Owned)
}

/// The parts of an encrypted update, if it is one.
fn parts(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::new(data, Limits::default().into());
    let Token::Map(count) = reader.token().ok()? else {
        return None;
    };
    let (mut kind, mut iv, mut encrypted) = (None, None, None);
    for _ in 0..count {
        match reader.key().ok()? {
            "@type" => kind = Some(reader.str().ok()?),
            "iv" => iv = Some(reader.bytes().ok()?),
            "enc" => encrypted = Some(reader.bytes().ok()?),
            _ => drop(reader.skip().ok()?),
        }
    }
    reader.end().ok()?;
    (kind == Some(ENCRYPTED)).then_some((iv?, encrypted?))
}
