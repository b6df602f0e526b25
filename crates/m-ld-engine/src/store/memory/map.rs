//! Ordered maps from bytes to bytes that know what is usual in a table.
//!
//! Keys of ids are in the tree itself, as the numbers that they are: no comparison follows a
//! pointer, which would make large maps slow, and none has an allocation of its own. A map that
//! is given something else becomes one that takes everything.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::super::raw::{Bounds, Direction};
use super::super::{Bytes, Table};

/// A key of `N` ids. It is ordered as its bytes are.
type Ids<const N: usize> = [u128; N];

/// Bytes of an id.
const ID: usize = size_of::<u128>();

/// A map of one of several forms.
pub(super) enum Map {
    /// By id of a term.
    Ids(BTreeMap<Ids<1>, Bytes>),
    /// By ids of a triple.
    Triples(BTreeMap<Ids<3>, Bytes>),
    /// By ids of a triple, with a byte or nothing.
    Marks(BTreeMap<Ids<3>, Mark>),
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
            Table::Meta | Table::Entries | Table::Operations | Table::Updates | Table::Notes => {
                Self::Any(BTreeMap::new())
            }
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Bytes> {
        match self {
            Self::Ids(map) => map.get(&ids(key)?).cloned(),
            Self::Triples(map) => map.get(&ids(key)?).cloned(),
            Self::Marks(map) => map.get(&ids(key)?).map(Slot::bytes),
            Self::Any(map) => map.get(key).cloned(),
        }
    }

    /// Sets or removes a value. Gives the one before.
    pub(super) fn set(&mut self, key: &[u8], value: Option<Bytes>) -> Option<Bytes> {
        if !self.takes(key, value.as_ref()) {
            self.take_everything();
        }
        match self {
            Self::Ids(map) => set(map, ids(key)?, value),
            Self::Triples(map) => set(map, ids(key)?, value),
            Self::Marks(map) => set(map, ids(key)?, value),
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
            Self::Ids(_) => key.len() == ID,
            Self::Triples(_) => key.len() == 3 * ID,
            Self::Marks(_) => key.len() == 3 * ID && value.is_none_or(|value| value.len() <= 1),
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
    map: &mut BTreeMap<Ids<N>, V>,
    key: Ids<N>,
    value: Option<Bytes>,
) -> Option<Bytes> {
    let before = match value.and_then(V::of) {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
    before.as_ref().map(V::bytes)
}

fn by_anything<const N: usize, V: Slot>(map: BTreeMap<Ids<N>, V>) -> BTreeMap<Vec<u8>, Bytes> {
    let entries = map.into_iter();
    entries
        .map(|(key, value)| (bytes(&key), value.bytes()))
        .collect()
}

fn chunk<const N: usize, V: Slot>(
    map: &BTreeMap<Ids<N>, V>,
    (from, to): Bounds<'_>,
    direction: Direction,
    limit: usize,
) -> Vec<(Vec<u8>, Bytes)> {
    let (from, to) = (lower::<N>(from), upper::<N>(to));
    let nothing = match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
    };
    if nothing {
        return Vec::new();
    }
    first(map.range((from, to)), direction, limit, bytes)
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

/// The bound among keys of `N` ids that a lower bound of any length is.
fn lower<const N: usize>(bound: Bound<&[u8]>) -> Bound<Ids<N>> {
    match bound {
        Bound::Unbounded => Bound::Unbounded,
        // Keys that begin with a shorter one come after it.
        Bound::Included(key) | Bound::Excluded(key) if key.len() < N * ID => {
            Bound::Included(cut(key))
        }
        Bound::Included(key) if key.len() == N * ID => Bound::Included(cut(key)),
        // A key that a longer one begins with comes before that.
        Bound::Included(key) | Bound::Excluded(key) => Bound::Excluded(cut(key)),
    }
}

/// The bound among keys of `N` ids that an upper bound of any length is.
fn upper<const N: usize>(bound: Bound<&[u8]>) -> Bound<Ids<N>> {
    match bound {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(key) | Bound::Excluded(key) if key.len() < N * ID => {
            Bound::Excluded(cut(key))
        }
        Bound::Excluded(key) if key.len() == N * ID => Bound::Excluded(cut(key)),
        Bound::Included(key) | Bound::Excluded(key) => Bound::Included(cut(key)),
    }
}

/// A key as ids, if it has the length.
fn ids<const N: usize>(key: &[u8]) -> Option<Ids<N>> {
    (key.len() == N * ID).then(|| cut(key))
}

/// The beginning of a key as ids, with zeros if it is too short.
fn cut<const N: usize>(key: &[u8]) -> Ids<N> {
    let mut ids = [0; N];
    let (whole, rest) = key.as_chunks();
    let mut last = [0; ID];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    for (id, bytes) in ids.iter_mut().zip(whole.iter().chain([&last])) {
        *id = u128::from_be_bytes(*bytes);
    }
    ids
}

fn bytes<const N: usize>(ids: &Ids<N>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(N * ID);
    for id in ids {
        bytes.extend_from_slice(&id.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::is_empty;
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
