//! The kinds of records.

/// A kind of records, each with its own keys and its own layout version.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Tree {
    /// Facts about the gateway itself.
    Meta,
    /// Accounts by name.
    Accounts,
    /// Account keys by id.
    Keys,
    /// Activations under way.
    Activations,
    /// Named subdomains.
    Subdomains,
    /// Lockouts and failures that must survive a restart.
    Lockouts,
    /// Keys that seal the tables of clones.
    Clones,
}

impl Tree {
    /// Every tree.
    pub const ALL: [Self; 7] = [
        Self::Meta,
        Self::Accounts,
        Self::Keys,
        Self::Activations,
        Self::Subdomains,
        Self::Lockouts,
        Self::Clones,
    ];

    /// The name in messages and in the store's list of layouts; never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Accounts => "accounts",
            Self::Keys => "keys",
            Self::Activations => "activations",
            Self::Subdomains => "subdomains",
            Self::Lockouts => "lockouts",
            Self::Clones => "clones",
        }
    }

    /// The number in the files; never changes. 0 and 1 are the store's own.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Meta => 2,
            Self::Accounts => 3,
            Self::Keys => 4,
            Self::Activations => 5,
            Self::Subdomains => 6,
            Self::Lockouts => 7,
            Self::Clones => 8,
        }
    }
}
