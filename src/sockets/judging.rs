//! Judging operations at a price: what is large is judged aside, few at a time, and paid for by its size.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use m_ld_engine::wire::{self, WireError};

use crate::config;
use crate::limits::SocketBudget;

/// Messages from this size on, and updates that inflate to twice as much, are judged where blocking harms
/// nobody.
const ASIDE_FROM: usize = 32 * 1024;
/// How many bytes of an inflated update cost as much as one message.
const BYTES_PER_MESSAGE: usize = 32 * 1024;

/// Why an operation is not relayed.
#[derive(Debug)]
pub(super) enum Refused {
    /// It would close clones.
    Poison(WireError),
    /// It is more than its sender's budget has left.
    TooMuch,
}

/// Judges operations, as many large ones at a time as there are processors: their memory is bounded by that.
#[derive(Debug)]
pub(super) struct Judge {
    limits: wire::Limits,
    turns: Mutex<usize>,
    turn_free: Condvar,
}

/// A turn to judge a large operation, until dropped.
struct Turn<'a>(&'a Judge);

impl Judge {
    /// A judge that holds operations to the configured sizes.
    pub(super) fn new(config: &config::Sockets) -> Self {
        let limits = wire::Limits {
            max_message: config.max_payload,
            max_inflated: config.max_inflated,
            ..wire::Limits::default()
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            limits,
            turns: Mutex::new(processors),
            turn_free: Condvar::new(),
        }
    }

    /// Decides whether an operation may be relayed, and takes what that costs beyond one message from the
    /// sender's budget.
    pub(super) fn judge(&self, message: &[u8], budget: &SocketBudget) -> Result<(), Refused> {
        let inflated = match self.at_once(message) {
            Some(judged) => judged,
            None => tokio::task::block_in_place(|| {
                let _turn = self.turn();
                wire::judge(message, &self.limits).map(|envelope| envelope.inflated)
            }),
        };
        let inflated = inflated.map_err(Refused::Poison)?;
        match u32::try_from(inflated / BYTES_PER_MESSAGE) {
            Ok(0) => Ok(()),
            Ok(messages) => budget
                .spend_many(messages)
                .map(drop)
                .map_err(|_| Refused::TooMuch),
            Err(_) => Err(Refused::TooMuch),
        }
    }

    /// Judges what is small; `None`: it is not. A compressed update says first how large it will be.
    fn at_once(&self, message: &[u8]) -> Option<Result<usize, WireError>> {
        if message.len() >= ASIDE_FROM {
            return None;
        }
        let max_inflated = self.limits.max_inflated.min(2 * ASIDE_FROM);
        let small = wire::Limits {
            max_inflated,
            ..self.limits
        };
        match wire::judge(message, &small) {
            Err(WireError::TooLargeInflated { size, .. }) if size <= self.limits.max_inflated => {
                None
            }
            judged => Some(judged.map(|envelope| envelope.inflated)),
        }
    }

    fn turn(&self) -> Turn<'_> {
        let free = self.turns();
        let waited = self.turn_free.wait_while(free, |free| *free == 0);
        *waited.unwrap_or_else(PoisonError::into_inner) -= 1;
        Turn(self)
    }

    fn turns(&self) -> MutexGuard<'_, usize> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.turns() += 1;
        self.0.turn_free.notify_one();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::{Clock, Timestamp};
    use crate::config::{Config, Rate};
    use crate::ids::GatewayDomain;
    use crate::limits::Limits;

    fn world(messages: u32) -> (Judge, SocketBudget) {
        let domain = GatewayDomain::parse("gw.local").unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let mut config =
            Config::development(std::path::Path::new("/nowhere"), &domain, address).unwrap();
        config.limits.messages_per_socket = Rate {
            burst: messages,
            period: Duration::from_secs(10),
        };
        let (clock, _) = Clock::manual(Timestamp::from_millis(0));
        (
            Judge::new(&config.sockets),
            Limits::new(&config.limits, &clock).socket_messages(),
        )
    }

    /// An operation with an update of so many bytes: subjects that are nothing but their identity.
    pub(in crate::sockets) fn operation(bytes: usize) -> Vec<u8> {
        let subject = [b"\x81\xa3@id\xd9\xc8".as_slice(), &[b'x'; 200]].concat();
        let count = u16::try_from(bytes / subject.len()).unwrap();
        let mut update = b"\x92\x80\xdc".to_vec();
        update.extend_from_slice(&count.to_be_bytes());
        update.extend(subject.repeat(count.into()));
        let binary = |bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
            [b"\xc6".as_slice(), &length, bytes].concat()
        };
        let encoded = [
            b"\x97\x05\x01\x91\x01".as_slice(),
            &binary(&update),
            b"\x91\x01\xc0\xc0",
        ]
        .concat();
        [
            b"\x83\xa4prev\x00\xa3enc".as_slice(),
            &binary(&encoded),
            b"\xa4attr\xc0",
        ]
        .concat()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn an_operation_costs_what_its_update_weighs() {
        let (judge, budget) = world(10);
        assert!(judge.judge(&operation(1000), &budget).is_ok());
        assert_eq!(
            budget.spend().unwrap().remaining,
            9,
            "a small one costs nothing more"
        );
        assert!(
            judge
                .judge(&operation(5 * BYTES_PER_MESSAGE + 1000), &budget)
                .is_ok()
        );
        assert_eq!(budget.spend().unwrap().remaining, 3);
        let large = judge.judge(&operation(5 * BYTES_PER_MESSAGE + 1000), &budget);
        assert!(matches!(large, Err(Refused::TooMuch)), "{large:?}");
        assert_eq!(
            budget.spend().unwrap().remaining,
            2,
            "what is refused costs nothing"
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn poison_is_poison_at_any_size_and_gives_its_turn_back() {
        let (judge, budget) = world(10);
        for size in [10, 3 * ASIDE_FROM] {
            for _ in 0..2 * std::thread::available_parallelism().unwrap().get() {
                let judged = judge.judge(&vec![0xc1; size], &budget);
                assert!(matches!(judged, Err(Refused::Poison(_))), "{judged:?}");
            }
        }
    }
}
