//! Activation: a key for whoever reads the mail of an address.
//!
//! # Invariants
//! 1. Whoever asks learns nothing: an existing account, a new one and a wrong address give the same answer after
//!    the same work, and the code travels by mail only.
//! 2. Every guess is counted in the store before it is looked at, so no number of parallel guesses, and no crash,
//!    gives more than the tries allowed.
//! 3. A code is good once: the commit that records the key removes the activation.
//!
//! What the client holds (a JWE) names the activation and whose it is; it says nothing about the code, so there is
//! nothing to guess offline.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::error::{AccountError, AuthError, Conflict};
use super::mint::{Forged, Minted};
use super::records::{AccountRecord, Book, Found, put};
use super::seeds::hex;
use super::{Accounts, Room, audit, jwe};
use crate::clock::Timestamp;
use crate::ids::Name;
use crate::limits::{Class, Source};
use crate::notify::{Address, Notice};
use crate::secret::KeySecret;
use crate::store::{Batch, StoreError, Tree, finish};

/// Activations that can be under way. Beyond, nobody new can ask until some end.
const LIMIT: usize = 10_000;
/// Ended activations that one new one sweeps away.
const SWEEP: usize = 32;
/// Digits of a code.
const DIGITS: usize = 6;

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Activation {
    account: String,
    email: String,
    /// Keyed hash of the code.
    code: String,
    expires: Timestamp,
    tries: u32,
    /// Whether nobody was told the code: the address is not one of the account's.
    decoy: bool,
}

/// What the client holds, sealed.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Envelope {
    pub id: String,
    sub: String,
}

/// Which activations are under way, by when they end.
#[derive(Debug)]
pub(super) struct Activations(Mutex<BTreeSet<(Timestamp, String)>>);

impl Activations {
    pub(super) fn open(book: &Book) -> Result<Self, StoreError> {
        let all = book.all::<Activation>(Tree::Activations)?.into_iter();
        let by_end = all
            .map(|(id, activation)| (activation.expires, id))
            .collect();
        Ok(Self(Mutex::new(by_end)))
    }

    /// Takes a place for a new one, and gives the ids of some that have ended.
    fn enter(
        &self,
        id: &str,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<String>, AuthError> {
        let mut places = self.lock();
        let mut ended = Vec::new();
        while ended.len() < SWEEP && places.first().is_some_and(|(end, _)| *end <= now) {
            ended.extend(places.pop_first().map(|(_, id)| id));
        }
        if places.len() >= LIMIT {
            let free = places.first().map_or(expires, |(end, _)| *end);
            return Err(AuthError::TooMany {
                retry_after: free.since(now),
            });
        }
        places.insert((expires, id.to_owned()));
        Ok(ended)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn leave(&self, id: &str, expires: Timestamp) {
        self.lock().remove(&(expires, id.to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(Timestamp, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts {
    /// Begins an activation: mails a code to `email`, unless the account exists and has other addresses, and gives
    /// the sealed token (JWE) to present with it. Does not wait for the mail.
    pub async fn activate(
        &self,
        account: &Name,
        email: &str,
        source: Source,
    ) -> Result<String, AccountError> {
        let room = &*self.0;
        let address = Address::parse(email)?;
        if *account == room.root.account || room.policy.reserved.contains(account) {
            return Err(Conflict::ReservedName.into());
        }
        if !room.notifier.delivers() {
            return Err(AccountError::NoMail);
        }
        room.lockouts.check_source(source)?;
        room.limits.spend_source(Class::Activations, source)?;
        room.limits
            .spend_text(Class::Activations, &address.mailbox())?;
        let (token, code, to) = room.begin(account, &address).await?;
        audit::activation(account, source, "requested");
        if let Some(to) = to {
            room.mail(account, &to, code);
        }
        Ok(token)
    }

    /// Redeems an activation: mints a key, creating the account if there is none.
    pub async fn mint_key_by_activation(
        &self,
        account: &Name,
        (token, code): (&str, &str),
        source: Source,
        with_pair: bool,
    ) -> Result<Minted, AccountError> {
        let room = &*self.0;
        let guess = room.lockouts.guess(source, Some(account))?;
        let envelope = room.unseal(token);
        if envelope
            .as_ref()
            .is_some_and(|envelope| envelope.sub != account.as_str())
        {
            guess.withdraw();
            return Err(AuthError::Forbidden.into());
        }
        let right = match &envelope {
            Some(envelope) => room.try_code(&envelope.id, code).await,
            None => Ok(None),
        };
        let outcome = match right {
            Ok(right) => guess.verdict(right).await,
            Err(cause) => {
                guess.withdraw();
                return Err(cause);
            }
        };
        let id = self.told(outcome, source, Some(account), "activation")?;
        // Whoever goes away while this takes its time still has the activation.
        let forged = room.forge(account).await?;
        let (accounts, account) = (self.clone(), account.clone());
        let redeem = async move { accounts.0.redeem((&account, &id), forged, source).await };
        Ok(finish(redeem).await?.minted(with_pair))
    }
}

impl Room {
    /// Records a new activation. The same work is done whether or not somebody will be told the code.
    pub(super) async fn begin(
        &self,
        account: &Name,
        address: &Address,
    ) -> Result<(String, String, Option<Address>), AccountError> {
        let (id, now) = (hex(&self.chance.bytes::<16>()), self.clock.now());
        let code = self.chance.text(DIGITS, b"0123456789");
        let (found, closed) = (self.book.account(account)?, self.book.is_closed(account)?);
        let to = recipient(found.as_ref(), address).filter(|_| !closed);
        let activation = Activation {
            account: account.to_string(),
            email: to.as_ref().unwrap_or(address).to_string(),
            code: self.seeds.code_mac(&id, &code),
            expires: now.after(self.policy.activation_lifetime),
            tries: 0,
            decoy: to.is_none(),
        };
        let ended = self.activations.enter(&id, activation.expires, now)?;
        let sweep = |batch: Batch, id: String| batch.remove(Tree::Activations, id);
        let batch = ended.into_iter().fold(Batch::new(), sweep);
        let batch = put(batch, (Tree::Activations, &id), None, &activation)?;
        self.book.commit(batch).await?;
        Ok((self.seal(&id, account)?, code, to))
    }

    fn seal(&self, id: &str, account: &Name) -> Result<String, AccountError> {
        let envelope = Envelope {
            id: id.to_owned(),
            sub: account.to_string(),
        };
        serde_json::to_vec(&envelope)
            .ok()
            .and_then(|envelope| jwe::seal(self.seeds.envelope(), &envelope, &self.chance))
            .ok_or(AuthError::Unavailable.into())
    }

    pub(super) fn unseal(&self, token: &str) -> Option<Envelope> {
        let envelope = jwe::open(self.seeds.envelope(), token)?;
        serde_json::from_slice(&envelope).ok()
    }

    /// Hands the code to the notifier, which delivers it in its own time.
    fn mail(&self, account: &Name, to: &Address, code: String) {
        let minutes = self.policy.activation_lifetime.as_secs().div_ceil(60);
        let notice = Notice::Activation {
            account: account.clone(),
            code: KeySecret::new(code),
            minutes,
            domain: self.domain.clone(),
        };
        if let Err(cause) = self.notifier.send(to, notice) {
            // The answer is the same, or it would tell that there was something to mail.
            log::warn!(
                target: "meldgate::accounts", error:err = cause, account = account.as_str();
                "an activation code was not mailed"
            );
        }
    }

    /// Uses up one try, durably, and gives the activation's id if the code was right.
    pub(super) async fn try_code(
        &self,
        id: &str,
        code: &str,
    ) -> Result<Option<String>, AccountError> {
        let counted = self.book.change(|book| {
            let found = book.read::<Activation>(Tree::Activations, id)?;
            let usable = |activation: &Activation| {
                activation.expires > self.clock.now()
                    && activation.tries < self.policy.activation_attempts
            };
            let Some(found) = found.filter(|found| usable(&found.record)) else {
                return Ok((Batch::new(), None));
            };
            let mut activation = found.record.clone();
            activation.tries += 1;
            let batch = put(
                Batch::new(),
                (Tree::Activations, id),
                Some(&found),
                &activation,
            )?;
            Ok((batch, Some(activation)))
        });
        let Some(activation) = counted.await? else {
            return Ok(None);
        };
        let right = self.seeds.code_matches(&activation.code, id, code.trim());
        Ok((right && !activation.decoy).then(|| id.to_owned()))
    }

    /// Records a key in exchange for the activation, whose code was right.
    async fn redeem(
        &self,
        (account, id): (&Name, &str),
        forged: Forged,
        source: Source,
    ) -> Result<Forged, AccountError> {
        let expires = self.book.change_account(account, |book| {
            let Some(activation) = book.read::<Activation>(Tree::Activations, id)? else {
                return Err(AuthError::Unauthorized.into());
            };
            if book.is_closed(account)? {
                return Err(AuthError::Unauthorized.into());
            }
            let found = book.account(account)?;
            let email = &activation.record.email;
            // Somebody else may have registered the name since.
            if found
                .as_ref()
                .is_some_and(|found| found.record.registered(email).is_none())
            {
                return Err(AuthError::Unauthorized.into());
            }
            let batch = Batch::new()
                .expect(Tree::Activations, id, activation.expected())
                .remove(Tree::Activations, id);
            let batch = self.enrol(batch, (account, found.as_ref()), &forged, Some(email))?;
            Ok((batch, activation.record.expires))
        });
        self.activations.leave(id, expires.await?);
        audit::activation(account, source, "redeemed");
        audit::minted(account, &forged.key.id, "activation");
        Ok(forged)
    }
}

/// Whom to mail: for an existing account its address as registered, never as the request spells it.
fn recipient(found: Option<&Found<AccountRecord>>, address: &Address) -> Option<Address> {
    let Some(found) = found else {
        return Some(address.clone());
    };
    let registered = found.record.registered(address.as_str())?;
    Address::parse(registered).ok()
}
