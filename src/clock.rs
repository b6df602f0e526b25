//! The only reader of time and the only maker of chance.
//!
//! Everything that needs the time takes a [`Clock`], and everything that needs randomness takes a
//! [`Chance`], so that a test can drive the one and seed the other.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::rngs::{StdRng, SysRng};
use rand::{Rng as _, SeedableRng as _, TryRng as _};
use serde::{Deserialize, Serialize};

/// A moment on the calendar, in milliseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment that lies so many milliseconds after the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, as JWTs and X.509 count.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// The moment in UTC as RFC 3339 writes it; one after the year 9999 is the last before.
    pub fn to_rfc3339(self) -> String {
        let time = UNIX_EPOCH + Duration::from_millis(self.0.min(253_402_300_799_999));
        humantime::format_rfc3339_millis(time).to_string()
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The moment `wait` later, or the last one there is.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

/// A source of the time. Clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System { started: Instant },
    Manual(Arc<Mutex<Reading>>),
}

#[derive(Debug)]
struct Reading {
    calendar: Timestamp,
    running: Duration,
}

impl Clock {
    /// The clock of the machine.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the module that reads the time"
    )]
    pub fn system() -> Self {
        Self(Source::System {
            started: Instant::now(),
        })
    }

    /// A clock that stands still until its [`Hand`] moves it.
    pub fn manual(start: Timestamp) -> (Self, Hand) {
        let reading = Arc::new(Mutex::new(Reading {
            calendar: start,
            running: Duration::ZERO,
        }));
        (Self(Source::Manual(Arc::clone(&reading))), Hand(reading))
    }

    /// The moment on the calendar; may jump when the machine's time is set.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the module that reads the time"
    )]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System { .. } => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Source::Manual(reading) => lock(reading).calendar,
        }
    }

    /// Time since the clock was made; never goes back.
    pub fn running(&self) -> Duration {
        match &self.0 {
            Source::System { started } => started.elapsed(),
            Source::Manual(reading) => lock(reading).running,
        }
    }
}

/// Moves a manual [`Clock`].
#[derive(Debug)]
pub struct Hand(Arc<Mutex<Reading>>);

impl Hand {
    /// Lets `time` pass.
    pub fn advance(&self, time: Duration) {
        let mut reading = lock(&self.0);
        reading.calendar = reading.calendar.after(time);
        reading.running += time;
    }
}

fn lock(reading: &Mutex<Reading>) -> std::sync::MutexGuard<'_, Reading> {
    reading.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A source of unpredictable bytes. Clones draw from the same source.
#[derive(Clone)]
pub struct Chance(Option<Arc<Mutex<StdRng>>>);

impl Chance {
    /// The operating system's generator, fit for keys.
    pub fn system() -> Self {
        Self(None)
    }

    /// A sequence that repeats for the same seed: for tests and simulations only.
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// Fills `bytes`.
    ///
    /// # Panics
    /// If the operating system has no randomness to give: nothing secure can be done without.
    #[expect(
        clippy::expect_used,
        reason = "a daemon that cannot draw randomness must not go on"
    )]
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            None => SysRng
                .try_fill_bytes(bytes)
                .expect("the system's randomness is available"),
            Some(rng) => rng
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .fill_bytes(bytes),
        }
    }

    /// An array of unpredictable bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number below `bound`, each as likely; zero if `bound` is zero.
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let fair = u64::MAX - u64::MAX % bound;
        loop {
            let drawn = u64::from_le_bytes(self.bytes());
            if drawn < fair {
                return drawn % bound;
            }
        }
    }

    /// `length` characters, each drawn fairly from `alphabet` (ASCII, not empty).
    pub fn text(&self, length: usize, alphabet: &[u8]) -> String {
        let size = alphabet.len() as u64;
        (0..length)
            .filter_map(|_| alphabet.get(usize::try_from(self.below(size)).unwrap_or(0)))
            .map(|&byte| char::from(byte))
            .collect()
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_none() {
            "Chance(system)"
        } else {
            "Chance(seeded)"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_its_hand() {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(1000));
        let seen = clock.clone();
        hand.advance(Duration::from_secs(2));
        assert_eq!(seen.now(), Timestamp::from_millis(3000));
        assert_eq!(seen.running(), Duration::from_secs(2));
    }

    #[test]
    fn the_same_seed_draws_the_same_bytes_and_the_system_does_not() {
        assert_eq!(
            Chance::seeded(7).bytes::<16>(),
            Chance::seeded(7).bytes::<16>()
        );
        assert_ne!(
            Chance::system().bytes::<16>(),
            Chance::system().bytes::<16>()
        );
    }

    #[test]
    fn drawn_text_keeps_to_its_alphabet_and_uses_all_of_it() {
        let text = Chance::seeded(1).text(1000, b"abcd");
        assert_eq!(text.len(), 1000);
        for letter in ['a', 'b', 'c', 'd'] {
            let count = text.chars().filter(|&c| c == letter).count();
            assert!((150..350).contains(&count), "{letter}: {count}");
        }
    }
}
