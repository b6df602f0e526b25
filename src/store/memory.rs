//! The backend that keeps everything in memory and nothing after.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use super::StoreError;
use super::backend::{Backend, Change, Place};

/// Bytes in memory.
#[derive(Debug, Default)]
pub(super) struct Memory(RwLock<BTreeMap<Place, Vec<u8>>>);

impl Backend for Memory {
    fn get(&self, place: Place) -> Result<Option<Vec<u8>>, StoreError> {
        let records = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(records.get(&place).cloned())
    }

    fn scan(&self, tree: u8) -> Result<Vec<(Place, Vec<u8>)>, StoreError> {
        let records = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let first = Place {
            tree,
            hash: [0; 16],
        };
        let last = Place {
            tree,
            hash: [u8::MAX; 16],
        };
        let range = records.range(first..=last);
        Ok(range
            .map(|(place, bytes)| (*place, bytes.clone()))
            .collect())
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut records = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (place, bytes) in changes {
            match bytes {
                Some(bytes) => records.insert(*place, bytes.clone()),
                None => records.remove(place),
            };
        }
        Ok(())
    }

    fn barrier(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
