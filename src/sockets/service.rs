//! The remotes as an HTTP service, and the tasks that go with them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use engineioxide::config::EngineIoConfig;
use engineioxide::service::EngineIoService;
use engineioxide::socket::Sid;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use tokio::sync::{broadcast, watch};
use tower_service::Service;

use super::engine::{Engine, Undecided};
use super::hub::Hub;
use super::judging::Judge;
use super::polling::{Polling, Turn};
use super::upgrade;
use crate::accounts::{Accounts, Revoked};
use crate::clock::Clock;
use crate::config::Config;
use crate::domains::Domains;
use crate::ids::{DomainId, Name};
use crate::limits::Limits;
use crate::listener::CutHandle;

/// Where clients look for it.
const PATH: &str = "/socket.io";
/// How often sockets that do not say who they are get looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// What a payload has besides one message.
const PAYLOAD_OVERHEAD: usize = 1024;
/// How the engine's answer begins when it has no socket of an id.
const UNKNOWN_SOCKET: &[u8] = br#"{"code":"1""#;
/// The engine's answers to what cannot be are no longer than this.
const ANSWER_LIMIT: usize = 1024;
/// What the engine reads at once from a WebSocket: a usual large operation. Idle connections hold it, so it is no more.
const READ_BUFFER: usize = 4 * 1024;

/// What the remotes need of other rooms.
#[derive(Clone, Debug)]
pub struct Dependencies {
    /// Who lets clones in.
    pub accounts: Accounts,
    /// Which named subdomains there are.
    pub domains: Domains,
    /// What counts their messages.
    pub limits: Arc<Limits>,
    /// The time.
    pub clock: Clock,
}

/// The Socket.io remotes of a gateway.
#[derive(Clone, Debug)]
pub struct Sockets {
    service: EngineIoService<Engine>,
    engine: Arc<Engine>,
    payload_limit: usize,
}

impl Sockets {
    /// Builds the remotes. [`Self::run`] has to be running beside them.
    pub fn new(config: &Config, rooms: Dependencies) -> Self {
        let engine = Arc::new(Engine {
            hub: Arc::new(Hub::new(&config.sockets)),
            accounts: rooms.accounts,
            domains: rooms.domains,
            limits: rooms.limits,
            clock: rooms.clock,
            gateway: config.gateway.domain.clone(),
            config: config.sockets.clone(),
            undecided: Undecided::default(),
            judge: Judge::new(&config.sockets),
            alive: watch::Sender::new(()),
            polling: Polling::default(),
        });
        let service =
            EngineIoService::with_config(Arc::clone(&engine), engine_config(&config.sockets));
        Self {
            service,
            engine,
            payload_limit: payload_limit(config.sockets.max_payload),
        }
    }

    /// The rooms.
    pub(super) fn hub(&self) -> Arc<Hub> {
        Arc::clone(&self.engine.hub)
    }

    /// Closes sockets that do not say who they are, and those whose key, subdomain or account has ended, until dropped.
    /// Ends count from the call on, not from when it is first polled.
    pub fn run(self) -> impl Future<Output = ()> + Send {
        let revoked = self.engine.accounts.revocations();
        let deleted = self.engine.domains.deletions();
        let closed = self.engine.accounts.closures();
        let entrances = self.engine.accounts.entrances();
        self.watch(revoked, deleted, (closed, entrances))
    }

    async fn watch(
        self,
        mut revoked: broadcast::Receiver<Revoked>,
        mut deleted: broadcast::Receiver<DomainId>,
        (mut closed, mut entrances): (broadcast::Receiver<Name>, broadcast::Receiver<Name>),
    ) {
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            tokio::select! {
                _ = sweep.tick() => {
                    self.engine.undecided.close_late(self.engine.clock.running());
                    let expired = self.engine.hub.expire(self.engine.clock.now());
                    if expired > 0 {
                        log::info!(target: "meldgate::sockets", sockets = expired; "sockets of keys that have ended are closed");
                    }
                    self.bury_the_dead().await;
                }
                revocation = revoked.recv() => match revocation {
                    Ok(revocation) if revocation.at > self.engine.clock.now() => {
                        self.engine.hub.limit(&revocation.key, revocation.at);
                    }
                    Ok(revocation) => {
                        let closed = self.engine.hub.revoke(&revocation.key);
                        log::info!(
                            target: "meldgate::sockets",
                            account = revocation.account.as_str(), sockets = closed;
                            "sockets of a revoked key are closed"
                        );
                    }
                    // Some revocations were missed: whoever is still entitled reconnects.
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        self.engine.hub.reconnect_all();
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                deletion = deleted.recv() => match deletion {
                    Ok(domain) => {
                        let closed = self.engine.hub.delete(&domain);
                        log::info!(target: "meldgate::sockets", sockets = closed; "sockets of a deleted subdomain are closed");
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        self.engine.hub.reconnect_all();
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                entrance = entrances.recv() => match entrance {
                    Ok(account) => self.reconsider(&account),
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        self.engine.hub.reconnect_all();
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                closure = closed.recv() => match closure {
                    Ok(account) => {
                        let closed = self.engine.hub.close_account(&account);
                        log::info!(
                            target: "meldgate::sockets", account = account.as_str(), sockets = closed;
                            "sockets of a closed account are closed"
                        );
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        self.engine.hub.reconnect_all();
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            }
        }
    }

    /// Ends the sockets of an account that come by a way by which it lets nobody in any more.
    fn reconsider(&self, account: &Name) {
        let accounts = &self.engine.accounts;
        // What cannot be found out now is asked again when the client comes back.
        let closed = self
            .engine
            .hub
            .reconsider(account, |admission| accounts.holds(admission) == Ok(true));
        log::info!(
            target: "meldgate::sockets", account = account.as_str(), sockets = closed;
            "sockets that an account no longer lets in are closed"
        );
    }

    /// Refuses new sockets and ends the others; says how many. Their clients reconnect by themselves.
    pub fn drain(&self) -> usize {
        let dismissed = self.engine.hub.drain();
        self.engine.undecided.close_all();
        dismissed
    }

    /// Takes those out of their rooms whose sockets are over while their clients take no bytes.
    ///
    /// The engine tells of a socket's end only once its writer has let go, which a client that takes no bytes,
    /// or a few now and then, can put off for long. What it knows at once is that the socket is over.
    async fn bury_the_dead(&self) {
        for (id, member) in self.engine.hub.refused() {
            if !self.knows(id).await {
                self.engine.hub.bury(&member);
            }
        }
    }

    /// Whether the engine still has a socket, which must not be one that polls.
    async fn knows(&self, id: Sid) -> bool {
        // To the poll of a WebSocket the engine says that this is the wrong transport; if there is none, just that.
        let uri = format!("{PATH}?EIO=4&transport=polling&sid={id}");
        let Ok(request) = Request::get(uri).body(Body::empty()) else {
            return true;
        };
        let Ok(response) = self.service.clone().call(request).await;
        let said = axum::body::to_bytes(Body::new(response.into_body()), ANSWER_LIMIT).await;
        !said.is_ok_and(|said| said.starts_with(UNKNOWN_SOCKET))
    }

    /// Clones that are connected now.
    pub fn connected(&self) -> usize {
        self.engine.hub.len()
    }

    /// Waits until every socket is gone, and what was queued for it written.
    pub async fn closed(&self) {
        self.engine.alive.closed().await;
    }

    /// Answers a request of either transport.
    pub async fn answer(&self, mut request: Request<Body>) -> Response<Body> {
        if let Some(name) = repeated(request.uri()) {
            return bad_request(&format!("{name} is given twice"));
        }
        if is_for_websocket(request.uri())
            && let Err(fault) = upgrade::check(&request)
        {
            return refuse_upgrade(fault);
        }
        let cut = request.extensions().get::<CutHandle>();
        let polling = &self.engine.polling;
        let handover = match polling.turn(request.method(), request.uri(), cut) {
            Some(Turn::Refused) => return bad_request("this is not the time for it"),
            Some(Turn::Carries(handover)) => Some(handover),
            Some(Turn::Upgrades) | None => None,
        };
        keep_needed(&mut request);
        let Ok(response) = self.service.clone().call(request).await;
        let response = response.map(Body::new);
        match handover {
            Some(handover) => handover.answered(response, self.payload_limit),
            None => response,
        }
    }

    /// Whether a request is for the remotes.
    pub fn owns(path: &str) -> bool {
        path.strip_prefix(PATH)
            .is_some_and(|rest| rest.is_empty() || rest == "/")
    }
}

/// What one payload of a socket that polls can hold: a message of the full size, which Base64 makes a third
/// longer, with its type and what separates it.
fn payload_limit(max_payload: usize) -> usize {
    (max_payload.saturating_mul(4) / 3).saturating_add(PAYLOAD_OVERHEAD)
}

fn engine_config(config: &crate::config::Sockets) -> EngineIoConfig {
    EngineIoConfig::builder()
        .req_path(PATH)
        .ping_interval(config.ping_interval)
        .ping_timeout(config.ping_timeout)
        .max_payload(payload_limit(config.max_payload) as u64)
        .max_buffer_size(config.queue_packets)
        .ws_read_buffer_size(READ_BUFFER)
        .ws_max_message_size(config.max_payload)
        .ws_max_frame_size(config.max_payload)
        .build()
}

/// A member of the query that is given twice, of those that the engine takes the first of. What is before us
/// may take the last.
fn repeated(uri: &Uri) -> Option<&'static str> {
    let query = uri.query()?;
    let times = |name: &str| {
        let own = |member: &str| member.split_once('=').is_some_and(|(key, _)| key == name);
        query.split('&').filter(|member| own(member)).count()
    };
    ["EIO", "transport", "sid"]
        .into_iter()
        .find(|name| times(name) > 1)
}

fn refuse_upgrade(fault: upgrade::Fault) -> Response<Body> {
    let mut response = bad_request("this is no request for a WebSocket");
    if fault == upgrade::Fault::Version {
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        let headers = response.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_VERSION, upgrade::VERSION);
    }
    response
}

/// In the form of the engine's own refusals.
fn bad_request(message: &str) -> Response<Body> {
    let text = format!(r#"{{"code":"3","message":"{message}"}}"#);
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn is_for_websocket(uri: &Uri) -> bool {
    let mut members = uri.query().unwrap_or_default().split('&');
    members.any(|member| member == "transport=websocket")
}

/// Leaves of a request what the transports read, in memory of its own.
///
/// A socket keeps its first request for as long as it lives, and what the HTTP library read of it is slices of
/// the connection's whole read buffer: one of them would keep all of that.
fn keep_needed<B>(request: &mut Request<B>) {
    const NEEDED: [header::HeaderName; 3] = [
        header::SEC_WEBSOCKET_KEY,
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
    ];
    let headers = std::mem::take(request.headers_mut());
    for name in NEEDED {
        let copy = headers
            .get(&name)
            .map(|value| HeaderValue::from_bytes(value.as_bytes()));
        if let Some(Ok(value)) = copy {
            request.headers_mut().insert(name, value);
        }
    }
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", PathAndQuery::as_str);
    if let Ok(uri) = Uri::try_from(target) {
        *request.uri_mut() = uri;
    }
}
