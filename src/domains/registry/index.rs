//! Which named subdomains there are, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use super::{Subdomain, parse, parse_key};
use crate::ids::Name;
use crate::store::{Store, StoreError, Tree};

/// Which named subdomains there are.
#[derive(Debug)]
pub(in crate::domains) struct Index {
    names: RwLock<BTreeMap<Name, BTreeSet<Name>>>,
    /// Those that were deleted, by the time this was opened.
    pub(super) buried: Vec<(Name, Name)>,
    /// Those whose operations are signed.
    signed: RwLock<BTreeSet<(Name, Name)>>,
    /// Tombstones whose names are UUIDs. Of others nobody asks: they are not among the names.
    deleted: RwLock<BTreeSet<(Name, Name)>>,
    /// Held over the making and deleting of one, so that an account's count cannot be passed by two at once, and
    /// nothing is made in an account that is being closed.
    making: tokio::sync::Mutex<()>,
}

/// Proof that nobody else makes or deletes subdomains.
pub(in crate::domains) type Making<'a> = tokio::sync::MutexGuard<'a, ()>;

impl Index {
    pub(in crate::domains) fn open(store: &Store) -> Result<Self, StoreError> {
        let mut names = BTreeMap::<Name, BTreeSet<Name>>::new();
        let mut signed = BTreeSet::new();
        let mut buried = Vec::new();
        let mut deleted = BTreeSet::new();
        for (key, record) in store.scan(Tree::Subdomains)? {
            let Some((account, name)) = parse_key(&key) else {
                continue;
            };
            let record = parse::<Subdomain>(&record)?;
            if record.deleted.is_none() {
                if record.use_signatures {
                    signed.insert((account.clone(), name.clone()));
                }
                names.entry(account).or_default().insert(name);
            } else {
                buried.push((account.clone(), name.clone()));
                if name.is_uuid() {
                    deleted.insert((account, name));
                }
            }
        }
        Ok(Self {
            names: RwLock::new(names),
            signed: RwLock::new(signed),
            buried,
            deleted: RwLock::new(deleted),
            making: tokio::sync::Mutex::default(),
        })
    }

    pub(in crate::domains) fn contains(&self, account: &Name, name: &Name) -> bool {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.get(account).is_some_and(|own| own.contains(name))
    }

    /// Waits until nobody else makes or deletes subdomains.
    pub(in crate::domains) async fn make(&self) -> Making<'_> {
        self.making.lock().await
    }

    /// Whether the operations of a subdomain are signed.
    pub(in crate::domains) fn is_signed(&self, account: &Name, name: &Name) -> bool {
        let signed = self.signed.read().unwrap_or_else(PoisonError::into_inner);
        !signed.is_empty() && signed.contains(&(account.clone(), name.clone()))
    }

    /// Whether there is the tombstone of a UUID name.
    pub(in crate::domains) fn is_deleted(&self, account: &Name, name: &Name) -> bool {
        let deleted = self.deleted.read().unwrap_or_else(PoisonError::into_inner);
        !deleted.is_empty() && deleted.contains(&(account.clone(), name.clone()))
    }

    /// The accounts that have named subdomains.
    pub(in crate::domains) fn accounts(&self) -> Vec<Name> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.keys().cloned().collect()
    }

    pub(in crate::domains) fn of(&self, account: &Name) -> Vec<Name> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.get(account).into_iter().flatten().cloned().collect()
    }

    /// Names of an account after another in order, at most so many.
    pub(super) fn after(&self, account: &Name, after: Option<&Name>, limit: usize) -> Vec<Name> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = names.get(account) else {
            return Vec::new();
        };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let next = own.range((from, Bound::Unbounded));
        next.take(limit).cloned().collect()
    }

    pub(super) fn remove(&self, account: &Name, name: &Name) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = names.get_mut(account) {
            own.remove(name);
            if own.is_empty() {
                names.remove(account);
            }
        }
        drop(names);
        let mut signed = self.signed.write().unwrap_or_else(PoisonError::into_inner);
        signed.remove(&(account.clone(), name.clone()));
        drop(signed);
        if name.is_uuid() {
            let mut deleted = self.deleted.write().unwrap_or_else(PoisonError::into_inner);
            deleted.insert((account.clone(), name.clone()));
        }
    }

    pub(super) fn add(&self, account: &Name, name: &Name, is_signed: bool) {
        if is_signed {
            let mut signed = self.signed.write().unwrap_or_else(PoisonError::into_inner);
            signed.insert((account.clone(), name.clone()));
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names
            .entry(account.clone())
            .or_default()
            .insert(name.clone());
    }
}
