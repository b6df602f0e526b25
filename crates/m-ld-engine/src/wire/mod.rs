//! Operation messages: judged, and decoded (m-ld protocol, section 4).
//!
//! # Judging
//! [`judge`] decides if an operation message may be passed on to other clones. The JavaScript
//! engine closes, or takes its process down, on an operation that it cannot decode or apply
//! (section 20, Q3 and Q10), so a relay has to refuse every such message, and no other. What is
//! refused:
//!
//! - what is not one MessagePack value of the profile, within the limits;
//! - a wrong shape of the message, of the encoded operation, or of the update in it;
//! - a version that is not 3, 4 or 5; an encoding that is not known; compressed data that is
//!   damaged, or that lies about its length, which JavaScript allocates unseen;
//! - a clock with no ID or with several, and an operation that begins after it ends;
//! - subjects, properties and values that JavaScript cannot make triples of: blank nodes, inline
//!   constraints, literals without a type, unknown keywords;
//! - identities that are names of members of a JavaScript object, which would be overwritten;
//! - `rdf:JSON` literals that JavaScript cannot present (Q3);
//! - numbers and times that are none, by which JavaScript cannot order its index; and terms of ten
//!   thousand UTF-16 units or more, which do not fit it;
//! - list positions and indexes that are none;
//! - text whose characters are not single UTF-16 units (Q10), or so far apart that JavaScript
//!   exhausts its memory.
//!
//! The content of an operation with the encoding SECURE is a secret of the domain. Of that only
//! the envelope is judged; see [`Envelope::secure`].
//!
//! What cannot be judged without knowing the domain is left: whether a clock fits those of the
//! receivers, and whether data (an extension declared in it, say) suits their applications.

pub(crate) mod content;
pub mod control;
mod encoding;
pub(crate) mod envelope;
mod error;
mod gzip;
mod json;
mod lexical;
mod limits;
mod operation;
pub(crate) mod term;
mod text;
pub(crate) mod update;

pub use encoding::Encoding;
pub use envelope::{Attribution, Envelope, judge};
pub use error::WireError;
pub use limits::Limits;
pub use operation::{Agreement, Operation, Update};

#[cfg(test)]
mod tests;
