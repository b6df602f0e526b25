//! Clones in one process, and what they want done, for tests that decide themselves when that is.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use m_ld_engine::chance::Chance;
use m_ld_engine::clone::{Config, Effect, Effects, Input, MeldClone, Plugins, Update};
use m_ld_engine::constraint::Configured;
use m_ld_engine::store::{MemoryStore, View};
use std::sync::Arc;

/// Numbers that look random and are the same each time (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

impl Chance for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.next().to_le_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
    }
}

/// Something on its way to a clone, other than an operation.
#[derive(Clone, Debug)]
enum Parcel {
    Request(String, String, Vec<u8>),
    Reply(String, String, String, Vec<u8>),
    Notify(String, String, Vec<u8>),
}

/// Clones that hear one another at once, but for operations, which are delivered by hand.
#[derive(Default)]
pub(crate) struct Hall {
    pub(crate) clones: BTreeMap<String, MeldClone>,
    /// Operations that were sent, by sender.
    pub(crate) sent: Vec<(String, Vec<u8>)>,
    /// Updates that were told, by clone.
    pub(crate) updates: Vec<(String, Box<Update>)>,
    under_way: VecDeque<(String, Parcel)>,
    now: Duration,
}

impl Hall {
    /// Adds a clone that begins the domain, or joins it from another.
    pub(crate) fn join(
        &mut self,
        domain: &str,
        id: &str,
        from: Option<&str>,
        rules: Configured,
        plugins: Plugins,
    ) {
        let mut config = Config::new(domain, id);
        config.rules = rules;
        config.genesis = from.is_none();
        let seed = id.bytes().fold(7, |seed, byte| seed * 31 + u64::from(byte));
        let store = Box::new(MemoryStore::new());
        let chance = Box::new(Seeded(seed));
        let (clone, effects) = MeldClone::open(store, config, plugins, chance, self.now).unwrap();
        self.clones.insert(id.to_owned(), clone);
        self.take(id, effects);
        self.input(id, Input::Connected);
        let present: Vec<_> = from.into_iter().map(str::to_owned).collect();
        self.input(id, Input::Presence(present));
        self.settle();
        // Those who were alone see that they are not.
        if let Some(from) = from {
            self.input(from, Input::Presence(vec![from.to_owned(), id.to_owned()]));
            self.settle();
        }
        assert!(self.sent.is_empty(), "nothing was written");
    }

    /// Hands something to a clone.
    pub(crate) fn input(&mut self, id: &str, input: Input<'_>) {
        let clone = self.clones.get_mut(id).unwrap();
        let effects = clone.handle(input, self.now).unwrap();
        self.take(id, effects);
    }

    /// Does what a clone wants.
    pub(crate) fn take(&mut self, id: &str, effects: Effects) {
        let effects = self.clones.get_mut(id).unwrap().release(effects).unwrap();
        for effect in effects {
            match effect {
                Effect::Operation(message) => self.sent.push((id.to_owned(), message)),
                Effect::Request {
                    to,
                    message_id,
                    payload,
                } => self.post(to, Parcel::Request(id.to_owned(), message_id, payload)),
                Effect::Reply {
                    to,
                    message_id,
                    sent_message_id,
                    payload,
                } => self.post(
                    to,
                    Parcel::Reply(id.to_owned(), message_id, sent_message_id, payload),
                ),
                Effect::Notify {
                    to,
                    channel,
                    payload,
                } => self.post(to, Parcel::Notify(id.to_owned(), channel, payload)),
                Effect::Update(update) => self.updates.push((id.to_owned(), update)),
                Effect::Discarded(error) => panic!("{id} discarded something: {error}"),
                Effect::Closed(why) => panic!("{id} closed: {why:?}"),
                Effect::Present(_) | Effect::Status(_) | Effect::Reloaded => {}
            }
        }
    }

    fn post(&mut self, to: String, parcel: Parcel) {
        self.under_way.push_back((to, parcel));
    }

    /// Lets everything happen that happens by itself.
    pub(crate) fn settle(&mut self) {
        loop {
            while let Some((to, parcel)) = self.under_way.pop_front() {
                match &parcel {
                    Parcel::Request(from, message_id, payload) => self.input(
                        &to,
                        Input::Request {
                            from,
                            message_id,
                            payload,
                        },
                    ),
                    Parcel::Reply(from, message_id, sent_message_id, payload) => self.input(
                        &to,
                        Input::Reply {
                            from,
                            message_id,
                            sent_message_id,
                            payload,
                        },
                    ),
                    Parcel::Notify(from, channel, payload) => self.input(
                        &to,
                        Input::Notification {
                            from,
                            channel,
                            payload,
                        },
                    ),
                }
            }
            let streaming: Vec<_> = self
                .clones
                .iter()
                .filter(|(_, clone)| clone.is_streaming())
                .map(|(id, _)| id.clone())
                .collect();
            if streaming.is_empty() && self.under_way.is_empty() {
                return;
            }
            for id in streaming {
                let effects = self.clones.get_mut(&id).unwrap().pump(self.now).unwrap();
                self.take(&id, effects);
            }
        }
    }

    /// The data of a clone.
    pub(crate) fn view(&self, id: &str) -> Arc<dyn View> {
        self.clones[id].view().unwrap()
    }

    /// Takes what was sent since this was last called.
    pub(crate) fn take_sent(&mut self) -> Vec<Vec<u8>> {
        let sent = std::mem::take(&mut self.sent);
        sent.into_iter().map(|(_, message)| message).collect()
    }
}
