//! The signals that end the daemon.

use tokio::signal::unix::{SignalKind, signal};

use super::AppError;

/// The signals that end the daemon.
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, AppError> {
        let listen = |kind| signal(kind).map_err(no_signals);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn wait(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

pub(super) fn no_signals(source: std::io::Error) -> AppError {
    AppError::System {
        what: "report signals",
        source,
    }
}
