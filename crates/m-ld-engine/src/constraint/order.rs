//! Which of several values is greater (m-ld protocol, section 13.3).

use std::cmp::Ordering;

use crate::rdf::{Iri, Literal, Term, vocab};

/// Compares values: references are greater than literals, and strings than numbers and truth
/// values. References and strings are in the order of their UTF-16 units, numbers in that of their
/// values. So that all clones agree, there are no other ties: JavaScript's order of values of
/// different kinds is that in which it comes upon them.
pub(super) fn compare(one: &Term, two: &Term) -> Ordering {
    match (one, two) {
        (Term::Iri(one), Term::Iri(two)) => compare_text(one.as_str(), two.as_str()),
        (Term::Iri(_), Term::Literal(_)) => Ordering::Greater,
        (Term::Literal(_), Term::Iri(_)) => Ordering::Less,
        (Term::Literal(one), Term::Literal(two)) => compare_literals(one, two),
    }
}

fn compare_literals(one: &Literal, two: &Literal) -> Ordering {
    let raw = match (number(one), number(two)) {
        (Some(one), Some(two)) => one.total_cmp(&two),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    raw.then_with(|| compare_text(&one.lexical, &two.lexical))
        .then_with(|| one.cmp(two))
}

/// The number that JavaScript has for a literal, or makes of it in order to compare.
fn number(literal: &Literal) -> Option<f64> {
    let number = match literal.datatype.as_str() {
        vocab::XS_BOOLEAN => return Some(f64::from(u8::from(&*literal.lexical == "true"))),
        vocab::XS_INTEGER | vocab::XS_DOUBLE => literal.lexical.trim().parse::<f64>().ok()?,
        _ => return None,
    };
    // No negative zero, which would be less than zero.
    Some(number + 0.0)
}

/// The order of JavaScript strings: by UTF-16 unit.
pub(super) fn compare_text(one: &str, two: &str) -> Ordering {
    one.encode_utf16().cmp(two.encode_utf16())
}

/// The integer that a literal is, if it is one.
pub(super) fn integer(term: &Term) -> Option<i64> {
    let literal = term.as_literal()?;
    let integer = literal.datatype == Iri::new(vocab::XS_INTEGER);
    literal.lexical.parse().ok().filter(|_| integer)
}
