//! Identities that harm, and positions that are none.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::WireError;

/// Members that every JavaScript object inherits. Engines in JavaScript index objects by the
/// identities of subjects and blank nodes, so one with such a name finds the member, and with it
/// the means to change what all objects have in common.
const INHERITED: [&str; 12] = [
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "__proto__",
];

/// Checks the identity of a subject or an object: an IRI, perhaps relative to the domain.
pub(super) fn check(id: &str) -> Result<(), WireError> {
    if id.starts_with("_:") {
        return Err(WireError::Update("a blank node"));
    }
    let last = id.rsplit_once('/').map_or(id, |(_, last)| last);
    if !INHERITED.contains(&last) {
        return Ok(());
    }
    let before = id
        .get(..id.len().saturating_sub(last.len()))
        .unwrap_or_default();
    if is_base(before) {
        return Err(WireError::Update("the name of an inherited member"));
    }
    Ok(())
}

/// Checks the blank node id of a reified triple.
pub(super) fn check_blank(id: &str) -> Result<(), WireError> {
    match id.strip_prefix("_:") {
        Some(label) if !INHERITED.contains(&label) => Ok(()),
        Some(_) => Err(WireError::Update("the name of an inherited member")),
        None => Err(WireError::Update("a reified triple without a blank node")),
    }
}

/// Checks the name of a property.
pub(super) fn check_property(name: &str) -> Result<(), WireError> {
    if name.starts_with("_:") || INHERITED.contains(&name) {
        return Err(WireError::Update("the name of a property"));
    }
    match name.strip_prefix("http://m-ld.org/RdfLseq/?=") {
        Some(position) if !is_position(position) => Err(WireError::Update("a position in a list")),
        _ => Ok(()),
    }
}

/// Whether what comes before the last segment may be nothing but the base of a domain, with
/// which the identity is relative and bare for those who read it.
fn is_base(before: &str) -> bool {
    let path = before.split_once("//").map_or(before, |(_, rest)| {
        rest.split_once('/').map_or("", |(_, path)| path)
    });
    path.split('/')
        .all(|segment| matches!(segment, "" | "." | ".."))
        || path.split('/').any(|segment| segment == "..")
}

/// Whether this is a list position (m-ld protocol, section 14.3): level by level a number in base
/// 36, one digit longer each time, and a site of sixteen UTF-16 units. The last number is not
/// zero.
pub(super) fn is_position(text: &str) -> bool {
    const SITE: usize = 16;
    let mut chars = text.chars();
    for level in 1_usize.. {
        let mut number = chars.by_ref().take(level);
        let (mut digits, mut zero) = (0_usize, true);
        for digit in number.by_ref() {
            if !digit.is_ascii_digit() && !digit.is_ascii_lowercase() {
                return false;
            }
            zero &= digit == '0';
            digits = digits.saturating_add(1);
        }
        let mut site = 0_usize;
        while digits == level && site < SITE {
            let Some(unit) = chars.next() else { break };
            site = site.saturating_add(unit.len_utf16());
        }
        if digits < level || site != SITE {
            return false;
        }
        if chars.as_str().is_empty() {
            return !zero;
        }
    }
    false
}
