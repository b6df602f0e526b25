//! What is known of one Engine.IO socket, from its opening to its end.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::watch;

use super::packet::Reader;
use super::polling::Polled;
use super::room::Member;
use crate::limits::{ConnectionSlot, SocketBudget};
use crate::listener::CutHandle;

/// The engine's data of a socket.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Reads its packets.
    pub(super) reader: Reader,
    /// How many messages it may still send.
    pub(super) budget: OnceLock<SocketBudget>,
    /// Dropped with the socket, when its last byte is written.
    pub(super) alive: OnceLock<watch::Receiver<()>>,
    /// What matters while it polls.
    pub(super) polled: Polled,
    /// Its place among the sessions, until it is gone.
    pub(super) slot: OnceLock<ConnectionSlot>,
    phase: Mutex<Phase>,
    transport: Mutex<Option<CutHandle>>,
}

/// How far a socket has come.
#[derive(Debug, Default)]
enum Phase {
    /// Its transport is open; it has not said who it is.
    #[default]
    Fresh,
    /// Its credential is being verified.
    Connecting,
    /// It is in a room.
    Joined(Arc<Member>),
    /// It was refused, or is gone.
    Over,
}

impl Session {
    /// Enters the phase of verification. False: it is not the time for that.
    pub(super) fn begin_connecting(&self) -> bool {
        let mut phase = self.phase();
        if !matches!(*phase, Phase::Fresh) {
            return false;
        }
        *phase = Phase::Connecting;
        true
    }

    /// Puts the socket into a room by `join`, unless it has gone meanwhile.
    ///
    /// The phase is held meanwhile, so that the end of the socket finds it either joined or not.
    pub(super) fn joined<E>(
        &self,
        member: &Arc<Member>,
        join: impl FnOnce() -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut phase = self.phase();
        if !matches!(*phase, Phase::Connecting) {
            return Ok(false);
        }
        join()?;
        *phase = Phase::Joined(Arc::clone(member));
        Ok(true)
    }

    /// The member that the socket is, once it has joined.
    pub(super) fn member(&self) -> Option<Arc<Member>> {
        match &*self.phase() {
            Phase::Joined(member) => Some(Arc::clone(member)),
            Phase::Fresh | Phase::Connecting | Phase::Over => None,
        }
    }

    /// Ends it; gives back the member that it was.
    pub(super) fn end(&self) -> Option<Arc<Member>> {
        match std::mem::replace(&mut *self.phase(), Phase::Over) {
            Phase::Joined(member) => Some(member),
            Phase::Fresh | Phase::Connecting | Phase::Over => None,
        }
    }

    /// Remembers how to cut the connection of the socket's WebSocket.
    pub(super) fn set_transport(&self, handle: CutHandle) {
        *self.transport() = Some(handle);
    }

    /// Cuts that connection.
    pub(super) fn cut_transport(&self) {
        if let Some(handle) = self.transport().take() {
            handle.cut();
        }
    }

    /// Whether the peer refuses bytes on that connection at this moment.
    pub(super) fn is_refused(&self) -> bool {
        self.transport().as_ref().is_some_and(CutHandle::is_refused)
    }

    fn transport(&self) -> MutexGuard<'_, Option<CutHandle>> {
        self.transport
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
