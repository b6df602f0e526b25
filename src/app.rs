//! Builds every room in order, runs them, and stops them in reverse. The only place that knows all rooms.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::accounts::{Accounts, AccountsError};
use crate::clock::{Chance, Clock};
use crate::config::{Config, Loaded};
use crate::domains::Domains;
use crate::http::{Answering, Edge, Remotes, Rooms};
use crate::limits::{Limits, Lockouts};
use crate::listener::bind::Passed;
use crate::listener::reload::{self, ReadError};
use crate::listener::{
    self, BindError, CertificateError, Certificates, Listener, Reloader, Tls, TlsError,
    certificates, development,
};
use crate::notify::{Notifier, NotifyError};
use crate::sockets::{Dependencies, Sockets};
use crate::store::{MasterKey, Store, StoreError};
use crate::telemetry::Telemetry;

/// How long mail that is still queued may take when the daemon stops.
const MAIL_PATIENCE: Duration = Duration::from_secs(5);

/// Why the gateway could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store cannot be used.
    #[error("the store in the state directory cannot be opened")]
    Store(#[from] StoreError),
    /// The accounts cannot be used.
    #[error("the accounts cannot be opened")]
    Accounts(#[from] AccountsError),
    /// A certificate cannot be used.
    #[error("a certificate cannot be used")]
    Certificates(#[from] CertificateError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Mail cannot be sent as configured.
    #[error("mail cannot be set up")]
    Mail(#[from] NotifyError),
    /// The system refused something that a daemon needs.
    #[error("the system refused to {what}")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// Its reason.
        source: std::io::Error,
    },
}

/// What running a gateway needs beside its configuration.
pub struct Options {
    /// Called once the gateway serves.
    pub ready: Box<dyn FnOnce(Ready) + Send>,
    /// Reads the configuration again, to be checked as a whole before anything of it is put into force.
    pub reread: Reread,
    /// The files that the configuration was read from.
    pub files: Vec<PathBuf>,
    /// The host in the origin when the configuration names no origin; `None`: the gateway's domain.
    pub host: Option<String>,
    /// Sockets that the service manager opened for the gateway.
    pub passed: Passed,
    /// Logging, to be told of a new level.
    pub telemetry: Telemetry,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub chance: Chance,
}

/// Reads the configuration again.
pub type Reread = Box<dyn FnMut() -> Result<Loaded, ReadError> + Send>;

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("files", &self.files)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// Where a gateway that serves can be reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ready {
    /// What clients call it.
    pub origin: String,
    /// The addresses that it listens to, with the ports that the system chose.
    pub https: Vec<SocketAddr>,
}

/// Runs a gateway until SIGTERM or SIGINT, then lets requests under way finish.
///
/// # Errors
/// If it could not start: see [`AppError`].
pub async fn run(config: Config, options: Options) -> Result<(), AppError> {
    let Options {
        ready: on_ready,
        reread,
        files,
        host,
        passed,
        telemetry,
        clock,
        chance,
    } = options;
    let stop = watch::Sender::new(false);
    let mut signals = Signals::listen()?;
    development::renew_all(&config.tls.certificates, clock.now(), &chance);
    let certificates = certificates::load(&config.tls, clock.now())?;
    let bound = listener::bind(&config.listen, passed)?;
    let ready = ready(&config, host.as_deref(), &bound);
    let base = Base::open(&config, &ready.origin, &clock, &chance).await?;
    let again = Again {
        files,
        reread,
        telemetry,
    };
    let serving = Serving::start(
        &config,
        (certificates, bound, again),
        &ready,
        &base,
        (&clock, &chance),
        &stop,
    )?;
    base.ready.store(true, Ordering::SeqCst);
    on_ready(ready);
    tell_manager(&[sd_notify::NotifyState::Ready]);
    let watchdog = watchdog(base.store.clone());

    let signal = signals.wait().await;
    log::info!(target: "meldgate", signal; "stopping: requests under way may finish");
    tell_manager(&[sd_notify::NotifyState::Stopping]);
    base.ready.store(false, Ordering::SeqCst);
    serving
        .stop(&stop, config.http.drain_timeout, &mut signals)
        .await;
    if let Some(watchdog) = watchdog {
        watchdog.abort();
    }
    base.close().await
}

/// The edges know nothing of each other; here they are joined.
impl Remotes for Sockets {
    fn owns(&self, path: &str) -> bool {
        Sockets::owns(path)
    }

    fn answer(&self, request: http::Request<axum::body::Body>) -> Answering<'_> {
        Box::pin(self.answer(request))
    }
}

/// The middle rooms, on the base they need.
struct Base {
    store: Store,
    limits: Arc<Limits>,
    lockouts: Arc<Lockouts>,
    notifier: Notifier,
    accounts: Accounts,
    domains: Domains,
    ready: Arc<AtomicBool>,
}

impl Base {
    async fn open(
        config: &Config,
        origin: &str,
        clock: &Clock,
        chance: &Chance,
    ) -> Result<Self, AppError> {
        let store = open_store(config, chance).await?;
        let limits = Arc::new(Limits::new(&config.limits, clock));
        let lockouts = Arc::new(Lockouts::open(store.clone(), &config.lockout, clock).await?);
        let notifier = Notifier::new(
            config.smtp.as_ref(),
            config.accounts.log_activation_codes,
            clock,
            chance,
        )?;
        let rooms = (Arc::clone(&limits), Arc::clone(&lockouts), notifier.clone());
        let accounts = Accounts::open(
            store.clone(),
            config,
            rooms.0,
            rooms.1,
            rooms.2,
            clock,
            chance,
        )
        .await?;
        let domains = Domains::open(store.clone(), config, (&accounts, origin), (clock, chance))?;
        Ok(Self {
            store,
            limits,
            lockouts,
            notifier,
            accounts,
            domains,
            ready: Arc::new(AtomicBool::new(false)),
        })
    }

    fn sockets_need(&self, clock: &Clock) -> Dependencies {
        Dependencies {
            accounts: self.accounts.clone(),
            domains: self.domains.clone(),
            limits: Arc::clone(&self.limits),
            clock: clock.clone(),
        }
    }

    async fn close(self) -> Result<(), AppError> {
        self.notifier.finish(MAIL_PATIENCE).await;
        let store = self.store;
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        closed.map_err(|error| AppError::System {
            what: "close the store",
            source: std::io::Error::other(error),
        })
    }
}

async fn open_store(config: &Config, chance: &Chance) -> Result<Store, AppError> {
    let (folder, key) = (
        config.gateway.state_dir.join("store"),
        config.gateway.master_key_file.clone(),
    );
    let chance = chance.clone();
    let opened =
        tokio::task::spawn_blocking(move || Store::open(&folder, &MasterKey::read(&key)?, &chance))
            .await;
    match opened {
        Ok(store) => Ok(store?),
        Err(error) => Err(AppError::System {
            what: "open the store",
            source: std::io::Error::other(error),
        }),
    }
}

/// The edges, serving.
struct Serving {
    sockets: Sockets,
    accepting: Vec<JoinHandle<listener::Open>>,
    beside: Vec<JoinHandle<()>>,
}

impl Serving {
    fn start(
        config: &Config,
        (certificates, bound, again): (Certificates, listener::Sockets, Again),
        ready: &Ready,
        base: &Base,
        (clock, chance): (&Clock, &Chance),
        stop: &watch::Sender<bool>,
    ) -> Result<Self, AppError> {
        let tls = Arc::new(Tls::new(&config.tls, &certificates)?);
        let sockets = Sockets::new(config, base.sockets_need(clock));
        let rooms = Rooms {
            accounts: base.accounts.clone(),
            domains: base.domains.clone(),
            limits: Arc::clone(&base.limits),
            sockets: Arc::new(sockets.clone()),
            ready: Arc::clone(&base.ready),
        };
        let edge = Edge::new(
            config,
            &ready.origin,
            rooms,
            clock,
            chance,
            stop.subscribe(),
        );
        let reloading = reloading(
            config,
            (Arc::clone(&tls), certificates),
            again,
            base,
            (clock, chance),
            stop.subscribe(),
        )?;
        let lockouts = Arc::clone(&base.lockouts);
        let beside = vec![
            tokio::spawn(sockets.clone().run()),
            tokio::spawn(reloading),
            tokio::spawn(async move { lockouts.watch().await }),
        ];
        let accepting = accept(config, bound, tls, &edge, base, stop);
        Ok(Self {
            sockets,
            accepting,
            beside,
        })
    }

    /// Stops accepting, tells sockets to reconnect, waits for requests under way; gives up after `patience`
    /// or at a second signal.
    async fn stop(self, stop: &watch::Sender<bool>, patience: Duration, signals: &mut Signals) {
        stop.send_replace(true);
        let dismissed = self.sockets.drain();
        log::info!(target: "meldgate", sockets = dismissed; "sockets are told to reconnect");
        let sockets = self.sockets.clone();
        let accepting = self.accepting;
        let gone = async {
            for listener in accepting {
                if let Ok(open) = listener.await {
                    open.closed().await;
                }
            }
            sockets.closed().await;
        };
        tokio::select! {
            () = gone => log::info!(target: "meldgate", signal = "none"; "all connections are finished"),
            () = tokio::time::sleep(patience) => {
                log::warn!(target: "meldgate", seconds = patience.as_secs(); "some connections did not finish in time");
            }
            signal = signals.wait() => log::warn!(target: "meldgate", signal; "a second signal: stopping at once"),
        }
        for task in self.beside {
            task.abort();
        }
    }
}

fn accept(
    config: &Config,
    bound: listener::Sockets,
    tls: Arc<Tls>,
    edge: &Edge,
    base: &Base,
    stop: &watch::Sender<bool>,
) -> Vec<JoinHandle<listener::Open>> {
    let listener = Listener::new(Arc::clone(&base.limits), config.http.stall_timeout);
    let (secure, plain) = (edge.clone(), edge.clone());
    let (listener_plain, stop_secure, stop_plain) =
        (listener.clone(), stop.subscribe(), stop.subscribe());
    vec![
        tokio::spawn(async move {
            let serve = move |connection| secure.clone().serve(connection);
            listener.serve(bound.https, tls, stop_secure, serve).await
        }),
        tokio::spawn(async move {
            let redirect = move |connection| plain.clone().redirect(connection);
            listener_plain
                .serve_plain(bound.redirect, stop_plain, redirect)
                .await
        }),
    ]
}

/// What is needed to read the configuration again.
struct Again {
    files: Vec<PathBuf>,
    reread: Reread,
    telemetry: Telemetry,
}

fn reloading(
    config: &Config,
    (tls, certificates): (Arc<Tls>, Certificates),
    again: Again,
    base: &Base,
    (clock, chance): (&Clock, &Chance),
    stop: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + Send + use<>, AppError> {
    let (limits, lockouts) = (Arc::clone(&base.limits), Arc::clone(&base.lockouts));
    let started = Arc::new(config.clone());
    let Again {
        files,
        mut reread,
        telemetry,
    } = again;
    let read = move || {
        let Loaded { config, files, .. } = reread()?;
        let (limits, lockouts) = (Arc::clone(&limits), Arc::clone(&lockouts));
        let (telemetry, tls) = (telemetry.clone(), config.tls.clone());
        let started = Arc::clone(&started);
        let apply = Box::new(move || {
            limits.reload(&config.limits);
            lockouts.reload(&config.lockout);
            telemetry.reload(&config.log);
            tell_what_waits(&started.needs_restart(&config));
        });
        Ok(reload::Reread { tls, files, apply })
    };
    let reloader = Reloader::new(
        tls,
        certificates,
        config.tls.clone(),
        files,
        (clock.clone(), chance.clone()),
        read,
    );
    let reloading = reloader.run(stop).map_err(no_signals)?;
    Ok(async move {
        if let Err(error) = reloading.await {
            log::error!(target: "meldgate", error:err = error; "changes of files and SIGHUP are not seen any more");
        }
    })
}

/// Tells the operator what of a new configuration is not in force.
fn tell_what_waits(settings: &[&str]) {
    if !settings.is_empty() {
        let settings = settings.join(", ");
        log::warn!(target: "meldgate", settings = settings.as_str(); "changed settings wait for a restart");
    }
}

fn ready(config: &Config, host: Option<&str>, bound: &listener::Sockets) -> Ready {
    let https: Vec<_> = bound
        .https
        .iter()
        .filter_map(|socket| socket.local_addr().ok())
        .collect();
    let origin = config.gateway.origin.clone().unwrap_or_else(|| {
        let host = host.unwrap_or(config.gateway.domain.as_str());
        match https.first().map_or(443, SocketAddr::port) {
            443 => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        }
    });
    Ready { origin, https }
}

/// The signals that end the daemon.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, AppError> {
        let listen = |kind| signal(kind).map_err(no_signals);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

fn no_signals(source: std::io::Error) -> AppError {
    AppError::System {
        what: "report signals",
        source,
    }
}

/// Tells systemd, if it is there.
fn tell_manager(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warn!(target: "meldgate", error:err = error; "the service manager could not be told");
    }
}

/// Shows systemd that the gateway is alive, as often as it asks for.
fn watchdog(store: Store) -> Option<JoinHandle<()>> {
    let interval = sd_notify::watchdog_enabled()?;
    let tell = || tell_manager(&[sd_notify::NotifyState::Watchdog]);
    Some(tokio::spawn(show_alive(store, interval / 3, tell)))
}

/// Ends once the store takes no changes: it will not until it is opened again, so systemd is to start the gateway anew.
async fn show_alive(store: Store, interval: Duration, tell: impl Fn()) {
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        if !store.is_writable() {
            log::error!(target: "meldgate", "the store takes no changes any more: the watchdog is left to restart the gateway");
            return;
        }
        tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_watchdog_hears_no_more_once_the_store_takes_no_changes() {
        let store = Store::memory(&Chance::seeded(1));
        let told = std::cell::Cell::new(0);
        let tell = || {
            told.set(told.get() + 1);
            if told.get() == 2 {
                store.close();
            }
        };
        show_alive(store.clone(), Duration::from_millis(1), tell).await;
        assert_eq!(told.get(), 2);
    }
}
