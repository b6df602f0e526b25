//! What a client says about the subdomain that it wants.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::accounts::PublicKey;
use crate::ids::{Invalid, KeyId, Name};

/// Longest identity of a user.
const ID_LIMIT: usize = 2048;
const WHAT: &str = "a subdomain request";

/// A request that was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The subdomain's name; only in a POST.
    pub name: Option<Name>,
    /// Whether its operations are to be signed.
    pub use_signatures: Option<bool>,
    /// Who will use it.
    pub user: Option<User>,
}

/// A user of a subdomain.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// An absolute URI.
    pub id: String,
    /// The key that the user signs with.
    pub key: Option<UserKeyInfo>,
}

/// The public half of a user's key.
#[derive(Clone, Debug, PartialEq)]
pub struct UserKeyInfo {
    /// Its id.
    pub keyid: KeyId,
    /// The key.
    pub public: PublicKey,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawRequest {
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    use_signatures: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    user: Option<RawUser>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUser {
    #[serde(rename = "@id")]
    id: String,
    #[serde(default, deserialize_with = "given")]
    key: Option<RawKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    #[serde(rename = "type", default, deserialize_with = "given")]
    kind: Option<String>,
    keyid: String,
    public: String,
}

/// A member that can be left out, and that is not `null` if it is there.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl Request {
    /// Parses the body of a POST, `{"name"?, "useSignatures"?}`; an empty body asks for nothing in particular.
    pub fn parse_post(body: Option<&Value>) -> Result<Self, Invalid> {
        let request = Self::parse(body)?;
        if request.user.is_some() {
            return Err(Invalid::new(
                WHAT,
                "{\"name\"?, \"useSignatures\"?} in a POST",
            ));
        }
        Ok(request)
    }

    /// Parses the body of a PUT, `{"useSignatures"?, "user"?}`.
    pub fn parse_put(body: Option<&Value>) -> Result<Self, Invalid> {
        let request = Self::parse(body)?;
        if request.name.is_some() {
            return Err(Invalid::new(
                WHAT,
                "{\"useSignatures\"?, \"user\"?} in a PUT",
            ));
        }
        Ok(request)
    }

    fn parse(body: Option<&Value>) -> Result<Self, Invalid> {
        let Some(body) = body else {
            return Ok(Self::default());
        };
        // An array would be taken for the members in order.
        let raw = body
            .as_object()
            .and_then(|_| RawRequest::deserialize(body).ok());
        let raw = raw.ok_or(Invalid::new(
            WHAT,
            "an object of name, useSignatures and user as described",
        ))?;
        Ok(Self {
            name: raw.name.as_deref().map(Name::parse).transpose()?,
            use_signatures: raw.use_signatures,
            user: raw.user.map(User::parse).transpose()?,
        })
    }
}

impl User {
    fn parse(raw: RawUser) -> Result<Self, Invalid> {
        if !is_absolute(&raw.id) {
            return Err(Invalid::new("a user's @id", "an absolute URI"));
        }
        Ok(Self {
            key: raw.key.as_ref().map(UserKeyInfo::parse).transpose()?,
            id: raw.id,
        })
    }
}

impl UserKeyInfo {
    fn parse(raw: &RawKey) -> Result<Self, Invalid> {
        let public = PublicKey::parse(&raw.public).ok();
        let rsa = raw.kind.as_deref().is_none_or(|kind| kind == "rsa");
        Ok(Self {
            keyid: KeyId::parse(&raw.keyid)?,
            public: public.filter(|_| rsa).ok_or(Invalid::new(
                "a user's key",
                "an RSA key of at least 2048 bits: {\"type\": \"rsa\", \"keyid\", \"public\": base64 SPKI DER}",
            ))?,
        })
    }
}

/// Whether this is an absolute URI or IRI, as far as that can matter to anybody who reads it (RFC 3986, section 3).
fn is_absolute(raw: &str) -> bool {
    let Some((scheme, rest)) = raw.split_once(':') else {
        return false;
    };
    let legal = |c: char| !c.is_whitespace() && !c.is_control() && !"<>\"{}|\\^`".contains(c);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !rest.is_empty()
        && rest.chars().all(legal)
        && raw.len() <= ID_LIMIT
}
