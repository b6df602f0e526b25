//! Sealing of values on their way to a disk.

use super::{Bytes, StoreError, Table};

/// Seals values with authenticated encryption, so that whoever reads the disk learns nothing, and
/// whoever changes it is found out. The embedder has the key.
///
/// Keys of tables are not sealed: they must keep their order. Those of terms and triples are
/// keyed hashes, others are ticks and transaction ids.
pub trait Seal: Send + Sync {
    /// Seals a value, bound to the place where it will be.
    fn seal(&self, table: Table, key: &[u8], value: &[u8]) -> Result<Vec<u8>, StoreError>;

    /// Opens a sealed value. It fails with [`StoreError::Damaged`] if the value was not sealed by
    /// this, or for another place.
    fn open(&self, table: Table, key: &[u8], sealed: &[u8]) -> Result<Bytes, StoreError>;
}

/// Seals nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unsealed;

impl Seal for Unsealed {
    fn seal(&self, _table: Table, _key: &[u8], value: &[u8]) -> Result<Vec<u8>, StoreError> {
        Ok(value.to_vec())
    }

    fn open(&self, _table: Table, _key: &[u8], sealed: &[u8]) -> Result<Bytes, StoreError> {
        Ok(sealed.into())
    }
}
