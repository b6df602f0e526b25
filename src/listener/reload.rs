//! The one place through which configuration and certificates change while the gateway runs.
//!
//! # What happens
//! On SIGHUP everything is read again; every `tls.watch_interval` the files are looked at, and what changed
//! is read again. The new is validated as a whole before anything changes: configuration and its
//! certificates take effect together or not at all. What cannot be used is told in the log, once for each
//! different reason, and tried again on the next look; the gateway goes on with what it has. If only the
//! configuration is at fault, certificates are still renewed under the configuration in force: a slip in an
//! edit must not let a certificate expire.
//!
//! Once a day, certificates of an authority of the gateway's own are renewed if they end soon and its key is there,
//! and take effect the same way.
//!
//! Live connections are not touched; see the `tls` module for session tickets.

mod watch;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::Receiver;

use self::watch::Watch;
use super::certificates::{self, CertificateError, Certificates};
use super::{Tls, TlsError, development};
use crate::clock::{Chance, Clock, Timestamp};
use crate::config;

/// How often certificates that end soon are seen to: renewed, or an operator reminded of them.
const REMINDER: Duration = Duration::from_hours(24);

/// A configuration that was read again and is valid by itself.
pub struct Reread {
    /// What it says about certificates.
    pub tls: config::Tls,
    /// Every file it was read from, to be watched; not the certificates.
    pub files: Vec<PathBuf>,
    /// Puts the rest of it into force; called once the certificates are found good as well.
    pub apply: Box<dyn FnOnce() + Send>,
}

/// Why a configuration cannot be read.
pub type ReadError = Box<dyn Error + Send + Sync>;

/// Why something was not put into force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The configuration is at fault; the certificates of the one in force were read again.
    #[error("the new configuration cannot be used")]
    Configuration(#[source] ReadError),
    /// The configuration is at fault, and so are the certificates of the one in force.
    #[error(
        "the new configuration cannot be used ({configuration}), nor the certificates of the old one"
    )]
    Both {
        /// What is wrong with the configuration.
        configuration: String,
        /// What is wrong with the certificates.
        source: Box<ReloadError>,
    },
    /// A certificate is at fault.
    #[error("a new certificate cannot be used")]
    Certificate(#[from] CertificateError),
    /// TLS would not take what was found good.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What a look at the files led to.
#[derive(Debug)]
pub enum Looked {
    /// Nothing changed.
    Unchanged,
    /// What changed is in force.
    Reloaded,
    /// What changed cannot be used; the old is in force.
    Kept(ReloadError),
}

/// Reads configuration and certificates again and puts them into force.
pub struct Reloader<Read> {
    served: Arc<Tls>,
    clock: Clock,
    chance: Chance,
    read: Read,
    tls: config::Tls,
    settings: Watch,
    certificates: Watch,
    /// The last reading failed: try again, and tell only what is new.
    failing: Option<String>,
    reminded: Timestamp,
    current: Arc<Certificates>,
}

impl<Read> Reloader<Read>
where
    Read: FnMut() -> Result<Reread, ReadError> + Send + 'static,
{
    /// Watches over what is `served`: `certificates`, loaded as `tls` says, a configuration read from
    /// `files`. `read` reads the configuration again.
    pub fn new(
        served: Arc<Tls>,
        certificates: Certificates,
        tls: config::Tls,
        files: Vec<PathBuf>,
        (clock, chance): (Clock, Chance),
        read: Read,
    ) -> Self {
        let mut reloader = Self {
            settings: Watch::new(files),
            certificates: Watch::new(paths(&tls)),
            served,
            read,
            tls,
            failing: None,
            reminded: Timestamp::default(),
            current: Arc::new(certificates),
            clock,
            chance,
        };
        reloader.attend();
        reloader
    }

    /// Reloads on SIGHUP and on changes until `stop` is true or its sender is gone.
    ///
    /// From the call on SIGHUP does not end the process; one that comes before the future is polled is not lost.
    /// Fails if the signal cannot be listened for; the future, only if `read` panics.
    pub fn run(
        self,
        stop: Receiver<bool>,
    ) -> std::io::Result<impl Future<Output = std::io::Result<()>> + Send> {
        let hangup = signal(SignalKind::hangup())?;
        Ok(self.watch(hangup, stop))
    }

    async fn watch(mut self, mut hangup: Signal, mut stop: Receiver<bool>) -> std::io::Result<()> {
        loop {
            let woken = tokio::select! {
                _ = stop.wait_for(|&stop| stop) => return Ok(()),
                woken = next(&mut hangup, self.tls.watch_interval) => woken,
            };
            // Files can be on a slow disk; the runtime's threads have better things to do.
            let looking = tokio::task::spawn_blocking(move || {
                self.act(&woken);
                self
            });
            self = looking.await.map_err(std::io::Error::other)?;
        }
    }

    fn act(&mut self, woken: &Woken) {
        match woken {
            Woken::Hangup => drop(self.reload()),
            Woken::Look => drop(self.look()),
            Woken::Attend => drop(self.attend_only()),
        }
    }

    /// Reads everything again, changed or not.
    pub fn reload(&mut self) -> Looked {
        // What is seen is noted before it is read, so that a change during the reading is found next time.
        self.settings.look();
        self.certificates.look();
        self.outcome(true)
    }

    /// Reads again what changed since the last time, and what could not be used then.
    pub fn look(&mut self) -> Looked {
        self.attend();
        let failing = self.failing.is_some();
        let settings = self.settings.look() || failing;
        let certificates = self.certificates.look() || failing;
        if settings || certificates {
            self.outcome(settings)
        } else {
            Looked::Unchanged
        }
    }

    /// Where nobody wants files looked at: renews what is due, and reads again what it renewed.
    fn attend_only(&mut self) -> Looked {
        if self.attend() {
            self.certificates.look();
            self.outcome(false)
        } else {
            Looked::Unchanged
        }
    }

    /// Reads again, and tells the log how that went.
    fn outcome(&mut self, settings: bool) -> Looked {
        let outcome = if settings {
            self.all()
        } else {
            self.renew(None)
        };
        match outcome {
            Ok(()) => {
                self.failing = None;
                log::info!(target: "meldgate::listener", certificates = self.current.chains().len(); "configuration and certificates are in force");
                Looked::Reloaded
            }
            Err(error) => {
                let reason = with_causes(&error);
                if self.failing.as_ref() != Some(&reason) {
                    log::error!(target: "meldgate::listener", reason = reason.as_str(); "reload refused, going on with what was in force");
                }
                self.failing = Some(reason);
                Looked::Kept(error)
            }
        }
    }

    /// Configuration and certificates together; if the configuration is at fault, certificates alone.
    fn all(&mut self) -> Result<(), ReloadError> {
        match (self.read)() {
            Ok(reread) => self.renew(Some(reread)),
            Err(error) => Err(match self.renew(None) {
                Ok(()) => ReloadError::Configuration(error),
                Err(source) => ReloadError::Both {
                    configuration: with_causes(&*error),
                    source: Box::new(source),
                },
            }),
        }
    }

    fn renew(&mut self, reread: Option<Reread>) -> Result<(), ReloadError> {
        let tls = reread.as_ref().map_or(&self.tls, |reread| &reread.tls);
        let now = self.clock.now();
        development::renew_all(&tls.certificates, now, &self.chance);
        let certificates = certificates::load(tls, now)?;
        self.served.replace(tls, &certificates)?;
        self.current = Arc::new(certificates);
        if let Some(Reread { tls, files, apply }) = reread {
            self.settings.follow(files);
            self.certificates.follow(paths(&tls));
            self.tls = tls;
            apply();
        }
        self.reminded = Timestamp::default();
        self.attend();
        Ok(())
    }

    /// Renews certificates that are ours to renew and speaks of those that need an operator, once a day. True: there
    /// is something new to be read.
    fn attend(&mut self) -> bool {
        let now = self.clock.now();
        if now.since(self.reminded) < REMINDER {
            return false;
        }
        self.reminded = now;
        if development::renew_all(&self.tls.certificates, now, &self.chance) {
            return true;
        }
        for warning in self.current.warnings(now) {
            log::warn!(target: "meldgate::listener", reason = warning.to_string().as_str(); "see to a certificate");
        }
        false
    }
}

/// Why the reloader does something.
enum Woken {
    Hangup,
    Look,
    Attend,
}

/// Waits for a reason to do something. Where nobody wants files looked at, certificates still need attention.
async fn next(hangup: &mut Signal, interval: Duration) -> Woken {
    let (wait, then) = if interval.is_zero() {
        (REMINDER, Woken::Attend)
    } else {
        (interval, Woken::Look)
    };
    tokio::select! {
        _ = hangup.recv() => Woken::Hangup,
        () = tokio::time::sleep(wait) => then,
    }
}

fn paths(tls: &config::Tls) -> Vec<PathBuf> {
    let files = tls.certificates.iter();
    files
        .flat_map(|files| [files.certificate.clone(), files.key.clone()])
        .collect()
}

fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests;
