//! The task that owns a clone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use m_ld_engine::clone::{CloneError, Effect, Effects, Input, MeldClone};
use m_ld_engine::context::Context;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc, oneshot, watch};

use super::answer::Answers;
use super::berth::Berth;
use super::hook::Hook;
use super::inbox::{Arrivals, Bell, Entrance, inbox};
use super::queue::{Answered, Queue};
use super::signatures::{Manner, Signatures};
use super::usage::Usage;
use super::{Ask, Followed, Following, HostError, Polled, Reply, State, Writing, Written};
use crate::clock::{Chance, Clock};
use crate::domains::desk::{Desk, Owner};
use crate::domains::relay::{Arriving, Line, Relay, Unicast, UnicastKind};
use crate::ids::{CloneId, DomainId};
use crate::notify::{Parcel, WebhookError, Webhooks};
use crate::store::{Store, StoreError};

/// What one round takes in at most before it is made durable.
const ROUND: usize = 256;
/// How long a clone that was cut off waits before it connects again.
const RECONNECT: Duration = Duration::from_millis(200);
/// How long streaming waits for a receiver that is behind.
const BEHIND: Duration = Duration::from_millis(5);

/// A request that waits for its turn.
#[derive(Debug)]
pub(super) enum Request {
    Write(Writing, Reply<Written>),
    Poll(Reply<Polled>),
}

/// The task, and what it works with.
pub(super) struct Actor {
    pub(super) domain: DomainId,
    pub(super) id: CloneId,
    pub(super) clone: MeldClone,
    /// What guards it, if its operations are signed.
    pub(super) signatures: Option<Arc<Signatures>>,
    /// The manner of signing, as it is noted.
    pub(super) manner: Option<Manner>,
    pub(super) context: Arc<Context>,
    pub(super) queue: Queue,
    pub(super) hook: Hook,
    pub(super) webhooks: Webhooks,
    pub(super) desk: Desk<Request>,
    pub(super) store: Store,
    pub(super) relay: Arc<dyn Relay>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) state: watch::Sender<Option<State>>,
    pub(super) updates: broadcast::Sender<Following>,
    pub(super) clock: Clock,
    pub(super) chance: Chance,
    /// How long nobody uses a clone before it closes; it is opened again when somebody does.
    pub(super) idle_limit: Duration,
    pub(super) connection: Option<Connection>,
    pub(super) reconnect_at: Option<Duration>,
    pub(super) usage: Arc<Usage>,
    /// What earlier lives left, and where this one leaves it.
    pub(super) berth: Arc<Berth>,
    /// Calls for the next life while this one's connection dozes.
    pub(super) bell: Bell,
    /// Its place among those that can be open.
    #[expect(dead_code, reason = "it matters when it is dropped")]
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// Whether the clone has been present.
    pub(super) live: bool,
    /// Clones that something is streamed to.
    pub(super) receivers: Vec<String>,
}

/// Does what may take long, or read from the disk, where it keeps nobody else's tasks waiting.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    // That has one thread for everything, as in tests.
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        work()
    } else {
        tokio::task::block_in_place(work)
    }
}

/// How a life of a clone ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ended {
    /// Nobody needs it any more, or not now.
    AsItShould,
    /// It could not go on.
    Failed,
}

/// Why a clone cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the clone failed")]
    Clone(#[from] CloneError),
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the notes failed")]
    Notes(#[from] m_ld_engine::store::StoreError),
}

/// The connection to the relay.
#[derive(Debug)]
pub(super) struct Connection {
    line: Box<dyn Line>,
    entrance: Arc<Entrance>,
    arrivals: Arrivals,
}

impl Connection {
    pub(super) fn new(line: Box<dyn Line>, entrance: Arc<Entrance>, arrivals: Arrivals) -> Self {
        Self {
            line,
            entrance,
            arrivals,
        }
    }

    /// How many others are connected.
    pub(super) fn others(&self) -> usize {
        self.line.others()
    }

    /// See [`Entrance::doze`].
    pub(super) fn doze(&self, bell: Bell) -> bool {
        self.entrance.doze(bell)
    }

    /// See [`Entrance::wake`].
    pub(super) fn wake(&self) {
        self.entrance.wake();
    }

    /// See [`Entrance::is_cut`].
    pub(super) fn is_cut(&self) -> bool {
        self.entrance.is_cut()
    }

    /// See [`Entrance::set_away`].
    pub(super) fn set_away(&self, away: bool) -> bool {
        self.entrance.set_away(away)
    }
}

/// What a round has to do once everything is durable.
#[derive(Default)]
pub(super) struct Round {
    pub(super) effects: Effects,
    pub(super) answers: Answers,
    /// How own writes are answered, by tick.
    pub(super) own: BTreeMap<u64, Answered>,
    /// Notes were written, of which no effect speaks.
    pub(super) noted: bool,
    /// A batch for the subscriber.
    pub(super) parcel: Option<Parcel>,
    closing: Vec<oneshot::Sender<()>>,
    /// Who wants this clone to make room.
    pub(super) resting: Vec<oneshot::Sender<()>>,
}

/// What woke the task.
enum Woken {
    Arrived(Option<Arriving>),
    Asked(Option<Ask>),
    Delivered(Result<(), WebhookError>),
    Time,
}

impl Actor {
    /// Works until it is told to close, nobody can ask any more, nobody uses it for long, or its clone fails.
    pub(super) async fn run(mut self, opening: Effects) -> Ended {
        let mut round = Round {
            effects: opening,
            ..Round::default()
        };
        let mut outcome = self.begin(&mut round);
        if outcome.is_ok() {
            outcome = aside(|| self.prepare(&mut round));
        }
        loop {
            if outcome.is_ok() {
                outcome = self.finish(&mut round).await;
            }
            if outcome.is_err() || !round.closing.is_empty() || self.is_over() {
                break;
            }
            if self.rests(&mut round) {
                self.rest(round.resting);
                return Ended::AsItShould;
            }
            let woken = self.sleep().await;
            round = Round::default();
            outcome = aside(|| {
                self.take(woken, &mut round)?;
                self.prepare(&mut round)
            });
        }
        match outcome {
            Ok(()) => {
                self.close(round.closing).await;
                Ended::AsItShould
            }
            Err(cause) => {
                log::error!(
                    target: "meldgate::domains", event = "clone.failed", error:err = cause, domain:? = self.domain;
                    "the clone of a subdomain failed, and is opened anew"
                );
                self.fail(round.closing).await;
                Ended::Failed
            }
        }
    }

    fn now(&self) -> Duration {
        self.clock.running()
    }

    // Waiting.

    async fn sleep(&mut self) -> Woken {
        let now = self.now();
        let wake = self.wake_at(now);
        let time = async {
            match wake {
                Some(at) => tokio::time::sleep(at.saturating_sub(now)).await,
                None => std::future::pending().await,
            }
        };
        let arrivals = self.connection.as_mut().map(|up| &mut up.arrivals);
        let arrival = async {
            match arrivals {
                Some(arrivals) => arrivals.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            asked = self.asks.recv() => Woken::Asked(asked),
            arrived = arrival => Woken::Arrived(arrived),
            delivered = self.hook.delivered() => Woken::Delivered(delivered),
            () = time => Woken::Time,
        }
    }

    fn wake_at(&mut self, now: Duration) -> Option<Duration> {
        let streaming = self.clone.is_streaming().then(|| {
            let wait = if self.has_room() {
                Duration::ZERO
            } else {
                BEHIND
            };
            now.saturating_add(wait)
        });
        let hook = self.wake_for_hook(now);
        let idle = self.usage.last().saturating_add(self.idle_limit);
        let times = [
            self.clone.next_wake(),
            self.desk.wake_at(),
            hook,
            self.reconnect_at,
            streaming,
        ];
        times.into_iter().flatten().chain([idle.max(now)]).min()
    }

    /// Whether whoever something is streamed to can take more.
    fn has_room(&self) -> bool {
        let line = self.connection.as_ref().map(|up| &up.line);
        line.is_none_or(|line| self.receivers.iter().all(|to| line.has_room(to)))
    }

    fn is_over(&mut self) -> bool {
        let now = self.now();
        if !self.live {
            // Somebody waits for that.
            self.usage.note(now);
        }
        let last = self.usage.last();
        self.clone.is_closed()
            || now >= last.saturating_add(self.idle_limit)
                && self.is_idle(now)
                && self.usage.end_after(last)
    }

    /// Whether nobody uses the clone or is connected. If somebody does or is, notes that.
    fn is_idle(&mut self, now: Duration) -> bool {
        let others = self.connection.as_ref().map_or(0, Connection::others);
        if others > 0 {
            self.usage.note(now);
        }
        !self.is_used(now) && others == 0
    }

    /// Whether somebody uses the clone. If so, notes that.
    pub(super) fn is_used(&mut self, now: Duration) -> bool {
        let used = self.updates.receiver_count() > 0
            || self.desk.len() > 0
            || self.desk.is_locked(now)
            || self.hook.is_busy()
            || self.clone.is_streaming();
        if used {
            self.usage.note(now);
        }
        used
    }

    // Taking in.

    fn take(&mut self, woken: Woken, round: &mut Round) -> Result<(), Failure> {
        match woken {
            Woken::Arrived(arrived) => self.arrived(arrived, round)?,
            Woken::Asked(asked) => self.asked(asked, round)?,
            Woken::Delivered(outcome) => self.delivered(&outcome, round)?,
            Woken::Time => {}
        }
        for _ in 0..ROUND {
            let arrivals = self.connection.as_mut().map(|up| &mut up.arrivals);
            let arrived = arrivals.and_then(Arrivals::next_now);
            let asked = self.asks.try_recv().ok();
            if arrived.is_none() && asked.is_none() {
                break;
            }
            if arrived.is_some() {
                self.arrived(arrived, round)?;
            }
            if asked.is_some() {
                self.asked(asked, round)?;
            }
        }
        self.pass_time(round)
    }

    fn pass_time(&mut self, round: &mut Round) -> Result<(), Failure> {
        let now = self.now();
        if self.reconnect_at.is_some_and(|at| at <= now) {
            self.connect(round)?;
        }
        if self.clone.next_wake().is_some_and(|at| at <= now) {
            self.handle(Input::Time, round)?;
        }
        self.note_manner(round)?;
        self.turns(now, round)?;
        if self.clone.is_streaming() && self.has_room() {
            round.effects.join(self.clone.pump(now)?);
        }
        if !self.clone.is_streaming() {
            self.receivers.clear();
        }
        Ok(())
    }

    fn arrived(&mut self, arrived: Option<Arriving>, round: &mut Round) -> Result<(), Failure> {
        if !matches!(arrived, None | Some(Arriving::Presence(_))) {
            self.usage.note(self.now());
        }
        match arrived {
            None => self.disconnected(round),
            Some(Arriving::Presence(ids)) => self.handle(Input::Presence(ids), round),
            Some(Arriving::Operation(message)) => self.handle(Input::Operation(&message), round),
            Some(Arriving::Candidate(candidate)) => self.decide(&candidate, round),
            Some(Arriving::Unicast { from, message }) => {
                let payload = &*message.payload;
                let input = match &message.kind {
                    UnicastKind::Send { message } => Input::Request {
                        from: &from,
                        message_id: message,
                        payload,
                    },
                    UnicastKind::Reply { message, to } => Input::Reply {
                        from: &from,
                        message_id: message,
                        sent_message_id: to,
                        payload,
                    },
                    UnicastKind::Notify { channel } => Input::Notification {
                        from: &from,
                        channel,
                        payload,
                    },
                };
                self.handle(input, round)
            }
        }
    }

    pub(super) fn handle(&mut self, input: Input<'_>, round: &mut Round) -> Result<(), Failure> {
        let effects = self.clone.handle(input, self.clock.running())?;
        round.effects.join(effects);
        Ok(())
    }

    fn asked(&mut self, asked: Option<Ask>, round: &mut Round) -> Result<(), Failure> {
        let now = self.now();
        if !matches!(asked, Some(Ask::Rest(_))) {
            self.usage.note(now);
        }
        match asked {
            Some(Ask::Write(owner, writing, reply)) => {
                self.wait(owner, Request::Write(writing, reply), round);
            }
            Some(Ask::Poll(owner, reply)) => {
                self.wait(owner, Request::Poll(reply), round);
            }
            Some(Ask::Release(owner, condition, reply)) => {
                let answer = self.release(&owner, condition, round)?;
                round.answers.push(reply, answer);
            }
            Some(Ask::IsLocked(reply)) => {
                round.answers.push(reply, Ok(self.desk.is_locked(now)));
            }
            Some(Ask::Subscribe(owner, url, reply)) => {
                let answer = self.subscribe(&owner, url, round)?;
                round.answers.push(reply, Ok(answer));
            }
            Some(Ask::Unsubscribe(reply)) => {
                let answer = self.unsubscribe(round)?;
                round.answers.push(reply, answer);
            }
            Some(Ask::Subscription(reply)) => round.answers.push(reply, Ok(self.hook.shown())),
            Some(Ask::Register(signer, reply)) => self.register(&signer, reply, round)?,
            Some(Ask::SettleKeys(reply)) => {
                self.settle_keys(round)?;
                round.answers.push(reply, Ok(()));
            }
            Some(Ask::Change(change, reply)) => {
                let answer = self.change(*change, round)?;
                round.answers.push(reply, answer);
            }
            Some(Ask::Rest(reply)) => round.resting.push(reply),
            Some(Ask::Close(done)) => round.closing.push(done),
            // Nobody can ask any more: the gateway is going.
            None => round.closing.push(oneshot::channel().0),
        }
        Ok(())
    }

    fn wait(&mut self, owner: Owner, request: Request, round: &mut Round) {
        match request {
            request if self.desk.len() < super::WAITING => {
                self.desk.queue(owner, request, self.clock.running());
            }
            Request::Write(_, reply) => round.answers.push(reply, Err(HostError::Busy)),
            Request::Poll(reply) => round.answers.push(reply, Err(HostError::Busy)),
        }
    }

    // The connection.

    pub(super) fn connect(&mut self, round: &mut Round) -> Result<(), Failure> {
        let (entrance, arrivals) = inbox();
        self.reconnect_at = None;
        let entered = Arc::clone(&entrance);
        if let Some(line) = self.relay.connect(&self.domain, &self.id, entered) {
            self.connection = Some(Connection::new(line, entrance, arrivals));
            self.handle(Input::Connected, round)
        } else {
            self.reconnect_at = Some(self.now().saturating_add(RECONNECT));
            Ok(())
        }
    }

    fn disconnected(&mut self, round: &mut Round) -> Result<(), Failure> {
        self.connection = None;
        self.receivers.clear();
        self.reconnect_at = Some(self.now().saturating_add(RECONNECT));
        self.handle(Input::Disconnected, round)
    }

    // Letting out.

    /// Notes what came, and writes all that the round has committed, together.
    fn prepare(&mut self, round: &mut Round) -> Result<(), Failure> {
        self.catch_up(round)?;
        if round.closing.is_empty() {
            self.offer(round)?;
        }
        Ok(self.clone.sync()?)
    }

    async fn finish(&mut self, round: &mut Round) -> Result<(), Failure> {
        let effects = std::mem::take(&mut round.effects);
        if effects.needs_sync() || round.noted {
            self.store.settle().await?;
        }
        let effects = self.clone.release(effects)?;
        if effects
            .iter()
            .any(|effect| matches!(effect, Effect::Reloaded))
        {
            let notes = self.queue.begin_anew(self.clone.status().ticks)?;
            self.note(notes, round)?;
            self.clone.sync()?;
            self.store.settle().await?;
        }
        let appears = self.appears(&effects);
        self.publish();
        for effect in effects {
            self.carry_out(effect);
        }
        if appears && !self.live {
            // Who waits for the first state then connects, and has to find this clone present.
            self.live = true;
            self.usage.note(self.now());
            self.publish();
        }
        std::mem::take(&mut round.answers).send();
        if let Some(parcel) = round.parcel.take() {
            self.hook.send(&self.webhooks, parcel);
        }
        Ok(())
    }

    /// Shows readers the state, which is durable.
    fn publish(&self) {
        let Some(view) = self.clone.view().filter(|_| self.live) else {
            return;
        };
        self.state.send_replace(Some(State {
            tick: self.clone.status().ticks,
            view,
            context: Arc::clone(&self.context),
        }));
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is not done is told, new kinds too"
    )]
    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Present(present) => self.say(|line| line.present(present)),
            Effect::Operation(message) => self.say(|line| line.operation(Bytes::from(message))),
            Effect::Request {
                to,
                message_id,
                payload,
            } => {
                let kind = UnicastKind::Send {
                    message: message_id,
                };
                self.send(&to, kind, payload);
            }
            Effect::Reply {
                to,
                message_id,
                sent_message_id,
                payload,
            } => {
                let kind = UnicastKind::Reply {
                    message: message_id,
                    to: sent_message_id,
                };
                self.send(&to, kind, payload);
            }
            Effect::Notify {
                to,
                channel,
                payload,
            } => {
                self.send(&to, UnicastKind::Notify { channel }, payload);
                if !self.receivers.contains(&to) {
                    self.receivers.push(to);
                }
            }
            Effect::Update(update) => {
                self.attribute(&update);
                // Who begins to follow now sees it in the state, which was shown before.
                if self.updates.receiver_count() > 0 {
                    let followed = Followed {
                        tick: update.ticks,
                        text: update.to_json(&self.context).to_string().into(),
                    };
                    // An error means that nobody follows any more.
                    drop(self.updates.send(Following::Update(followed)));
                }
            }
            Effect::Reloaded => {
                let tick = self.clone.status().ticks;
                drop(self.updates.send(Following::Anew(tick)));
                self.tell(Effect::Reloaded);
            }
            told => self.tell(told),
        }
    }

    /// Tells the log what is the operator's to know.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is not the operator's to know is not told, new kinds too"
    )]
    fn tell(&self, effect: Effect) {
        let domain = &self.domain;
        match effect {
            Effect::Discarded(error) => log::warn!(
                target: "meldgate::audit", event = "operation-discarded", domain:?, error:% = error;
                "the gateway's clone could not take what another clone sent"
            ),
            Effect::Reloaded => log::info!(
                target: "meldgate::domains", domain:?;
                "the gateway's clone took its data anew from another clone"
            ),
            Effect::Closed(Some(cause)) => log::error!(
                target: "meldgate::domains", domain:?, error:% = cause;
                "the gateway's clone closed"
            ),
            Effect::Status(status) => {
                log::debug!(target: "meldgate::domains", domain:?, status:?; "status");
            }
            _ => {}
        }
    }

    fn send(&self, to: &str, kind: UnicastKind, payload: Vec<u8>) {
        let payload = Bytes::from(payload);
        self.say(|line| line.unicast(to, Unicast { kind, payload }));
    }

    pub(super) fn say(&self, what: impl FnOnce(&dyn Line)) {
        if let Some(connection) = &self.connection {
            what(&*connection.line);
        }
    }

    pub(super) async fn close(mut self, closing: Vec<oneshot::Sender<()>>) {
        self.usage.end();
        self.asks.close();
        let effects = self.clone.close(self.clock.running());
        // Before the barrier: it makes durable what was written.
        let released = self.clone.release(effects).and_then(|effects| {
            self.clone.sync()?;
            Ok(effects)
        });
        let settled = self.store.settle().await;
        match (settled, released) {
            (Ok(()), Ok(effects)) => effects
                .into_iter()
                .for_each(|effect| self.carry_out(effect)),
            (Err(cause), _) => {
                log::error!(target: "meldgate::domains", error:err = cause; "a clone closed without its last changes");
            }
            (Ok(()), Err(cause)) => {
                log::error!(target: "meldgate::domains", error:err = cause; "a clone closed without its last changes");
            }
        }
        // The tables are free before anybody hears of it.
        drop(self);
        for done in closing {
            // An error means that nobody waits.
            let _nobody = done.send(());
        }
    }
}
