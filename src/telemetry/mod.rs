//! What the daemon says about itself: records with key-values, to the journal or as lines of text.
//!
//! # Invariants
//! 1. One record is one line, whatever a peer put into its values: nothing that could end a line, move a
//!    cursor or turn the reading direction is written as it is.
//! 2. A record is bounded in length.
//! 3. Libraries are not heard below `warn`: some of them log what they send and receive.

mod line;
mod logger;
#[cfg(test)]
mod tests;

pub use line::Line;
pub use logger::{Output, Telemetry, start};
