//! How a clone begins where an earlier life of it stopped, and what it leaves for the next.

use std::sync::Arc;

use m_ld_engine::clone::{Effect, Input};
use tokio::sync::oneshot;

use super::actor::{Actor, Connection, Failure, Round};
use super::berth::{Kept, Left};
use super::inbox::inbox;

impl Actor {
    /// Goes on with the connection of an earlier life, or connects.
    pub(super) fn begin(&mut self, round: &mut Round) -> Result<(), Failure> {
        let kept = self.berth.take();
        let Some(kept) = kept.filter(|kept| !kept.connection.is_cut()) else {
            self.settle_keys(round)?;
            return self.connect(round);
        };
        kept.connection.wake();
        self.connection = Some(kept.connection);
        match (kept.how, kept.others) {
            (Left::AtRest, Some(others)) => {
                let effects = self.clone.resume(others, self.clock.running())?;
                round.effects.join(effects);
                self.settle_keys(round)
            }
            (_, others) => {
                self.settle_keys(round)?;
                self.handle(Input::Connected, round)?;
                others.map_or(Ok(()), |others| self.handle(Input::Presence(others), round))
            }
        }
    }

    /// Whether the clone closes to make room for another, which it was asked to. Its connection dozes then, if anybody
    /// is connected.
    pub(super) fn rests(&mut self, round: &mut Round) -> bool {
        round.resting.retain(|reply| !reply.is_closed());
        if round.resting.is_empty() {
            return false;
        }
        let last = self.usage.last();
        let rests = self.is_at_rest() && self.dozes();
        let ended = rests && self.usage.end_after(last);
        if rests && !ended {
            self.rouse();
        }
        if !ended {
            // Whoever is told nothing looks for another.
            round.resting.clear();
        }
        ended
    }

    fn is_at_rest(&mut self) -> bool {
        let now = self.clock.running();
        !self.is_used(now) && self.asks.is_empty() && self.live && self.clone.is_at_rest()
    }

    /// Has the connection doze, if anybody else has one. Says whether there is nothing against it.
    fn dozes(&self) -> bool {
        let Some(connection) = &self.connection else {
            return false;
        };
        connection.others() == 0 || connection.doze(self.bell.clone())
    }

    fn rouse(&self) {
        if let Some(connection) = &self.connection {
            connection.wake();
        }
    }

    /// Ends a life at rest: nothing is lost, and nobody notices.
    pub(super) fn rest(mut self, resting: Vec<oneshot::Sender<()>>) {
        self.asks.close();
        self.leave(Left::AtRest);
        // The tables are free before anybody hears of it.
        drop(self);
        for rested in resting {
            // An error means that nobody waits.
            let _nobody = rested.send(());
        }
    }

    /// Ends a life that failed. What others say waits for the next.
    pub(super) async fn fail(mut self, closing: Vec<oneshot::Sender<()>>) {
        self.say(|line| line.present(false));
        if self.connection.is_none() {
            let (entrance, arrivals) = inbox();
            let entered = Arc::clone(&entrance);
            let line = self.relay.connect(&self.domain, &self.id, entered);
            self.connection = line.map(|line| Connection::new(line, entrance, arrivals));
        }
        if let Some(connection) = &self.connection {
            connection.set_away(true);
        }
        if closing.is_empty() {
            self.leave(Left::Failed);
        }
        self.close(closing).await;
    }

    /// Leaves the connection for the next life, if anybody else has one.
    fn leave(&mut self, how: Left) {
        let Some(connection) = self.connection.take_if(|up| up.others() > 0) else {
            return;
        };
        let others = self
            .clone
            .status()
            .online
            .then(|| self.clone.others().to_vec());
        self.berth.put(Kept {
            id: self.id.clone(),
            connection,
            how,
            others,
        });
    }

    /// Notes that the clone is live, once it is.
    pub(super) fn appears(&mut self, effects: &[Effect]) -> bool {
        let appears = effects
            .iter()
            .any(|effect| matches!(effect, Effect::Present(true)));
        if appears
            && let Some(connection) = &self.connection
            && connection.set_away(false)
        {
            log::info!(
                target: "meldgate::domains", event = "clone.reopened", domain:? = self.domain;
                "the clone of a subdomain is back"
            );
        }
        appears
    }
}
