//! A store in memory, which ends with the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::{Batch, Bytes, Entries, Store, StoreError, Table, View};

/// Keeps a clone's tables in memory. [`Store::sync`] has nothing to do.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    tables: Arc<Tables>,
}

type Tables = [BTreeMap<Vec<u8>, Bytes>; Table::ALL.len()];

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn view(&self) -> Arc<dyn View> {
        Arc::new(Fixed(Arc::clone(&self.tables)))
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        let tables = Arc::make_mut(&mut self.tables);
        for table in batch.cleared {
            if let Some(table) = tables.get_mut(table.index()) {
                table.clear();
            }
        }
        for (table, key, value) in batch.changes {
            let Some(table) = tables.get_mut(table.index()) else {
                continue;
            };
            match value {
                Some(value) => table.insert(key, value),
                None => table.remove(&key),
            };
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

struct Fixed(Arc<Tables>);

impl Fixed {
    fn of(&self, table: Table) -> impl Iterator<Item = &BTreeMap<Vec<u8>, Bytes>> {
        self.0.get(table.index()).into_iter()
    }
}

impl View for Fixed {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.of(table).find_map(|table| table.get(key).cloned()))
    }

    fn range<'a>(&'a self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Entries<'a> {
        if super::is_empty(from, to) {
            return Box::new(std::iter::empty());
        }
        let entries = self
            .of(table)
            .flat_map(move |t| t.range::<[u8], _>((from, to)).collect::<Vec<_>>());
        let entries: Vec<_> = entries
            .map(|(key, value)| Ok((key.clone(), value.clone())))
            .collect();
        Box::new(entries.into_iter())
    }

    fn range_back<'a>(&'a self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Entries<'a> {
        let entries: Vec<_> = self.range(table, from, to).collect();
        Box::new(entries.into_iter().rev())
    }
}
