//! Identities, names and other terms that harm.

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

/// Whether this is the name of a member that every JavaScript object inherits.
pub(crate) fn is_inherited(name: &str) -> bool {
    INHERITED.contains(&name)
}

/// The longest term that JavaScript can store, in UTF-16 units.
pub(super) const MAX_UNITS: usize = 9999;

/// What a name can grow by when it is stored, or a relative datatype when it is made absolute.
const NAME_GROWTH: usize = 9;
const DATATYPE_GROWTH: usize = 300;

/// Checks that a term is not too long to be stored.
pub(super) fn check_length(term: &str) -> Result<(), WireError> {
    check_growing(term, 0)
}

fn check_growing(term: &str, growth: usize) -> Result<(), WireError> {
    // Bytes are no fewer than units, and nearly every term is far from either limit.
    let limit = MAX_UNITS.saturating_sub(growth);
    if term.len() <= limit || term.encode_utf16().count() <= limit {
        Ok(())
    } else {
        Err(WireError::Update("a term that is too long"))
    }
}

/// Checks a datatype.
pub(super) fn check_datatype(datatype: &str) -> Result<(), WireError> {
    let relative = !datatype.contains(':');
    check_growing(datatype, if relative { DATATYPE_GROWTH } else { 0 })
}

/// Checks a reference to something in the vocabulary: a type.
pub(super) fn check_type(name: &str) -> Result<(), WireError> {
    check_no_keyword(name)?;
    check_growing(name, NAME_GROWTH)
}

/// Checks that JSON-LD does not take this for a keyword, if a future one, and expands it to
/// nothing.
fn check_no_keyword(name: &str) -> Result<(), WireError> {
    match name.strip_prefix('@') {
        Some(rest) if !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphabetic()) => {
            Err(WireError::Update("an unknown keyword"))
        }
        _ => Ok(()),
    }
}

/// Checks the identity of a subject or an object: an IRI, perhaps relative to the domain.
pub(super) fn check(id: &str) -> Result<(), WireError> {
    if id.starts_with("_:") {
        return Err(WireError::Update("a blank node"));
    }
    check_no_keyword(id)?;
    check_length(id)?;
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
    check_type(name)?;
    let position = name.strip_prefix("http://m-ld.org/RdfLseq/?=");
    if !position.is_none_or(is_position) || !is_harmless_data(name) {
        return Err(WireError::Update("a position in a list"));
    }
    Ok(())
}

/// Whether this is no `data:` IRI, or one that stands for an index and perhaps a second in a
/// list. JavaScript makes arrays of such lengths.
fn is_harmless_data(name: &str) -> bool {
    let Some(data) = name.strip_prefix("data:") else {
        return true;
    };
    data.strip_prefix("application/mld-li,")
        .is_some_and(|indexes| indexes.split(',').count() <= 2 && indexes.split(',').all(is_index))
}

/// Whether this is an index in a list, and not an immense one.
pub(super) fn is_index(text: &str) -> bool {
    (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
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
