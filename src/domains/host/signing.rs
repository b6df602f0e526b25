//! What the actor of a subdomain with signatures does beside the others: it decides what is relayed, and keeps the keys
//! in the data as they are to be.

use m_ld_engine::change::Change;
use m_ld_engine::clone::{Input, Notes, Update, WriteError};
use m_ld_engine::journal;
use m_ld_engine::security::SecurityError;

use super::actor::{Actor, Failure, Round};
use super::queue::Answered;
use super::signatures::{MANNER, Signatures, Signer, TooManyKeys};
use super::{HostError, Reply};
use crate::domains::relay::Candidate;
use crate::ids::DomainId;

/// Longest text of an update in the log, in bytes. What was signed is in the subdomain's own journal, whole.
const LOGGED: usize = 800;

impl Actor {
    /// Decides about an operation that waits to be relayed; applies it if it is.
    pub(super) fn decide(
        &mut self,
        candidate: &Candidate,
        round: &mut Round,
    ) -> Result<(), Failure> {
        let Some(view) = self.clone.view() else {
            // Dropped, it has its sender come back later.
            return Ok(());
        };
        let signatures = self.signatures.clone();
        let admitted = match &signatures {
            _ if candidate.sender.is_over() => return Ok(()),
            Some(signatures) => signatures.admit(&candidate.message, &*view),
            None => Ok(()),
        };
        match admitted {
            Ok(()) => {
                candidate.sender.pass(&candidate.message);
                self.handle(Input::Operation(&candidate.message), round)
            }
            Err(SecurityError::Store(cause)) => Err(Failure::Notes(cause)),
            Err(why) => {
                candidate.sender.refuse(&why.to_string());
                if Signatures::is_ended(&why) {
                    self.settle_keys(round)?;
                }
                Ok(())
            }
        }
    }

    /// Sees that the data has the gateway's key, and no key of the account that is no longer good.
    pub(super) fn settle_keys(&mut self, round: &mut Round) -> Result<(), Failure> {
        let (Some(signatures), Some(view)) = (self.signatures.clone(), self.clone.view()) else {
            return Ok(());
        };
        let changed = match signatures.due(&*view) {
            Ok(change) => self.change(change, round)?,
            Err(SecurityError::Store(cause)) => return Err(Failure::Notes(cause)),
            Err(why) => Err(HostError::Bad(why.to_string().into())),
        };
        if let Err(cause) = changed {
            log::error!(
                target: "meldgate::domains", domain:? = self.domain, error:err = cause;
                "the keys in a subdomain with signatures cannot be brought up to date"
            );
        }
        Ok(())
    }

    /// Notes in which manner users sign, once somebody has.
    pub(super) fn note_manner(&mut self, round: &mut Round) -> Result<(), Failure> {
        let manner = self.signatures.as_ref().and_then(|some| some.manner());
        if let Some(manner) = manner.filter(|_| self.manner != manner) {
            let mut notes = Notes::default();
            notes.put(MANNER, manner.as_bytes());
            self.clone.note(notes)?;
            round.noted = true;
            self.manner = Some(manner);
        }
        Ok(())
    }

    /// Writes into the data that somebody may speak.
    pub(super) fn register(
        &mut self,
        signer: &Signer,
        reply: Reply<()>,
        round: &mut Round,
    ) -> Result<(), Failure> {
        let (Some(signatures), Some(view)) = (self.signatures.clone(), self.clone.view()) else {
            round.answers.push(reply, Err(HostError::Closed));
            return Ok(());
        };
        let answer = match signatures.registering(signer, &*view)? {
            Ok(change) => self.change(change, round)?,
            Err(TooManyKeys) => Err(HostError::TooManyKeys),
        };
        round.answers.push(reply, answer);
        Ok(())
    }

    /// Changes what is no part of the state that an app works at, whoever has that locked.
    pub(super) fn change(
        &mut self,
        change: Change,
        round: &mut Round,
    ) -> Result<Result<(), HostError>, Failure> {
        if change.is_empty() {
            return Ok(Ok(()));
        }
        match self.clone.change(change, None, self.clock.running()) {
            Ok((written, effects)) => {
                round.effects.join(effects);
                // Nobody has to take note of it, so it waits for nobody.
                round.own.insert(written.ticks, Answered::AtOnce);
                Ok(Ok(()))
            }
            Err(WriteError::Clone(cause)) => Err(Failure::Clone(cause)),
            Err(WriteError::NotReady) => Ok(Err(HostError::Closed)),
            Err(other) => Ok(Err(HostError::Bad(other.to_string().into()))),
        }
    }

    /// Tells the log who signed what was applied.
    pub(super) fn attribute(&self, update: &Update) {
        let (DomainId::Subdomain { account, name }, Some(_)) = (&self.domain, &self.signatures)
        else {
            return;
        };
        let (Some(trigger), Some(view)) = (update.trace.trigger, self.clone.view()) else {
            return;
        };
        // It is there: the update tells of what is durable, and nothing is fused here.
        let Ok(Some(record)) = journal::record(&*view, trigger) else {
            return;
        };
        let Some(attribution) = record.attribution else {
            return;
        };
        let user = attribution.principal.as_str();
        let text = update.to_json(&self.context).to_string();
        let (start, rest) = text.split_at(text.floor_char_boundary(LOGGED));
        let cut = if rest.is_empty() { "" } else { "…" };
        log::info!(
            target: "meldgate::audit",
            event = "operation", domain = format!("{account}/{name}"), user, bytes = text.len();
            "{account}/{name} USER {user} {start}{cut}"
        );
    }
}
