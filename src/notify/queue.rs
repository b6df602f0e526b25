//! Delivery in the background, so that who asks for a notice never waits for a mail server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::{JoinHandle, JoinSet};

use super::error::NotifyError;
use super::mail::Mailer;
use super::{Address, Notice};

/// Mails that wait before further ones are refused.
const WAITING: usize = 256;
/// Mails under way at once, those that wait to be tried again among them.
const UNDER_WAY: usize = 8;
/// How long to wait before each further try. An activation code is good for minutes.
pub(super) const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(25),
];

/// One notice and whom to tell.
pub(super) type Letter = (Address, Notice);

/// Takes letters, and sees to their delivery.
pub(super) struct Queue(Mutex<Option<Open>>);

struct Open {
    letters: mpsc::Sender<Letter>,
    task: JoinHandle<()>,
}

impl Queue {
    /// Starts the task that delivers. Must be called on a runtime.
    pub(super) fn start(mailer: Arc<Mailer>, pauses: [Duration; 3]) -> Self {
        let (letters, waiting) = mpsc::channel(WAITING);
        let task = tokio::spawn(run(mailer, pauses, waiting));
        Self(Mutex::new(Some(Open { letters, task })))
    }

    /// Takes a letter, or refuses it at once.
    pub(super) fn take(&self, letter: Letter) -> Result<(), NotifyError> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = open.as_ref() else {
            return Err(NotifyError::Stopping);
        };
        open.letters.try_send(letter).map_err(|error| match error {
            TrySendError::Full(_) => NotifyError::Busy,
            TrySendError::Closed(_) => NotifyError::Stopping,
        })
    }

    /// Takes no more letters, and waits until those it has are delivered or given up.
    pub(super) async fn finish(&self, within: Duration) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Open { letters, mut task }) = open else {
            return;
        };
        drop(letters);
        if tokio::time::timeout(within, &mut task).await.is_err() {
            task.abort();
            log::warn!(target: "meldgate::notify", "stopped with mails that were not delivered");
        }
    }
}

async fn run(mailer: Arc<Mailer>, pauses: [Duration; 3], mut waiting: mpsc::Receiver<Letter>) {
    let mut under_way = JoinSet::new();
    while let Some((to, notice)) = waiting.recv().await {
        while under_way.len() >= UNDER_WAY {
            note(under_way.join_next().await);
        }
        let mailer = Arc::clone(&mailer);
        under_way.spawn(async move { deliver(&mailer, pauses, &to, &notice).await });
    }
    while !under_way.is_empty() {
        note(under_way.join_next().await);
    }
}

fn note(ended: Option<Result<(), tokio::task::JoinError>>) {
    if let Some(Err(error)) = ended {
        log::error!(target: "meldgate::notify", error:err = error; "a delivery ended by itself");
    }
}

/// Tries until the mail is delivered, cannot be, or has been tried often enough.
async fn deliver(mailer: &Mailer, pauses: [Duration; 3], to: &Address, notice: &Notice) {
    let mut pauses = pauses.into_iter();
    let outcome = match mailer.compose(to, notice) {
        Ok(mail) => loop {
            match (mailer.deliver(&mail).await, pauses.next()) {
                (Err(error), Some(pause)) if error.may_pass() => {
                    log::warn!(
                        target: "meldgate::notify",
                        account = notice.account().as_str(), error:err = error;
                        "a mail was not delivered and is tried again"
                    );
                    tokio::time::sleep(pause).await;
                }
                (outcome, _) => break outcome,
            }
        },
        Err(error) => Err(error),
    };
    report(outcome, to, notice);
}

/// Tells the log what became of a mail: never its text, and of the address its domain only.
fn report(outcome: Result<(), NotifyError>, to: &Address, notice: &Notice) {
    let (account, host) = (notice.account().as_str(), to.domain());
    match outcome {
        Ok(()) => {
            log::info!(target: "meldgate::notify", account, host; "a mail was delivered");
        }
        Err(error) => log::error!(
            target: "meldgate::notify", account, host, error:err = error;
            "a mail was not delivered and is given up"
        ),
    }
}
