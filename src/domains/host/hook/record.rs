//! A subscription by webhook, as it is noted, and as its owner sees it.

use std::fmt;

use m_ld_engine::clone::Notes;
use m_ld_engine::store::StoreError;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domains::desk::Owner;
use crate::ids::Name;
use crate::notify::{HookUrl, SigningSecret};

/// Where the subscription is noted.
pub(super) const RECORD: &[u8] = b"subscription";

pub(super) const DAMAGED: StoreError = StoreError::Damaged("the subscription by webhook");

/// A subscription, as its owner sees it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Its id, which the ids of its messages begin with.
    pub id: String,
    /// Where updates go.
    pub subscribe: String,
    /// When it was made, in RFC 3339.
    pub created: String,
    /// How it goes with it.
    pub state: SubscriptionState,
}

/// How it goes with a subscription.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum SubscriptionState {
    /// Nothing failed since the last acknowledgement.
    Active,
    /// The last deliveries failed.
    Failing {
        /// Since when, in RFC 3339.
        since: String,
        /// How many.
        deliveries: u32,
        /// What was wrong with the last.
        because: String,
    },
    /// It gets nothing any more.
    Disabled {
        /// Since when, in RFC 3339.
        since: String,
        /// What was wrong at the end.
        because: String,
    },
}

#[derive(Deserialize, Serialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) secret: String,
    /// The account that subscribed; none: the root key.
    pub(super) account: Option<String>,
    pub(super) created: Timestamp,
    pub(super) failing: Option<Failing>,
    pub(super) disabled: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Failing {
    pub(super) since: Timestamp,
    pub(super) deliveries: u32,
    pub(super) because: String,
}

/// A record, read.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) record: Record,
    pub(super) url: HookUrl,
    pub(super) secret: SigningSecret,
    pub(super) owner: Owner,
}

impl Active {
    pub(super) fn read(record: Record) -> Option<Self> {
        let owner = match &record.account {
            None => Owner::Root,
            Some(name) => Owner::Account(Name::parse(name).ok()?),
        };
        Some(Self {
            url: HookUrl::parse(&record.url).ok()?,
            secret: SigningSecret::parse(&record.secret)?,
            owner,
            record,
        })
    }
}

/// Without the secret, and without the path of the URL, which may hold one.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("id", &self.id)
            .field("failing", &self.failing)
            .finish_non_exhaustive()
    }
}

impl Record {
    pub(super) fn fail(&mut self, because: &str, today: Timestamp) -> Failing {
        let before = self.failing.take();
        let failing = Failing {
            since: before.as_ref().map_or(today, |before| before.since),
            deliveries: before
                .map_or(0, |before| before.deliveries)
                .saturating_add(1),
            because: because.to_owned(),
        };
        self.failing = Some(failing.clone());
        failing
    }

    pub(super) fn note(&self) -> Result<Notes, StoreError> {
        let mut notes = Notes::default();
        let record = serde_json::to_vec(self).map_err(|_| DAMAGED)?;
        notes.put(RECORD.to_vec(), record);
        Ok(notes)
    }

    pub(super) fn shown(&self) -> Subscription {
        let because = |failing: &Failing| failing.because.clone();
        let state = match (&self.disabled, &self.failing) {
            (Some(since), failing) => SubscriptionState::Disabled {
                since: since.to_rfc3339(),
                because: failing.as_ref().map(because).unwrap_or_default(),
            },
            (None, Some(failing)) => SubscriptionState::Failing {
                since: failing.since.to_rfc3339(),
                deliveries: failing.deliveries,
                because: because(failing),
            },
            (None, None) => SubscriptionState::Active,
        };
        Subscription {
            id: self.id.clone(),
            subscribe: self.url.clone(),
            created: self.created.to_rfc3339(),
            state,
        }
    }
}
