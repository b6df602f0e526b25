//! How long to wait before another attempt to connect.

use std::time::Duration;

use m_ld_engine::chance::Chance;

/// Waits that double from attempt to attempt, and are shaken so that clients which lost their server together
/// do not come back together.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The wait before the first attempt.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// How far a wait is shaken, either way, in percent of itself: at most 100.
    pub jitter_percent: u8,
}

impl Default for Backoff {
    /// What the JavaScript client does: from one second to five, give or take a half.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(5),
            jitter_percent: 50,
        }
    }
}

impl Backoff {
    /// The wait before attempt number `attempt`, counted from 0.
    pub fn wait(&self, attempt: u32, chance: &mut dyn Chance) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt);
        let wait = self.first.saturating_mul(doubled).min(self.longest);
        let mut random = [0; 4];
        chance.fill(&mut random);
        let part = f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX);
        let jitter = f64::from(self.jitter_percent.min(100)) / 100.0;
        wait.mul_f64((2.0 * part - 1.0).mul_add(jitter, 1.0).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says the same byte for ever.
    struct Always(u8);

    impl Chance for Always {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn waits_double_until_the_longest() {
        let backoff = Backoff {
            jitter_percent: 0,
            ..Backoff::default()
        };
        let waits = [0, 1, 2, 3, 31, u32::MAX].map(|attempt| backoff.wait(attempt, &mut Always(7)));
        assert_eq!(waits.map(|wait| wait.as_secs()), [1, 2, 4, 5, 5, 5]);
    }

    #[test]
    fn chance_shakes_a_wait_by_half_at_most() {
        let backoff = Backoff::default();
        let waits = [0, u8::MAX].map(|byte| backoff.wait(0, &mut Always(byte)).as_millis());
        assert_eq!(waits, [500, 1500]);
    }
}
