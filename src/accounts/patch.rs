//! Changes to an account's details, as they arrive in a PATCH.
//!
//! Source: the API page, section 2.2.

use serde_json::Value;

use super::records::{Naming, RemotesAuth};
use crate::ids::{Invalid, KeyId};
use crate::notify::Address;

/// Values that one member can have.
const VALUES_LIMIT: usize = 64;

/// A change that was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    pub(super) insert: Details,
    pub(super) delete: Details,
    pub(super) revoke: Vec<KeyId>,
}

/// Values of an account's details.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Details {
    pub emails: Vec<String>,
    pub naming: Vec<Naming>,
    pub remotes_auth: Vec<RemotesAuth>,
}

impl Patch {
    /// Parses `{"@insert": {…}, "@delete": {…}}`. Nothing else is allowed in it.
    pub fn parse(body: &Value) -> Result<Self, Invalid> {
        const WHAT: Invalid = Invalid::new("a patch", "an object with @insert or @delete");
        let members = body.as_object().ok_or(WHAT)?;
        let mut patch = Self::default();
        for (member, value) in members {
            match member.as_str() {
                "@insert" => patch.insert = Details::parse(value, None)?,
                "@delete" => patch.delete = Details::parse(value, Some(&mut patch.revoke))?,
                _ => return Err(WHAT),
            }
        }
        if members.is_empty() {
            Err(WHAT)
        } else {
            Ok(patch)
        }
    }
}

impl Patch {
    /// Whether it may change by which ways sockets are let in.
    pub(super) fn changes_entrances(&self) -> bool {
        !self.insert.remotes_auth.is_empty() || !self.delete.remotes_auth.is_empty()
    }
}

impl Details {
    fn parse(from: &Value, mut keys: Option<&mut Vec<KeyId>>) -> Result<Self, Invalid> {
        const WHAT: Invalid = Invalid::new("@insert or @delete", "an object of account details");
        let mut details = Self::default();
        for (member, value) in from.as_object().ok_or(WHAT)? {
            let values = texts(value)?;
            match (member.as_str(), &mut keys) {
                ("email", _) => details.emails = each(&values, email)?,
                ("naming", _) => details.naming = each(&values, Naming::parse)?,
                ("remotesAuth", _) => details.remotes_auth = each(&values, RemotesAuth::parse)?,
                ("key", Some(keys)) => **keys = each(&values, KeyId::parse)?,
                _ => {
                    let rule = "email, naming or remotesAuth, and key only in @delete";
                    return Err(Invalid::new("a member of @insert or @delete", rule));
                }
            }
        }
        Ok(details)
    }
}

fn email(raw: &str) -> Result<String, Invalid> {
    Address::parse(raw).map(|address| address.to_string())
}

fn each<T>(values: &[&str], parse: impl Fn(&str) -> Result<T, Invalid>) -> Result<Vec<T>, Invalid> {
    values.iter().map(|value| parse(value)).collect()
}

/// A text or an array of texts.
fn texts(value: &Value) -> Result<Vec<&str>, Invalid> {
    let one = std::slice::from_ref(value);
    let values = value.as_array().map_or(one, Vec::as_slice);
    let texts: Option<Vec<_>> = values.iter().map(Value::as_str).collect();
    texts
        .filter(|texts| texts.len() <= VALUES_LIMIT)
        .ok_or(Invalid::new(
            "a value",
            "a text or an array of at most 64 texts",
        ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_and_an_array_are_both_understood() {
        let patch = Patch::parse(&json!({
            "@insert": {"email": "a@example.org", "naming": ["uuid", "any"]},
            "@delete": {"remotesAuth": "anon", "key": ["keyid1", "keyid2"]},
        }))
        .unwrap();
        assert_eq!(patch.insert.emails, ["a@example.org"]);
        assert_eq!(patch.insert.naming, [Naming::Uuid, Naming::Any]);
        assert_eq!(patch.delete.remotes_auth, [RemotesAuth::Anon]);
        assert_eq!(patch.revoke.len(), 2);
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            json!(null),
            json!([]),
            json!({}),
            json!("@insert"),
            json!({"@insert": []}),
            json!({"@insert": {"email": "none"}}),
            json!({"@insert": {"email": 1}}),
            json!({"@insert": {"email": ["a@example.org", null]}}),
            json!({"@insert": {"email": {"@value": "a@example.org"}}}),
            json!({"@insert": {"naming": "UUID"}}),
            json!({"@insert": {"remotesAuth": "all"}}),
            json!({"@insert": {"key": "keyid1"}}),
            json!({"@delete": {"key": "x"}}),
            json!({"@delete": {"@id": "acme"}}),
            json!({"@insert": {"admin": "true"}}),
            json!({"@insert": {}, "@update": {}}),
            json!({"@insert": {"naming": vec!["uuid"; 65]}}),
        ] {
            assert!(Patch::parse(&bad).is_err(), "{bad}");
        }
    }
}
