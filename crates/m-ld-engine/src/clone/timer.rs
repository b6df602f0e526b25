//! What happens because time has passed.

use std::time::Duration;

use super::CloneError;
use super::collaborate::Reason;
use super::machine::MeldClone;

impl MeldClone {
    /// When to hand in [`super::Input::Time`], if nothing else happens before.
    pub fn next_wake(&self) -> Option<Duration> {
        let with = &self.with;
        [
            self.deadline(),
            with.retry,
            with.second_look,
            with.chronic,
            with.serving.deadline(),
            with.tend,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn wake(&mut self) -> Result<(), CloneError> {
        let now = self.now;
        let is_due = |time: Option<Duration>| time.is_some_and(|time| time <= now);
        self.with.serving.time_out(now);
        self.time_out()?;
        if is_due(self.with.retry) {
            self.with.retry = None;
            self.begin_recovery()?;
        }
        if is_due(self.with.second_look) {
            self.look_again()?;
        }
        if is_due(self.with.chronic) {
            self.with.chronic = None;
            if !self.with.waiting.is_empty() {
                self.recover(Reason::Outdated)?;
            }
        }
        if is_due(self.with.tend) {
            self.with.tend = None;
            self.tend()?;
        }
        Ok(())
    }

    /// How long to wait before trying again: (1 + Poisson(2)) × uniform(0, 1) × the network
    /// timeout, as the JavaScript engine does.
    pub(super) fn soft_delay(&mut self) -> Duration {
        let mut count = 1.0_f64;
        let mut product = self.uniform();
        // Knuth's: so many uniform numbers as have a product above e^-2.
        while product > (-2.0_f64).exp() {
            count += 1.0;
            product *= self.uniform();
        }
        self.config.network_timeout.mul_f64(count * self.uniform())
    }

    fn uniform(&mut self) -> f64 {
        let mut bytes = [0; 4];
        self.replica.chance.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
    }
}
