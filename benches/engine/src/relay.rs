//! Clones in one process, between which messages go at once, except operations, which are kept.

use std::collections::VecDeque;
use std::mem::take;
use std::time::Duration;

use m_ld_engine::chance::Chance;
use m_ld_engine::clone::{Config, Effect, Effects, Input, MeldClone, Plugins};
use m_ld_engine::store::Store;
use serde_json::Value as Json;

use crate::{Result, data};

/// No time passes: no journal is tended, and nothing times out. The JavaScript engine is told to leave its
/// journal alone too.
pub(crate) const NOW: Duration = Duration::ZERO;

/// Numbers that look random, the same in each run (`SplitMix64`).
struct Seeded(u64);

impl Chance for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut next = self.0;
            next = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            next = (next ^ (next >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let next = (next ^ (next >> 31)).to_le_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
    }
}

/// Something on its way to a clone, other than an operation.
enum Parcel {
    Request(usize, String, Vec<u8>),
    Reply(usize, String, String, Vec<u8>),
    Notification(usize, String, Vec<u8>),
}

/// The clones of a domain: the first has begun it, all others have joined it.
#[derive(Default)]
pub(crate) struct Relay {
    pub(crate) clones: Vec<MeldClone>,
    /// Operations that were sent and not taken.
    operations: Vec<Vec<u8>>,
    under_way: VecDeque<(usize, Parcel)>,
    /// Updates that applications were told of.
    pub(crate) updates: usize,
    /// A clone that is not present any more.
    pub(crate) away: Option<usize>,
}

impl Relay {
    /// Adds a clone, which takes a snapshot if it is not the first.
    pub(crate) fn join(&mut self, store: Box<dyn Store>) -> Result<()> {
        let newest = self.clones.len();
        let mut config = Config::new(data::DOMAIN, newest.to_string());
        config.genesis = newest == 0;
        let chance = Box::new(Seeded(newest as u64));
        let (clone, effects) = MeldClone::open(store, config, Plugins::default(), chance, NOW)?;
        self.clones.push(clone);
        self.release(newest, effects)?;
        self.tell(newest, Input::Connected)?;
        self.tell(newest, Input::Presence(self.present(newest)))?;
        self.run()?;
        for at in 0..=newest {
            self.tell(at, Input::Presence(self.present(newest + 1)))?;
        }
        self.run()?;
        let ready = self.clones[newest].view().is_some() && !self.clones[newest].status().outdated;
        ready
            .then_some(())
            .ok_or_else(|| "a clone did not join".into())
    }

    fn present(&self, count: usize) -> Vec<String> {
        let present = (0..count).filter(|id| Some(*id) != self.away);
        present.map(|id| id.to_string()).collect()
    }

    /// Writes, one request after the other.
    pub(crate) fn write(&mut self, at: usize, requests: &[Json]) -> Result<()> {
        for request in requests {
            let (_, effects) = self.clones[at].write(request, NOW)?;
            self.release(at, effects)?;
        }
        Ok(())
    }

    /// Writes so many requests at a time before the store is synced and what they want is done.
    pub(crate) fn write_grouped(
        &mut self,
        at: usize,
        requests: &[Json],
        group: usize,
    ) -> Result<()> {
        for requests in requests.chunks(group) {
            let mut together = Effects::default();
            for request in requests {
                together.join(self.clones[at].write(request, NOW)?.1);
            }
            self.release(at, together)?;
        }
        Ok(())
    }

    /// The operations that were sent since this was last called.
    pub(crate) fn take_operations(&mut self) -> Vec<Vec<u8>> {
        take(&mut self.operations)
    }

    /// Delivers operations to a clone.
    pub(crate) fn deliver(&mut self, at: usize, operations: &[Vec<u8>]) -> Result<()> {
        let before = self.updates;
        for operation in operations {
            self.tell(at, Input::Operation(operation))?;
        }
        let applied = self.updates - before;
        (applied == operations.len())
            .then_some(())
            .ok_or_else(|| format!("{applied} of {} applied", operations.len()).into())
    }

    fn tell(&mut self, at: usize, input: Input<'_>) -> Result<()> {
        let effects = self.clones[at].handle(input, NOW)?;
        self.release(at, effects)
    }

    fn release(&mut self, at: usize, effects: Effects) -> Result<()> {
        for effect in self.clones[at].release(effects)? {
            match effect {
                Effect::Operation(message) => self.operations.push(message),
                Effect::Request {
                    to,
                    message_id,
                    payload,
                } => {
                    self.post(&to, Parcel::Request(at, message_id, payload))?;
                }
                Effect::Reply {
                    to,
                    message_id,
                    sent_message_id,
                    payload,
                } => {
                    self.post(&to, Parcel::Reply(at, message_id, sent_message_id, payload))?;
                }
                Effect::Notify {
                    to,
                    channel,
                    payload,
                } => {
                    self.post(&to, Parcel::Notification(at, channel, payload))?;
                }
                // As the application of the JavaScript clone gets it.
                Effect::Update(update) => {
                    std::hint::black_box(update.to_json(self.clones[at].context()));
                    self.updates += 1;
                }
                Effect::Discarded(error) => return Err(error.into()),
                Effect::Closed(why) => return Err(format!("a clone closed: {why:?}").into()),
                Effect::Present(_) | Effect::Status(_) | Effect::Reloaded => {}
            }
        }
        Ok(())
    }

    fn post(&mut self, to: &str, parcel: Parcel) -> Result<()> {
        self.under_way.push_back((to.parse()?, parcel));
        Ok(())
    }

    /// Lets everything happen that happens by itself.
    fn run(&mut self) -> Result<()> {
        loop {
            while let Some((to, parcel)) = self.under_way.pop_front() {
                self.hand(to, &parcel)?;
            }
            let mut streaming = self.clones.iter().map(MeldClone::is_streaming);
            let Some(at) = streaming.position(|is_streaming| is_streaming) else {
                return Ok(());
            };
            let effects = self.clones[at].pump(NOW)?;
            self.release(at, effects)?;
        }
    }

    fn hand(&mut self, to: usize, parcel: &Parcel) -> Result<()> {
        match parcel {
            Parcel::Request(from, message_id, payload) => {
                let from = &from.to_string();
                self.tell(
                    to,
                    Input::Request {
                        from,
                        message_id,
                        payload,
                    },
                )
            }
            Parcel::Reply(from, message_id, sent_message_id, payload) => {
                let from = &from.to_string();
                self.tell(
                    to,
                    Input::Reply {
                        from,
                        message_id,
                        sent_message_id,
                        payload,
                    },
                )
            }
            Parcel::Notification(from, channel, payload) => {
                let from = &from.to_string();
                self.tell(
                    to,
                    Input::Notification {
                        from,
                        channel,
                        payload,
                    },
                )
            }
        }
    }
}
