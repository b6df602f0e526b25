//! Positions in lists (m-ld protocol, section 14.3).
//!
//! A position is levels of a number and a site. There is always room for another between two, at a
//! deeper level if need be, and two clones never make the same one.
//!
//! # Invariants
//! 1. New positions are strictly between their neighbours, in the order of JavaScript strings. The
//!    JavaScript engine fails in this where its own site is after that of the upper neighbour.
//! 2. Where it does not fail, the positions are the same as its, down to the fourth level.

mod allocate;
mod position;

#[cfg(test)]
mod tests;

pub use position::Position;

use crate::rdf::{Iri, vocab};
use allocate::{Bound, Room};

/// How many UTF-16 units a site has.
const SITE: usize = 16;

/// The site of a clone: its id, cut or padded.
pub fn site(clone_id: &str) -> String {
    let mut units = 0;
    let fits = |character: &char| {
        units += character.len_utf16();
        units <= SITE
    };
    let mut site: String = clone_id.chars().take_while(fits).collect();
    let missing = SITE - site.encode_utf16().count();
    site.extend(std::iter::repeat_n('_', missing));
    site
}

/// The position that a predicate stands for, if it does for one.
pub fn position_of(predicate: &Iri) -> Option<Position> {
    Position::parse(predicate.as_str().strip_prefix(vocab::LSEQ_POSITION)?)
}

/// The predicate from a list to its slot at a position.
pub fn predicate(position: &Position) -> Iri {
    Iri::new(format!("{}{position}", vocab::LSEQ_POSITION))
}

/// Makes positions in ascending order between two, or between one and an end of the list, with the
/// site of a clone (see [`site`]). There are none between a position and itself.
pub fn between(
    lower: Option<&Position>,
    upper: Option<&Position>,
    site: &str,
    count: usize,
) -> Vec<Position> {
    match (lower, upper) {
        (Some(lower), Some(upper)) if lower == upper => Vec::new(),
        (Some(lower), Some(upper)) if lower > upper => {
            between(Some(upper), Some(lower), site, count)
        }
        _ => {
            let (lower, upper) = (Bound::lower(lower), Bound::upper(upper));
            Room::between(&lower, &upper).map_or_else(Vec::new, |room| room.take(site, count))
        }
    }
}
