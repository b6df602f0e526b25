//! Telling programs things by webhook: one signed POST for each message.
//!
//! Knows no domain: whoever has something to tell decides what, when, and whether to try again.
//!
//! # Invariants
//! 1. Nothing is sent to an address that is not public, unless the operator allows its network. What is connected to is
//!    an address that was checked, not a name that could mean another one by then.
//! 2. Nothing is sent in the clear, unless the operator allows the network that it is sent to.
//! 3. A redirect is not followed; an answer is read within its size; all of it ends within its time.
//!
//! # Sources
//! Standard Webhooks 1.0.0; RFC 9110, RFC 9112 (HTTP); RFC 6890 and its registries (addresses).

mod address;
mod connect;
mod error;
mod post;
mod signature;
mod url;

#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

pub use self::error::WebhookError;
pub use self::signature::SigningSecret;
pub use self::url::HookUrl;

use self::connect::{Connector, SystemResolver};
use crate::clock::Clock;
use crate::config;

/// Deliveries under way at once; others wait for their turn within their time.
const UNDER_WAY: usize = 512;

/// A message for one webhook.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Where it goes.
    pub url: HookUrl,
    /// What it is signed with.
    pub secret: SigningSecret,
    /// Its id: the same whenever the same is sent again. ASCII, without a dot.
    pub id: String,
    /// Its content, JSON.
    pub body: Bytes,
}

/// A message with its headers, as it is sent.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Where it goes.
    pub url: HookUrl,
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`: seconds since the Unix epoch.
    pub timestamp: u64,
    /// `webhook-signature`.
    pub signature: String,
    /// Its content.
    pub body: Bytes,
}

/// What comes of sending.
pub type Sending<'a, T> = Pin<Box<dyn Future<Output = Result<T, WebhookError>> + Send + 'a>>;

/// The way to webhooks. Tests have one of their own.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Whether something could be sent there now, so far as that is seen without connecting.
    fn check<'a>(&'a self, url: &'a HookUrl) -> Sending<'a, ()>;

    /// Sends a message. Gives the status of the answer.
    fn post<'a>(&'a self, message: &'a Signed) -> Sending<'a, u16>;
}

/// Sends messages to webhooks. Clones share what is under way.
#[derive(Clone)]
pub struct Webhooks(Arc<Inner>);

struct Inner {
    transport: Box<dyn Transport>,
    turns: Semaphore,
    timeout: Duration,
    clock: Clock,
}

impl Webhooks {
    /// Webhooks over the network, as the operator allows them. Reads certificates: blocks for milliseconds.
    pub fn new(config: &config::Webhooks, clock: &Clock) -> Result<Self, WebhookError> {
        let transport = Connector::new(config, Box::new(SystemResolver::new()))?;
        Ok(Self::over(Box::new(transport), config.timeout, clock))
    }

    /// Webhooks by another way.
    pub fn over(transport: Box<dyn Transport>, timeout: Duration, clock: &Clock) -> Self {
        Self(Arc::new(Inner {
            transport,
            turns: Semaphore::new(UNDER_WAY),
            timeout,
            clock: clock.clone(),
        }))
    }

    /// Whether something could be sent there now, so far as that is seen without connecting.
    pub async fn check(&self, url: &HookUrl) -> Result<(), WebhookError> {
        self.in_time(self.0.transport.check(url)).await
    }

    /// Sends a message once. Returns once it was accepted, or was not, or time is up.
    pub async fn send(&self, parcel: Parcel) -> Result<(), WebhookError> {
        let status = self.in_time(async {
            let _turn = self.0.turns.acquire().await;
            let message = self.sign(parcel);
            self.0.transport.post(&message).await
        });
        match status.await? {
            200..=299 => Ok(()),
            410 => Err(WebhookError::Gone),
            status => Err(WebhookError::Refused { status }),
        }
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, WebhookError>>,
    ) -> Result<T, WebhookError> {
        let ended = tokio::time::timeout(self.0.timeout, work).await;
        ended.unwrap_or(Err(WebhookError::TimedOut))
    }

    fn sign(&self, parcel: Parcel) -> Signed {
        let Parcel {
            url,
            secret,
            id,
            body,
        } = parcel;
        let timestamp = self.0.clock.now().as_secs();
        Signed {
            signature: secret.sign(&id, timestamp, &body),
            url,
            id,
            timestamp,
            body,
        }
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Webhooks").field(&self.0.transport).finish()
    }
}
