//! Sockets that began by polling, and what their requests promise beyond what the engine sees to.
//!
//! # Invariants
//! 1. What was taken off a socket's queue for an answer that could not be handed over ends the socket: a
//!    client that polls again would otherwise never learn what it missed.
//! 2. One payload of a socket is read at a time, so its messages keep their order.
//! 3. A socket is not upgraded while the engine may be holding back a packet for the next poll, because the
//!    WebSocket's writer does not look there.
//!
//! Source: Engine.IO protocol, revision 4, "HTTP long-polling" and "Upgrade".

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use engineioxide::socket::Sid;
use engineioxide::{DisconnectReason, Socket};
use http::{Method, Response, StatusCode, Uri};
use http_body::{Frame, SizeHint};

use super::packet::Outgoing;
use super::session::Session;
use crate::listener::CutHandle;

/// What stands between two packets of an answer, and what the engine's own packets take, at the most.
const BETWEEN: usize = 16;

/// Sockets that began by polling, by id.
#[derive(Debug, Default)]
pub(super) struct Polling(Mutex<BTreeMap<String, Weak<Socket<Session>>>>);

/// A request of a socket that is there, by what it does.
#[derive(Debug)]
pub(super) enum Turn {
    /// It takes what is queued, or gives a payload.
    Carries(Handover),
    /// It goes on by WebSocket, and may.
    Upgrades,
    /// It comes at a time when it must not.
    Refused,
}

impl Polling {
    pub(super) fn add(&self, socket: &Arc<Socket<Session>>) {
        self.lock()
            .insert(socket.id.to_string(), Arc::downgrade(socket));
    }

    pub(super) fn remove(&self, id: Sid) {
        self.lock().remove(id.as_str());
    }

    /// Finds out what a request does, if it belongs to a socket that still polls. `cut` is for the connection
    /// that the request came on.
    pub(super) fn turn(&self, method: &Method, uri: &Uri, cut: Option<&CutHandle>) -> Option<Turn> {
        let query = uri.query()?;
        let id = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("sid="))?;
        let socket = self.lock().get(id).and_then(Weak::upgrade)?;
        if socket.transport_type() != engineioxide::TransportType::Polling {
            return None;
        }
        let polled = &socket.data.polled;
        let upgrades = query.split('&').any(|pair| pair == "transport=websocket");
        if upgrades {
            if !polled.begin_upgrade() {
                return Some(Turn::Refused);
            }
            if let Some(cut) = cut {
                socket.data.set_transport(cut.clone());
            }
            return Some(Turn::Upgrades);
        }
        let payload = *method == Method::POST;
        if payload && polled.reading.swap(true, Ordering::AcqRel) {
            socket.close(DisconnectReason::MultipleHttpPollingError);
            return Some(Turn::Refused);
        }
        Some(Turn::Carries(Handover {
            socket: Some(socket),
            payload,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Weak<Socket<Session>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has to be known of a socket as long as it polls.
#[derive(Debug, Default)]
pub(super) struct Polled {
    /// A payload is being read.
    reading: AtomicBool,
    /// The last answer was so full that the engine may have held back a packet.
    held_back: AtomicBool,
    upgrading: AtomicBool,
    /// Bytes of the largest packet that was queued, as it is written.
    largest: AtomicUsize,
}

impl Polled {
    /// Notes that a packet is about to be queued.
    pub(super) fn queues(&self, packet: &Outgoing) {
        let attachment = packet.attachment.as_ref().map_or(0, Bytes::len);
        let size = packet.text.len() + attachment.div_ceil(3) * 4 + BETWEEN;
        if size > self.largest.load(Ordering::Relaxed) {
            self.largest.fetch_max(size, Ordering::Relaxed);
        }
    }

    /// Whether it can be upgraded now.
    fn begin_upgrade(&self) -> bool {
        // This and `took` each write one flag before they read the other's: one of them sees both.
        self.upgrading.store(true, Ordering::SeqCst);
        let free = !self.held_back.load(Ordering::SeqCst);
        if !free {
            self.upgrading.store(false, Ordering::SeqCst);
        }
        free
    }

    /// Notes the size of an answer, of which the engine lets none grow beyond `limit` by a further packet.
    /// False: an upgrade is under way, and would lose a packet.
    fn took(&self, size: usize, limit: usize) -> bool {
        let largest = self.largest.load(Ordering::Relaxed);
        let held_back = size.saturating_add(largest).saturating_add(BETWEEN) > limit;
        self.held_back.store(held_back, Ordering::SeqCst);
        !(held_back && self.upgrading.load(Ordering::SeqCst))
    }
}

/// One request's part in a socket's traffic. Dropped before it is [`done`](Self::done), it ends the socket.
#[derive(Debug)]
pub(super) struct Handover {
    socket: Option<Arc<Socket<Session>>>,
    payload: bool,
}

impl Handover {
    /// Notes what the engine answers; gives the answer, which carries this on until it is written.
    pub(super) fn answered(mut self, response: Response<Body>, limit: usize) -> Response<Body> {
        let taken = response.status() == StatusCode::OK && !self.payload;
        if !taken {
            self.done();
            return response;
        }
        let size = response.body().size_hint().lower();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let whole = self
            .socket
            .as_ref()
            .is_none_or(|socket| socket.data.polled.took(size, limit));
        if !whole {
            return response; // dropping `self` ends the socket
        }
        response.map(|body| {
            if body.is_end_stream() {
                self.done();
            }
            Body::new(Delivered {
                body,
                handover: self,
            })
        })
    }

    fn done(&mut self) {
        if let Some(socket) = self.socket.take()
            && self.payload
        {
            socket.data.polled.reading.store(false, Ordering::Release);
        }
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        // Ending a socket starts a task. Without a runtime, the gateway itself is at its end.
        if let Some(socket) = self.socket.take()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            socket.close(DisconnectReason::TransportError);
        }
    }
}

/// An answer's body that knows whether it was taken to be written.
#[derive(Debug)]
struct Delivered {
    body: Body,
    handover: Handover,
}

impl HttpBody for Delivered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Err(_))) && self.body.is_end_stream() {
            self.handover.done();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1000;

    fn operation(size: usize) -> Outgoing {
        Outgoing::operation(vec![0; size].into())
    }

    #[test]
    fn a_socket_is_upgraded_only_if_no_packet_can_have_been_held_back() {
        let polled = Polled::default();
        polled.queues(&operation(300)); // 400 as Base64
        assert!(polled.took(100, LIMIT));
        assert!(polled.begin_upgrade());

        let polled = Polled::default();
        polled.queues(&operation(300));
        assert!(polled.took(600, LIMIT));
        assert!(!polled.begin_upgrade(), "another one did not fit");
        assert!(polled.took(400, LIMIT), "the next answer takes it");
        assert!(polled.begin_upgrade());
    }

    #[test]
    fn an_answer_that_holds_a_packet_back_during_an_upgrade_ends_the_socket() {
        let polled = Polled::default();
        polled.queues(&operation(300));
        assert!(polled.begin_upgrade());
        assert!(polled.took(100, LIMIT));
        assert!(!polled.took(600, LIMIT));
    }
}
