//! Accounts and their keys: who somebody is, and what follows from it.
//!
//! # Invariants
//! 1. A key's secret is nowhere but in its owner's hands: the store has a MAC of the key under a pepper, and an
//!    Argon2id hash. The private half of its pair is sealed under the secret.
//! 2. Refusals are alike: unknown account, unknown key, wrong secret, revoked and expired take the same work and
//!    get the same answer.
//! 3. A right key passes, whatever is locked; a code that can be guessed does not.
//! 4. What was answered for (a key minted or revoked, a code redeemed) is durable before the answer.
//! 5. What a key was let in for is done only if the key is still good when it is done: however long that takes,
//!    nothing is minted, changed or closed with a key after its revocation was answered for.
//! 6. Who may do what to an account is a [`Permit`], and only this room makes them.
//!
//! # How a key is verified
//! A presented key is compared with the stored MAC, HMAC-SHA-256 under a pepper: microseconds, whether or not there
//! is such a key. A key that passes is then confirmed by Argon2id, once for each time that its entry lives in a
//! cache of this process. Why both, and in this order:
//! - A wrong guess costs no Argon2id. Otherwise guesses could keep the processor, and so right keys, waiting.
//! - Minted secrets carry 296 random bits, so the MAC's verdict is sound by itself. When more keys are new at once
//!   than Argon2id can confirm (all clients come back after a restart), it stands, and the keys are confirmed
//!   another time: an account's right key always passes.
//! - Argon2id is the second lock: it does not depend on the pepper, and notices when the records of two keys have
//!   been mixed up.
//!
//! Neither protects a secret that can be guessed. Only the root key can have one, since an operator chooses it: such
//! a root key is told of at start and is treated like an activation code, which lockouts guard.
//!
//! # Sources
//! The API page, sections 1 to 3; RFC 2104 (HMAC), RFC 9106 (Argon2), RFC 7519 (JWT), RFC 7516 (JWE).

mod activation;
mod admit;
mod audit;
mod authenticate;
mod changes;
mod close;
mod credential;
mod details;
mod error;
mod hasher;
mod jwe;
mod jwt;
mod mint;
mod pair;
mod patch;
mod permit;
mod published;
mod records;
mod remotes;
mod root;
mod rotate;
mod seeds;
mod signers;
mod verified;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use tokio::sync::broadcast;

pub use self::admit::Registry;
pub use self::changes::Changes;
pub use self::credential::Credential;
pub use self::details::{Details, KeyDetails, Manners};
pub use self::error::{AccountError, AccountsError, AuthError, Conflict};
pub use self::mint::Minted;
pub use self::pair::{PairError, PublicKey, SealedKey, SigningKey, UserKey};
pub use self::patch::Patch;
pub use self::permit::{
    Admission, Capability, CloseAccount, ManageAccount, MintKeys, Permit, Principal, Proof,
    ReadAccount, UseDomains,
};
pub use self::published::{Published, PublishedKey};
pub use self::records::{Naming, RemotesAuth};

use self::activation::Activations;
use self::audit::Failures;
use self::hasher::{Cost, HashError, Hasher};
use self::records::Book;
use self::root::Root;
use self::seeds::Seeds;
use self::verified::Verified;
use crate::clock::{Chance, Clock, Timestamp};
use crate::config::{self, Config};
use crate::ids::{GatewayDomain, KeyId, Name};
use crate::limits::{Limits, Lockouts, Refused};
use crate::notify::Notifier;
use crate::store::Store;

/// Revocations that one listener can be behind before it misses some.
const REVOCATIONS: usize = 1024;
/// The same of accounts that are closed.
const CLOSURES: usize = 256;
/// The same of accounts whose remotes let in others than before.
const ENTRANCES: usize = 1024;

/// A key that is no longer good. Whatever depends on it must end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revoked {
    /// Whose it was.
    pub account: Name,
    /// Which.
    pub key: KeyId,
    /// From when on: it may be yet to come.
    pub at: Timestamp,
}

/// The accounts of the gateway. Clones share them.
#[derive(Clone)]
pub struct Accounts(Arc<Room>);

struct Room {
    domain: GatewayDomain,
    /// Other names under which a token can be meant for us.
    audience: Vec<String>,
    policy: config::Accounts,
    book: Book,
    seeds: Seeds,
    root: Root,
    /// The id of no key.
    nobody: KeyId,
    hasher: Hasher,
    verified: Verified,
    process: aws_lc_rs::hmac::Key,
    activations: Activations,
    limits: Arc<Limits>,
    lockouts: Arc<Lockouts>,
    notifier: Notifier,
    failures: Failures,
    revoked: broadcast::Sender<Revoked>,
    closed: broadcast::Sender<Name>,
    entrances: broadcast::Sender<Name>,
    clock: Clock,
    chance: Chance,
}

impl Accounts {
    /// Opens the room: makes sure of the root account, its key and its pair. Makes that pair if there is none,
    /// which takes some tenths of a second.
    pub async fn open(
        store: Store,
        config: &Config,
        limits: Arc<Limits>,
        lockouts: Arc<Lockouts>,
        notifier: Notifier,
        clock: &Clock,
        chance: &Chance,
    ) -> Result<Self, AccountsError> {
        let rooms = (limits, lockouts, notifier);
        Self::open_at_cost(Cost::STANDARD, store, config, rooms, (clock, chance)).await
    }

    async fn open_at_cost(
        cost: Cost,
        store: Store,
        config: &Config,
        (limits, lockouts, notifier): (Arc<Limits>, Arc<Lockouts>, Notifier),
        (clock, chance): (&Clock, &Chance),
    ) -> Result<Self, AccountsError> {
        let policy = config.accounts.clone();
        let book = Book::new(store);
        let seeds = Seeds::open(&book, chance).await?;
        let hasher = Hasher::new(cost, policy.concurrent_hashes, chance);
        let root = root::open(&book, &config.gateway, (&seeds, &hasher), (clock, chance)).await?;
        let activations = Activations::open(&book)?;
        // Longer than any id that is minted.
        let nobody = KeyId::parse(&"_".repeat(64)).map_err(|_| AccountsError::Crypto)?;
        Ok(Self(Arc::new(Room {
            domain: config.gateway.domain.clone(),
            audience: audience(&config.gateway),
            verified: Verified::new(policy.verified_keys, policy.verified_for),
            process: aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &chance.bytes::<32>()),
            revoked: broadcast::channel(REVOCATIONS).0,
            closed: broadcast::channel(CLOSURES).0,
            entrances: broadcast::channel(ENTRANCES).0,
            clock: clock.clone(),
            chance: chance.clone(),
            policy,
            book,
            seeds,
            root,
            nobody,
            hasher,
            activations,
            limits,
            lockouts,
            notifier,
            failures: Failures::new(clock),
        })))
    }

    /// The root account's name.
    pub fn root(&self) -> &Name {
        &self.0.root.account
    }

    /// Whether accounts can be changed: not once the store has failed, until the gateway is started again.
    pub fn is_writable(&self) -> bool {
        self.0.book.is_writable()
    }

    /// Tells of each key that is revoked, once that is durable. Who lags behind and misses some asks
    /// [`holds`](Self::holds) about everything that depends on a key.
    pub fn revocations(&self) -> broadcast::Receiver<Revoked> {
        self.0.revoked.subscribe()
    }

    /// Tells of each account that is closed, once that is durable: whatever depends on it must end, also what depends
    /// on none of its keys. Who lags behind asks [`holds`](Self::holds).
    pub fn closures(&self) -> broadcast::Receiver<Name> {
        self.0.closed.subscribe()
    }

    /// Tells of each account that lets sockets in by other ways than before, once that is durable. Who depends on such a
    /// way asks [`holds`](Self::holds), and who lags behind asks it about everything.
    pub fn entrances(&self) -> broadcast::Receiver<Name> {
        self.0.entrances.subscribe()
    }

    /// Whether there was an account of this name, and it was closed.
    pub fn is_closed(&self, account: &Name) -> Result<bool, AccountError> {
        Ok(self.0.book.is_closed(account)?)
    }

    /// Checks that what a permit stands on is still so: its account is there, and the key that it was proven by good.
    /// Other rooms ask this right before they do what cannot be undone: a request's body can take its time.
    pub fn check_permit<C: Capability>(&self, permit: &Permit<C>) -> Result<(), AccountError> {
        let room = &*self.0;
        room.book
            .account(permit.account())?
            .ok_or(AuthError::NotFound)?;
        room.check_proof(&room.book, permit)
    }

    /// Whether `principal` holds `C` on `account`: the account itself, or root.
    pub fn permit<C: Capability>(
        &self,
        principal: &Principal,
        account: &Name,
    ) -> Result<Permit<C>, AuthError> {
        Permit::check(principal, account)
    }

    /// [`permit`](Self::permit) to change an account.
    pub fn manage(
        &self,
        principal: &Principal,
        account: &Name,
    ) -> Result<Permit<ManageAccount>, AuthError> {
        Permit::check(principal, account)
    }
}

impl Room {
    /// Checks that the key that a permit was proven by is still good.
    ///
    /// Plans of changes ask this after they have read the account's record, which they expect to be unchanged: every
    /// end of a key changes that, so a key that ends after the question makes the plan fail.
    fn check_proof<C: Capability>(
        &self,
        book: &Book,
        permit: &Permit<C>,
    ) -> Result<(), AccountError> {
        let Some(id) = permit.key() else {
            return Ok(());
        };
        let found = book.key(id)?;
        let good = found.is_some_and(|found| self.is_good(id, &found.record));
        if good {
            Ok(())
        } else {
            Err(AuthError::Unauthorized.into())
        }
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts")
            .field("domain", &self.0.domain)
            .finish_non_exhaustive()
    }
}

impl From<Refused> for AuthError {
    fn from(refused: Refused) -> Self {
        Self::TooMany {
            retry_after: refused.retry_after,
        }
    }
}

impl From<Refused> for AccountError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused.into())
    }
}

impl From<HashError> for AuthError {
    fn from(_: HashError) -> Self {
        Self::Unavailable
    }
}

impl From<HashError> for AccountError {
    fn from(cause: HashError) -> Self {
        Self::Refused(cause.into())
    }
}

fn audience(gateway: &config::Gateway) -> Vec<String> {
    let domain = &gateway.domain;
    let mut names = vec![
        domain.to_string(),
        format!("http://{domain}/"),
        format!("https://{domain}/"),
    ];
    names.extend(gateway.origin.clone());
    names
}
