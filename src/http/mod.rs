//! The HTTP edge: HTTP/1.1 and HTTP/2 over what the listener hands on, the API, and failures that say what
//! to do.
//!
//! Every request passes the envelope (id, rate, time, headers, log), then either the Socket.io remotes or the
//! router. An endpoint takes, asks a middle room, and answers; whoever it acts for comes to it as a type.
//!
//! Sources: RFC 9110, 9112, 9113 (HTTP), RFC 9457 (problems), RFC 6797 (HSTS); `docs/api.md`.

mod activity;
mod admin_api;
mod body;
mod clone_api;
mod connection;
mod cors;
mod credentials;
mod domain_api;
mod duration;
mod envelope;
mod gateway_api;
mod json;
mod openapi;
mod path;
mod problem;
mod redirect;
mod remotes;
mod router;
mod state;
mod timer;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use http::HeaderValue;
use tokio::sync::{Semaphore, watch};

use self::connection::{Protocol, Terms};
use self::envelope::Arrival;
pub use self::remotes::{Answering, Remotes};
use self::state::{App, Inner, RequestIds};
use crate::accounts::Accounts;
use crate::clock::{Chance, Clock};
use crate::config::Config;
use crate::domains::Domains;
use crate::limits::Limits;
use crate::listener::{Alpn, Connection, PlainConnection};

/// States that are read at once: each takes a thread, and slow clients are to leave some for others.
const READERS: usize = 128;

/// Rooms that the edge carries requests to.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// Accounts and keys.
    pub accounts: Accounts,
    /// Named subdomains.
    pub domains: Domains,
    /// Rates.
    pub limits: Arc<Limits>,
    /// The Socket.io remotes.
    pub sockets: Arc<dyn Remotes>,
    /// Turns true once everything is up, and false when the daemon stops.
    pub ready: Arc<AtomicBool>,
}

/// Serves connections.
#[derive(Clone, Debug)]
pub struct Edge {
    app: App,
    router: Router,
    terms: Terms,
}

impl Edge {
    /// Builds the edge of a gateway that clients know as `origin`.
    pub fn new(
        config: &Config,
        origin: &str,
        rooms: Rooms,
        clock: &Clock,
        chance: &Chance,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let app = App::new(Inner {
            accounts: rooms.accounts,
            domains: rooms.domains,
            limits: rooms.limits,
            sockets: rooms.sockets,
            ready: rooms.ready,
            clock: clock.clone(),
            gateway: config.gateway.domain.clone(),
            origin: origin.to_owned(),
            http: config.http.clone(),
            log_access: config.log.access,
            hsts: hsts(config.tls.hsts),
            request_ids: RequestIds::new(chance),
            reading: Arc::new(Semaphore::new(READERS)),
        });
        let terms = Terms {
            config: config.http.clone(),
            stopping,
        };
        Self {
            router: router::router(app.clone()),
            app,
            terms,
        }
    }

    /// Serves a connection to its end.
    pub async fn serve(self, connection: Connection) {
        let Connection {
            stream,
            source,
            alpn,
            cut,
            ..
        } = connection;
        let protocol = match alpn {
            Alpn::Http1 => Protocol::Http1,
            Alpn::Http2 => Protocol::Http2,
        };
        let (app, router) = (self.app, self.router);
        let answer = move |request| {
            let arrival = Arrival {
                source,
                cut: cut.clone(),
            };
            envelope::answer(app.clone(), router.clone(), arrival, request)
        };
        Box::pin(connection::serve(stream, protocol, self.terms, answer)).await;
    }

    /// Answers a connection to the plain port.
    pub async fn redirect(self, connection: PlainConnection) {
        let PlainConnection { stream, .. } = connection;
        let app = self.app;
        let answer = move |request| {
            let response = redirect::to_origin(&app.origin, &request);
            std::future::ready(response)
        };
        Box::pin(connection::serve(
            stream,
            Protocol::Http1,
            self.terms,
            answer,
        ))
        .await;
    }
}

fn hsts(age: Duration) -> Option<HeaderValue> {
    (!age.is_zero())
        .then(|| HeaderValue::from_str(&format!("max-age={}", age.as_secs())).ok())
        .flatten()
}
