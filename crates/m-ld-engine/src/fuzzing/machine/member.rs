//! A clone under test, and what it sends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::super::pattern::Counting;
use super::super::script::Script;
use super::DOMAIN;
use super::known::Known;
use crate::clone::{CloneError, Config, Effect, Effects, Input, MeldClone, Plugins, WriteError};
use crate::context::domain_base;
use crate::operation::Codec;
use crate::pattern::{self, PatternError};
use crate::rdf::Iri;
use crate::store::{Batch, MemoryStore, Store, StoreError, View};
use crate::wire::Limits;

/// The property that has text.
pub(super) const TEXT: &str = "http://fuzz.example.org/#text";
/// The property that has one value.
const SINGLE: &str = "http://fuzz.example.org/#single";
/// How many messages, and bytes of them, wait in a clone.
const WAITING: (usize, usize) = (20, 4096);
/// More than any step gives: a stream's, and for each request that ends all that waits.
const MAX_EFFECTS: usize = 200;
const MAX_BYTES: usize = 1 << 20;

/// Something that goes from one clone to another.
#[derive(Clone, Debug)]
pub(super) enum Parcel {
    Operation(Vec<u8>),
    Request(String, Vec<u8>),
    Reply(String, String, Vec<u8>),
    Notify(String, Vec<u8>),
}

/// A parcel with its addresses. Without a receiver it is for all.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) from: String,
    pub(super) to: Option<String>,
    pub(super) parcel: Parcel,
}

impl Parcel {
    pub(super) fn input<'a>(&'a self, from: &'a str) -> Input<'a> {
        match self {
            Self::Operation(message) => Input::Operation(message),
            Self::Request(message_id, payload) => Input::Request {
                from,
                message_id,
                payload,
            },
            Self::Reply(message_id, sent_message_id, payload) => Input::Reply {
                from,
                message_id,
                sent_message_id,
                payload,
            },
            Self::Notify(channel, payload) => Input::Notification {
                from,
                channel,
                payload,
            },
        }
    }

    /// Any bytes, with addresses that mean something.
    pub(super) fn raw(known: &Known, script: &mut Script<'_>) -> Self {
        let (kind, payload) = (script.below(4), script.bytes().to_vec());
        match kind {
            0 => Self::Operation(payload),
            1 => Self::Request(known.id(script), payload),
            2 => Self::Reply(known.id(script), known.id(script), payload),
            _ => Self::Notify(known.channel(script), payload),
        }
    }

    /// Changes some bytes, or none.
    pub(super) fn change(&mut self, script: &mut Script<'_>) {
        let (Self::Operation(bytes)
        | Self::Request(_, bytes)
        | Self::Reply(_, _, bytes)
        | Self::Notify(_, bytes)) = self;
        for _ in 0..script.below(4) {
            let place = usize::from(script.byte()) % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(place) {
                *byte = script.byte();
            }
        }
        if script.below(8) == 1 {
            bytes.truncate(usize::from(script.byte()));
        }
    }
}

/// A store that outlives the clone on it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<MemoryStore>>);

impl Kept {
    fn with<T>(&self, act: impl FnOnce(&mut MemoryStore) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store for Kept {
    fn view(&self) -> Arc<dyn View> {
        self.with(|store| store.view())
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.with(|store| store.commit(batch))
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.with(Store::sync)
    }
}

pub(super) fn codec() -> Option<Codec> {
    Codec::new(&domain_base(DOMAIN)).ok()
}

/// A clone, and what it keeps.
pub(super) struct Member {
    pub(super) id: &'static str,
    store: Kept,
    clone: MeldClone,
    opened: u64,
}

impl Member {
    pub(super) fn new(id: &'static str, now: Duration) -> Self {
        let store = Kept::default();
        Self {
            clone: open(id, &store, 0, now),
            opened: 0,
            id,
            store,
        }
    }

    /// Begins anew with what is kept.
    pub(super) fn reopen(&mut self, now: Duration) -> Vec<Letter> {
        self.opened += 1;
        self.clone = open(self.id, &self.store, self.opened, now);
        Vec::new()
    }

    pub(super) fn hand(&mut self, input: Input<'_>, now: Duration) -> Vec<Letter> {
        let told = format!("{input:?}");
        let outcome = self.clone.handle(input, now);
        self.done(outcome, now, &told)
    }

    pub(super) fn pump(&mut self, now: Duration) -> Vec<Letter> {
        if !self.clone.is_streaming() {
            return Vec::new();
        }
        let outcome = self.clone.pump(now);
        self.done(outcome, now, "pump")
    }

    /// Lets a clone know the time, and sees that it does not want to be told again at once.
    pub(super) fn wake(&mut self, now: Duration) -> Vec<Letter> {
        let letters = self.hand(Input::Time, now);
        let next = self.clone.next_wake();
        assert!(
            self.clone.is_closed() || next.is_none_or(|next| next > now),
            "at {now:?} it wants to be woken at {next:?}"
        );
        letters
    }

    pub(super) fn write(&mut self, request: &serde_json::Value, now: Duration) -> Vec<Letter> {
        match self.clone.write(request, now) {
            Ok((_, effects)) => self.take(effects, now),
            Err(error @ (WriteError::Clone(_) | WriteError::Pattern(PatternError::Store(_)))) => {
                assert!(self.clone.is_closed(), "writing {request}: {error}");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    /// Nothing ends a clone; but one that has closed does nothing more until it begins anew.
    fn done(
        &mut self,
        outcome: Result<Effects, CloneError>,
        now: Duration,
        what: &str,
    ) -> Vec<Letter> {
        match outcome {
            Ok(effects) => self.take(effects, now),
            Err(CloneError::Closed) => self.reopen(now),
            Err(error) => unreachable!("{}, {what}: {error}", self.id),
        }
    }

    fn take(&mut self, effects: Effects, now: Duration) -> Vec<Letter> {
        let released = self.clone.release(effects);
        assert!(released.is_ok(), "the store is in memory");
        let effects = released.unwrap_or_default();
        assert!(effects.len() <= MAX_EFFECTS, "{} effects", effects.len());
        let letters: Vec<_> = effects
            .into_iter()
            .filter_map(|effect| self.letter(effect))
            .collect();
        let bytes: usize = letters.iter().map(|letter| letter.parcel.len()).sum();
        assert!(bytes <= MAX_BYTES, "{bytes} bytes");
        if self.clone.is_closed() {
            self.reopen(now);
        }
        letters
    }

    fn letter(&self, effect: Effect) -> Option<Letter> {
        let (to, parcel) = match effect {
            Effect::Operation(message) => (None, Parcel::Operation(message)),
            Effect::Request {
                to,
                message_id,
                payload,
            } => (Some(to), Parcel::Request(message_id, payload)),
            Effect::Reply {
                to,
                message_id,
                sent_message_id,
                payload,
            } => (
                Some(to),
                Parcel::Reply(message_id, sent_message_id, payload),
            ),
            Effect::Notify {
                to,
                channel,
                payload,
            } => (Some(to), Parcel::Notify(channel, payload)),
            Effect::Closed(why) => {
                let meant = matches!(
                    why,
                    None | Some(CloneError::GenesisConflict | CloneError::Alone)
                );
                assert!(meant, "{} closed: {why:?}", self.id);
                return None;
            }
            Effect::Present(_)
            | Effect::Update(_)
            | Effect::Reloaded
            | Effect::Status(_)
            | Effect::Discarded(_) => return None,
        };
        Some(Letter {
            from: self.id.to_owned(),
            to,
            parcel,
        })
    }

    /// What is kept and what waits is as it should be.
    pub(super) fn check(&self) {
        let sound = self.clone.check();
        assert!(sound.is_ok(), "{}: {sound:?}", self.id);
    }
}

impl Parcel {
    fn len(&self) -> usize {
        let (Self::Operation(bytes)
        | Self::Request(_, bytes)
        | Self::Reply(_, _, bytes)
        | Self::Notify(_, bytes)) = self;
        bytes.len()
    }
}

fn open(id: &str, store: &Kept, opened: u64, now: Duration) -> MeldClone {
    let mut config = Config::new(DOMAIN, id);
    config.genesis = id == "a";
    config.keep_updates = true;
    config.rules.text.insert(Iri::new(TEXT));
    config.rules.single_valued.insert(Iri::new(SINGLE));
    config.max_waiting = WAITING;
    config.max_serving = 3;
    config.journal.max_entry_footprint = 400;
    config.journal.keep = 10;
    config.limits = Limits {
        max_message: 1 << 14,
        max_inflated: 1 << 16,
        max_depth: 100,
        max_elements: 5_000,
    };
    config.served_limits = Limits {
        max_message: 1 << 15,
        ..config.limits
    };
    config.patterns = pattern::Limits {
        values: 1_000,
        work: 5_000,
        ..pattern::Limits::default()
    };
    let seed = id.bytes().fold(opened, |seed, byte| {
        seed.wrapping_mul(31).wrapping_add(byte.into())
    });
    let opened = MeldClone::open(
        Box::new(store.clone()),
        config,
        Plugins::default(),
        Box::new(Counting(seed)),
        now,
    );
    match opened {
        Ok((clone, _)) => clone,
        Err(error) => unreachable!("what is kept can be opened: {error}"),
    }
}
