//! The backend that keeps everything in memory and nothing after.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use m_ld_engine::store::Seal;

use super::StoreError;
use super::backend::{Backend, Change, Place};
use super::sled::Passing;

/// Bytes in memory.
#[derive(Default)]
pub(super) struct Memory {
    records: RwLock<BTreeMap<Place, Vec<u8>>>,
    tables: Mutex<Option<Passing>>,
}

impl Memory {
    /// Does something with the tables of clones, which are made when they are first needed.
    fn with_tables<T>(
        &self,
        act: impl FnOnce(&Passing) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if tables.is_none() {
            *tables = Some(Passing::open()?);
        }
        tables.as_ref().map_or(Err(StoreError::Closed), act)
    }
}

impl Backend for Memory {
    fn get(&self, place: Place) -> Result<Option<Vec<u8>>, StoreError> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        Ok(records.get(&place).cloned())
    }

    fn scan(&self, tree: u8) -> Result<Vec<(Place, Vec<u8>)>, StoreError> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
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
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        for (place, bytes) in changes {
            match bytes {
                Some(bytes) => records.insert(*place, bytes.clone()),
                None => records.remove(place),
            };
        }
        Ok(())
    }

    fn tables(
        &self,
        name: &[u8],
        seal: Arc<dyn Seal>,
    ) -> Result<Box<dyn m_ld_engine::store::Store>, StoreError> {
        self.with_tables(|tables| tables.tables(name, seal))
    }

    fn remove_tables(&self, name: &[u8]) -> Result<(), StoreError> {
        self.with_tables(|tables| tables.remove_tables(name))
    }

    fn barrier(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
