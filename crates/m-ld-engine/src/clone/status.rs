//! How a clone is doing.

/// The status of a clone (m-ld protocol, section 18).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Status {
    /// Whether it is known if other clones are there.
    pub online: bool,
    /// Whether the clone may lack operations of others that it could have.
    pub outdated: bool,
    /// Whether the clone is live, and no other is there.
    pub silo: bool,
    /// The clone's own ticks.
    pub ticks: u64,
}
