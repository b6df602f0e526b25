//! The operations of one sender: when they left, and to how many they have come.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

use super::Pace;
use super::client::Outgoing;
use crate::failure::Result;
use crate::message::{FIRST_TICK, Template};

/// Operations whose times are remembered; no more are ever on their way.
const REMEMBERED: usize = 1 << 14;

/// One sender's operations.
#[derive(Debug)]
pub(super) struct Flow {
    template: Template,
    pace: Pace,
    receivers: u32,
    began: Instant,
    /// By tick: nanoseconds from the beginning to its sending, and receivers that have it.
    sent: Box<[(AtomicU64, AtomicU32)]>,
    room: Semaphore,
}

impl Flow {
    pub(super) fn new(template: Template, pace: Pace, receivers: u32) -> Self {
        let window = match pace {
            Pace::Window(window) => window,
            Pace::Rate(_) => 0,
        };
        Self {
            template,
            pace,
            receivers,
            began: Instant::now(),
            sent: (0..REMEMBERED)
                .map(|_| <(AtomicU64, AtomicU32)>::default())
                .collect(),
            room: Semaphore::new(window as usize),
        }
    }

    /// Sends until the server hangs up. `phase`, from 0 to 1, spreads senders over the period of a rate.
    pub(super) async fn send(&self, outgoing: Outgoing, phase: f64) -> Result<()> {
        let mut tick = FIRST_TICK;
        match self.pace {
            Pace::Window(_) => loop {
                let mut free = 1 + u32::try_from(self.room.available_permits().saturating_sub(1))?;
                self.room.acquire_many(free).await?.forget();
                free = free.max(1);
                outgoing
                    .operations((0..free).map(|i| self.leaving(tick + i + 1)))
                    .await?;
                tick += free;
            },
            Pace::Rate(rate) => {
                let period = Duration::from_secs_f64(1.0 / rate);
                let mut interval = tokio::time::interval_at(
                    tokio::time::Instant::now() + period.mul_f64(phase),
                    period,
                );
                interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
                loop {
                    interval.tick().await;
                    tick += 1;
                    outgoing
                        .operations(std::iter::once(self.leaving(tick)))
                        .await?;
                }
            }
        }
    }

    fn leaving(&self, tick: u32) -> Bytes {
        let (sent, _) = &self.sent[tick as usize % REMEMBERED];
        sent.store(self.now(), Ordering::Relaxed);
        self.template.message(tick)
    }

    /// Notes that one receiver has an operation; gives how long it took, in microseconds.
    pub(super) fn arrived(&self, message: &[u8]) -> Option<u32> {
        let tick = self.template.tick(message)?;
        let (sent, have) = &self.sent[tick as usize % REMEMBERED];
        if have.fetch_add(1, Ordering::Relaxed) + 1 == self.receivers {
            have.store(0, Ordering::Relaxed);
            self.room.add_permits(1);
        }
        let nanoseconds = self.now().saturating_sub(sent.load(Ordering::Relaxed));
        Some(u32::try_from(nanoseconds / 1000).unwrap_or(u32::MAX))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
