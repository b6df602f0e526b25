//! The accept loop, and what happens between it and whoever serves a connection.
//!
//! Order of limits (`ARCHITECTURE.md`): connection counts, then the time and turns of a handshake. What is
//! refused here costs the gateway one system call and a lookup.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::handshake::{Failure, shake};
use super::{Connection, Guarded, PlainConnection, Tls};
use crate::limits::{Limits, Source};

/// Bytes that the kernel may hold unsent for one peer. Less would cost throughput; more would hide a stalled
/// peer for longer, and hold memory for it.
const UNSENT: u32 = 128 * 1024;
/// First and longest pause after the system refused to accept.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Accepts connections, counts them, and hands them on.
#[derive(Clone, Debug)]
pub struct Listener {
    limits: Arc<Limits>,
    stall_timeout: Duration,
    counts: Arc<Counts>,
}

/// What became of those who knocked, since the start.
#[derive(Debug, Default)]
pub struct Counts {
    accepted: AtomicU64,
    starved: AtomicU64,
    refused: AtomicU64,
    timed_out: AtomicU64,
    failed: AtomicU64,
}

/// Tells when every connection that was handed on is gone.
#[derive(Debug)]
pub struct Open(watch::Sender<()>);

impl Listener {
    /// A listener that counts against `limits` and lets a peer stall for `stall_timeout`.
    pub fn new(limits: Arc<Limits>, stall_timeout: Duration) -> Self {
        Self {
            limits,
            stall_timeout,
            counts: Arc::default(),
        }
    }

    /// What became of those who knocked.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Accepts TLS connections until `stop` is true (or its sender is gone); each is served in its own task.
    ///
    /// Returns once nothing listens any more. Handshakes under way are then dropped, connections that were
    /// handed on go on: [`Open::closed`] waits for them.
    pub async fn serve<F, Served>(
        &self,
        sockets: Vec<TcpListener>,
        tls: Arc<Tls>,
        stop: watch::Receiver<bool>,
        service: F,
    ) -> Open
    where
        F: Fn(Connection) -> Served + Clone + Send + Sync + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        let counts = Arc::clone(&self.counts);
        let stopping = stop.clone();
        self.run(sockets, stop, move |plain, open| {
            let (tls, counts) = (Arc::clone(&tls), Arc::clone(&counts));
            let (service, stopping) = (service.clone(), stopping.clone());
            tokio::spawn(async move {
                let Some(connection) = encrypt(&tls, &counts, stopping, plain).await else {
                    return;
                };
                // A task of its own, so that what the handshake needed is freed with the handshake; boxed,
                // because a future that is moved into the one that awaits it takes its room twice.
                let served = Box::pin(service(connection));
                tokio::spawn(async move {
                    served.await;
                    drop(open);
                });
            });
        })
        .await
    }

    /// Accepts connections without TLS, as [`Self::serve`] does with it.
    pub async fn serve_plain<F, Served>(
        &self,
        sockets: Vec<TcpListener>,
        stop: watch::Receiver<bool>,
        service: F,
    ) -> Open
    where
        F: Fn(PlainConnection) -> Served + Clone + Send + Sync + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        self.run(sockets, stop, move |plain, open| {
            let served = Box::pin(service(plain));
            tokio::spawn(async move {
                served.await;
                drop(open);
            });
        })
        .await
    }

    async fn run<F>(&self, sockets: Vec<TcpListener>, stop: watch::Receiver<bool>, take: F) -> Open
    where
        F: Fn(PlainConnection, watch::Receiver<()>) + Clone + Send + Sync + 'static,
    {
        let open = watch::Sender::new(());
        let mut loops = JoinSet::new();
        for socket in sockets {
            let (this, take, open) = (self.clone(), take.clone(), open.clone());
            let mut stop = stop.clone();
            loops.spawn(async move {
                tokio::select! {
                    biased;
                    () = stopped(&mut stop) => {}
                    never = this.accept_on(&socket, &take, &open) => match never {},
                }
            });
        }
        loops.join_all().await;
        Open(open)
    }

    async fn accept_on<F>(
        &self,
        socket: &TcpListener,
        take: &F,
        open: &watch::Sender<()>,
    ) -> Infallible
    where
        F: Fn(PlainConnection, watch::Receiver<()>),
    {
        let mut pause = PAUSE.0;
        loop {
            match socket.accept().await {
                Ok((stream, peer)) => {
                    pause = PAUSE.0;
                    if let Some(plain) = self.admit(stream, peer) {
                        take(plain, open.subscribe());
                    }
                }
                Err(error) if is_of_one_peer(&error) => {
                    log::debug!(target: "meldgate::listener", error:err = error; "a peer left before it was accepted");
                }
                Err(error) => {
                    // Out of files or memory: connections that end will make room.
                    self.complain(&error);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
    }

    /// Says that the system refuses, the first time and then ever more rarely: this can go on for long.
    fn complain(&self, error: &io::Error) {
        let count = Counts::add(&self.counts.starved);
        if count.is_power_of_two() {
            log::error!(target: "meldgate::listener", error:% = error, count; "cannot accept connections for now; raise LimitNOFILE= or lower limits.connections if this stays");
        }
    }

    /// Counts a connection, or closes it if its source or the gateway has too many.
    fn admit(&self, stream: TcpStream, peer: SocketAddr) -> Option<PlainConnection> {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let source = Source::of(peer.ip());
        let Ok(slot) = self.limits.connect(source) else {
            let count = Counts::add(&self.counts.refused);
            log::debug!(target: "meldgate::listener", source:% = source, count; "too many connections");
            // A reset leaves nothing behind here; an ordinary close would leave TIME_WAIT.
            drop(stream.set_zero_linger());
            return None;
        };
        Counts::add(&self.counts.accepted);
        // Neither can fail on a socket that lives, and one that does not is found out by its first read.
        drop(stream.set_nodelay(true));
        drop(SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT));
        let stream = Guarded::new(stream, self.stall_timeout, slot);
        let cut = stream.cut_handle();
        Some(PlainConnection {
            stream,
            peer,
            source,
            cut,
        })
    }
}

/// Shakes hands, unless the gateway stops first. Failures are counted, and told quietly: anybody can cause
/// them, at any rate.
async fn encrypt(
    tls: &Tls,
    counts: &Counts,
    mut stop: watch::Receiver<bool>,
    plain: PlainConnection,
) -> Option<Connection> {
    let source = plain.source;
    let outcome = tokio::select! {
        biased;
        () = stopped(&mut stop) => return None,
        outcome = Box::pin(shake(tls, plain)) => outcome,
    };
    match outcome {
        Ok(connection) => Some(connection),
        Err(Failure::TooSlow) => {
            let count = Counts::add(&counts.timed_out);
            log::debug!(target: "meldgate::listener", source:% = source, count; "handshake took too long");
            None
        }
        Err(Failure::Tls(error)) => {
            let count = Counts::add(&counts.failed);
            log::debug!(target: "meldgate::listener", source:% = source, count, error:err = error; "handshake failed");
            None
        }
    }
}

/// Waits until the gateway is told to stop; a sender that is gone can tell nothing else.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|&stop| stop).await);
}

fn is_of_one_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
    )
}

impl Counts {
    /// Connections that were let in.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections that were closed because their source or the gateway had too many.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Times that the system refused to accept, for want of files or memory.
    pub fn starved(&self) -> u64 {
        self.starved.load(Ordering::Relaxed)
    }

    /// Handshakes that took too long.
    pub fn timed_out(&self) -> u64 {
        self.timed_out.load(Ordering::Relaxed)
    }

    /// Handshakes that failed in another way.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    fn add(count: &AtomicU64) -> u64 {
        count.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Open {
    /// Waits until every connection that was handed on is gone.
    pub async fn closed(&self) {
        self.0.closed().await;
    }

    /// How many are still there.
    pub fn count(&self) -> usize {
        self.0.receiver_count()
    }
}
