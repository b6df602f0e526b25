//! How a receiver knows that a message is ours.
//!
//! Source: Standard Webhooks 1.0.0, "Signature scheme", symmetric.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::clock::Chance;
use crate::secret::KeySecret;

/// What a secret in text begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret: the scheme wants 24 to 64, the hash has no use for more than its own.
const LENGTH: usize = 32;

/// A secret that one webhook's messages are signed with. `Debug` shows a placeholder.
#[derive(Clone)]
pub struct SigningSecret(Zeroizing<[u8; LENGTH]>);

impl SigningSecret {
    /// A new one.
    pub fn mint(chance: &Chance) -> Self {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        chance.fill(&mut *bytes);
        Self(bytes)
    }

    /// Reads what [`to_text`](Self::to_text) wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let bytes = Zeroizing::new(bytes);
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    /// `whsec_` and Base64, as receivers configure it.
    pub fn to_text(&self) -> KeySecret {
        KeySecret::new(format!("{PREFIX}{}", STANDARD.encode(self.0.as_slice())))
    }

    /// The `webhook-signature` of a message.
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice());
        let mut context = hmac::Context::with_key(&key);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}
