//! Locks in the store: taken up when it is opened, saved when they begin and when they are forgotten.

use super::Lockouts;
use super::subject::{Record, Subject};
use crate::store::{Batch, StoreError, Tree};

/// Records in one batch: well within what the store takes at once.
const BATCH: usize = 1000;

impl Lockouts {
    /// Takes up what the store holds.
    pub(super) async fn load(&self) -> Result<(), StoreError> {
        let (mut records, mut damaged) = (Vec::new(), Vec::new());
        for (key, value) in self.store.scan(Tree::Lockouts)? {
            if let (Some(subject), Some(record)) = (Subject::parse(&key), Record::parse(&value)) {
                records.push((record, subject));
            } else {
                damaged.push(key);
            }
        }
        self.restore(records);
        self.save().await;
        self.drop_damaged(&damaged).await
    }

    async fn drop_damaged(&self, keys: &[Vec<u8>]) -> Result<(), StoreError> {
        for keys in keys.chunks(BATCH) {
            let damaged = keys.len();
            log::warn!(target: "meldgate::limits", damaged; "dropping lockouts that cannot be read");
            let drop = |batch: Batch, key: &Vec<u8>| batch.remove(Tree::Lockouts, key.clone());
            self.store
                .commit(keys.iter().fold(Batch::new(), drop))
                .await?;
        }
        Ok(())
    }

    /// The longest first: should there be too many, these are kept.
    fn restore(&self, mut records: Vec<(Record, Subject)>) {
        records.sort_by_key(|(record, _)| std::cmp::Reverse(record.until));
        let (now, longest) = (self.now(), self.amounts.load().longest);
        let mut locks = self.locks();
        for (record, subject) in &records {
            locks.restore(subject, *record, now, longest);
        }
    }

    /// Brings the store up to what is so here. On failure the locks hold in memory, and the next call
    /// tries again.
    pub(super) async fn save(&self) {
        let _turn = self.saving.lock().await;
        loop {
            let unsaved = self.locks().unsaved(BATCH);
            if unsaved.is_empty() {
                return;
            }
            if let Err(error) = self.store.commit(batch(&unsaved)).await {
                if self.may_tell() {
                    log::error!(target: "meldgate::limits", error:err; "lockouts are not saved");
                }
                return;
            }
            self.locks().saved(&unsaved);
        }
    }
}

fn batch(unsaved: &[(Subject, u64, Option<Record>)]) -> Batch {
    let add = |batch: Batch, (subject, _, record): &(Subject, u64, Option<Record>)| match record {
        Some(record) => batch.put(Tree::Lockouts, subject.key(), record.to_bytes()),
        None => batch.remove(Tree::Lockouts, subject.key()),
    };
    unsaved.iter().fold(Batch::new(), add)
}
