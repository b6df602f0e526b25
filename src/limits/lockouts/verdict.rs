//! What becomes of a credential: the two ways from an outcome to an answer.

use super::subject::Who;
use super::{Lockouts, Refused, Source};
use crate::ids::Name;

/// A credential was not accepted. What it says is the same whether or not the account exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Denied {
    /// It is wrong.
    #[error("wrong credential")]
    Wrong,
    /// It is wrong, and its source is locked out.
    #[error(transparent)]
    Locked(#[from] Refused),
}

impl Lockouts {
    /// Judges a credential that cannot be guessed and has been verified: `outcome` is `Some` if it is
    /// right. Right passes, whatever is locked. Wrong is counted.
    ///
    /// When verifying failed for another reason (no answer from the store), do not ask: nothing counts.
    pub async fn proof<T>(
        &self,
        source: Source,
        account: Option<&Name>,
        outcome: Option<T>,
    ) -> Result<T, Denied> {
        if let Some(right) = outcome {
            if let Some(account) = account {
                self.succeeded(source, account);
            }
            return Ok(right);
        }
        let who = Who::new(source, account);
        if let Some(refused) = self.refusal_of_place(&who) {
            return Err(Denied::Locked(refused));
        }
        self.failed(source, account).await;
        Err(Denied::Wrong)
    }

    /// Asks whether a credential that can be guessed may be tried at all. Ask before verifying.
    ///
    /// Until its verdict, the guess counts as a wrong one, so that many at once are no more than many in
    /// turn. If it is dropped without a verdict, it stays so: not knowing must not be a way to try again.
    pub fn guess(&self, source: Source, account: Option<&Name>) -> Result<Guess<'_>, Refused> {
        let who = Who::new(source, account);
        self.reserve(&who)?;
        Ok(Guess {
            lockouts: self,
            who: Some(who),
        })
    }
}

/// Permission to try one credential that can be guessed.
#[derive(Debug)]
#[must_use = "a guess without a verdict counts as a wrong one"]
pub struct Guess<'l> {
    lockouts: &'l Lockouts,
    /// `None` once it is settled.
    who: Option<Who>,
}

impl Guess<'_> {
    /// Settles the guess: `outcome` is `Some` if it was right. Returns once a lock that it led to is durable.
    pub async fn verdict<T>(mut self, outcome: Option<T>) -> Result<T, Denied> {
        if let Some(right) = outcome {
            self.take_back();
            return Ok(right);
        }
        if self.count() {
            self.lockouts.save().await;
        }
        Err(Denied::Wrong)
    }

    /// Takes the guess back: it could not be verified, and nobody learned anything from it.
    pub fn withdraw(mut self) {
        self.take_back();
    }

    fn take_back(&mut self) {
        if let Some(who) = self.who.take() {
            self.lockouts.release(who.subjects());
        }
    }

    /// Counts the guess as wrong. First the failure, then the release, so that there is no moment in
    /// which it counts as nothing.
    fn count(&mut self) -> bool {
        let Some(who) = self.who.take() else {
            return false;
        };
        let began = self.lockouts.count(&who);
        self.lockouts.release(who.subjects());
        began
    }
}

impl Drop for Guess<'_> {
    fn drop(&mut self) {
        // A lock that begins here is saved with the next one, or by the next sweep.
        self.count();
    }
}
