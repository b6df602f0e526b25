//! Ordered maps from bytes to bytes that know what is usual in a table.
//!
//! Keys of a usual length are in the tree itself: no comparison follows a pointer, which would
//! make large maps slow, and none has an allocation of its own. A map that is given something
//! else becomes one that takes everything.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::super::raw::{Bounds, Direction};
use super::super::{Bytes, Table, is_empty};

/// A map of one of several forms.
pub(super) enum Map {
    /// By id of a term.
    Ids(BTreeMap<[u8; 16], Bytes>),
    /// By ids of a triple.
    Triples(BTreeMap<[u8; 48], Bytes>),
    /// By ids of a triple, with a byte or nothing.
    Marks(BTreeMap<[u8; 48], Mark>),
    /// By anything.
    Any(BTreeMap<Vec<u8>, Bytes>),
}

impl Map {
    /// An empty map for what is usual in a table.
    pub(super) fn new(table: Table) -> Self {
        match table {
            Table::Terms | Table::Data => Self::Ids(BTreeMap::new()),
            Table::Spo => Self::Triples(BTreeMap::new()),
            Table::Pos | Table::Osp => Self::Marks(BTreeMap::new()),
            Table::Meta | Table::Entries | Table::Operations => Self::Any(BTreeMap::new()),
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Bytes> {
        match self {
            Self::Ids(map) => map.get(key.as_array()?).cloned(),
            Self::Triples(map) => map.get(key.as_array()?).cloned(),
            Self::Marks(map) => map.get(key.as_array()?).map(Slot::bytes),
            Self::Any(map) => map.get(key).cloned(),
        }
    }

    /// Sets or removes a value. Gives the one before.
    pub(super) fn set(&mut self, key: &[u8], value: Option<Bytes>) -> Option<Bytes> {
        if !self.takes(key, value.as_ref()) {
            self.take_everything();
        }
        match self {
            Self::Ids(map) => set(map, key.as_array()?, value),
            Self::Triples(map) => set(map, key.as_array()?, value),
            Self::Marks(map) => set(map, key.as_array()?, value),
            Self::Any(map) => match value {
                Some(value) => map.insert(key.to_vec(), value),
                None => map.remove(key),
            },
        }
    }

    /// The first entries within bounds.
    pub(super) fn chunk(
        &self,
        bounds: Bounds<'_>,
        direction: Direction,
        limit: usize,
    ) -> Vec<(Vec<u8>, Bytes)> {
        match self {
            Self::Ids(map) => chunk(map, bounds, direction, limit),
            Self::Triples(map) => chunk(map, bounds, direction, limit),
            Self::Marks(map) => chunk(map, bounds, direction, limit),
            Self::Any(map) => {
                let found = map.range::<[u8], _>(bounds);
                first(found, direction, limit, Vec::clone)
            }
        }
    }

    fn takes(&self, key: &[u8], value: Option<&Bytes>) -> bool {
        match self {
            Self::Ids(_) => key.len() == 16,
            Self::Triples(_) => key.len() == 48,
            Self::Marks(_) => key.len() == 48 && value.is_none_or(|value| value.len() <= 1),
            Self::Any(_) => true,
        }
    }

    fn take_everything(&mut self) {
        *self = Self::Any(match std::mem::replace(self, Self::Any(BTreeMap::new())) {
            Self::Ids(map) => by_anything(map),
            Self::Triples(map) => by_anything(map),
            Self::Marks(map) => by_anything(map),
            Self::Any(map) => map,
        });
    }
}

/// What a map has in place of bytes.
pub(super) trait Slot: Sized {
    /// The bytes in this form, if it can have them.
    fn of(bytes: Bytes) -> Option<Self>;

    /// The bytes.
    fn bytes(&self) -> Bytes;
}

impl Slot for Bytes {
    fn of(bytes: Bytes) -> Option<Self> {
        Some(bytes)
    }

    fn bytes(&self) -> Bytes {
        Self::clone(self)
    }
}

/// At most one byte.
#[derive(Clone, Copy)]
pub(super) struct Mark(Option<u8>);

impl Slot for Mark {
    fn of(bytes: Bytes) -> Option<Self> {
        match *bytes {
            [] => Some(Self(None)),
            [byte] => Some(Self(Some(byte))),
            _ => None,
        }
    }

    fn bytes(&self) -> Bytes {
        self.0.map_or_else(Bytes::default, |byte| [byte].into())
    }
}

fn set<const N: usize, V: Slot>(
    map: &mut BTreeMap<[u8; N], V>,
    key: &[u8; N],
    value: Option<Bytes>,
) -> Option<Bytes> {
    let before = match value.and_then(V::of) {
        Some(value) => map.insert(*key, value),
        None => map.remove(key),
    };
    before.as_ref().map(V::bytes)
}

fn by_anything<const N: usize, V: Slot>(map: BTreeMap<[u8; N], V>) -> BTreeMap<Vec<u8>, Bytes> {
    let entries = map.into_iter();
    entries
        .map(|(key, value)| (key.to_vec(), value.bytes()))
        .collect()
}

fn chunk<const N: usize, V: Slot>(
    map: &BTreeMap<[u8; N], V>,
    (from, to): Bounds<'_>,
    direction: Direction,
    limit: usize,
) -> Vec<(Vec<u8>, Bytes)> {
    let (from, to) = (lower(from), upper(to));
    let as_slice = <[u8; N]>::as_slice;
    if is_empty(from.as_ref().map(as_slice), to.as_ref().map(as_slice)) {
        return Vec::new();
    }
    first(map.range((from, to)), direction, limit, |key| key.to_vec())
}

fn first<'a, K: 'a, V: Slot + 'a>(
    found: impl DoubleEndedIterator<Item = (&'a K, &'a V)>,
    direction: Direction,
    limit: usize,
    key: impl Fn(&K) -> Vec<u8>,
) -> Vec<(Vec<u8>, Bytes)> {
    let entry = |(found, value): (&K, &V)| (key(found), value.bytes());
    match direction {
        Direction::Up => found.take(limit).map(entry).collect(),
        Direction::Down => found.rev().take(limit).map(entry).collect(),
    }
}

/// The bound among keys of `N` bytes that a lower bound of any length is.
fn lower<const N: usize>(bound: Bound<&[u8]>) -> Bound<[u8; N]> {
    match bound {
        Bound::Unbounded => Bound::Unbounded,
        // Keys that begin with a shorter one come after it.
        Bound::Included(key) | Bound::Excluded(key) if key.len() < N => Bound::Included(cut(key)),
        Bound::Included(key) if key.len() == N => Bound::Included(cut(key)),
        // A key that a longer one begins with comes before that.
        Bound::Included(key) | Bound::Excluded(key) => Bound::Excluded(cut(key)),
    }
}

/// The bound among keys of `N` bytes that an upper bound of any length is.
fn upper<const N: usize>(bound: Bound<&[u8]>) -> Bound<[u8; N]> {
    match bound {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(key) | Bound::Excluded(key) if key.len() < N => Bound::Excluded(cut(key)),
        Bound::Excluded(key) if key.len() == N => Bound::Excluded(cut(key)),
        Bound::Included(key) | Bound::Excluded(key) => Bound::Included(cut(key)),
    }
}

/// The beginning of a key, with zeros if it is too short.
fn cut<const N: usize>(key: &[u8]) -> [u8; N] {
    let mut cut = [0; N];
    for (to, from) in cut.iter_mut().zip(key) {
        *to = *from;
    }
    cut
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(0_u8), Just(1), Just(0xff)];
        let usual = prop_oneof![Just(15), Just(16), Just(17), Just(0)];
        (prop::collection::vec(byte, 3), usual, any::<bool>()).prop_map(|(end, len, whole)| {
            let mut key = vec![1; len];
            if whole && len >= 3 {
                key.truncate(len - 3);
                key.extend(end);
            }
            key
        })
    }

    fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
        prop_oneof![
            Just(Bound::Unbounded),
            key().prop_map(Bound::Included),
            key().prop_map(Bound::Excluded),
        ]
    }

    proptest! {
        #[test]
        fn a_map_of_usual_keys_is_as_any_other(
            // Of all lengths, or only of the usual one.
            keys in prop::collection::vec((key(), prop::option::weighted(0.8, any::<u8>())), 1..30),
            usual in any::<bool>(),
            bounds in prop::collection::vec((bound(), bound(), 1..9_usize), 1..20),
        ) {
            let mut map = Map::new(Table::Terms);
            let mut plain = Map::Any(BTreeMap::new());
            for (key, value) in keys {
                if usual && key.len() != 16 {
                    prop_assert_eq!(map.get(&key), None);
                    continue;
                }
                let value = value.map(|value| Bytes::from([value]));
                prop_assert_eq!(map.set(&key, value.clone()), plain.set(&key, value));
                prop_assert_eq!(map.get(&key), plain.get(&key));
            }
            prop_assert!(!usual || matches!(map, Map::Ids(_)));
            for (from, to, limit) in bounds {
                let bounds = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
                if is_empty(bounds.0, bounds.1) {
                    continue;
                }
                for direction in [Direction::Up, Direction::Down] {
                    let expected = plain.chunk(bounds, direction, limit);
                    prop_assert_eq!(map.chunk(bounds, direction, limit), expected);
                }
            }
        }
    }

    #[test]
    fn a_mark_that_is_no_mark_is_kept_all_the_same() {
        let mut map = Map::new(Table::Pos);
        let values: [&[u8]; 3] = [&[], &[1], &[1, 2]];
        for (at, value) in values.into_iter().enumerate() {
            let key = [u8::try_from(at).unwrap(); 48];
            assert_eq!(map.set(&key, Some(value.into())), None);
            assert_eq!(matches!(map, Map::Marks(_)), at < 2);
        }
        for (at, value) in values.into_iter().enumerate() {
            let key = [u8::try_from(at).unwrap(); 48];
            assert_eq!(map.get(&key).as_deref(), Some(value));
            assert_eq!(map.set(&key, None).as_deref(), Some(value));
        }
    }
}
