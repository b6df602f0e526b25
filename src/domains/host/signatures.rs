//! Who may speak in a subdomain with signatures, and how that is proven.
//!
//! Who may is in the data: a principal, with its public keys. Only the gateway writes it there.
//!
//! # Invariants
//! 1. An operation that passes is signed by a key of the data, and by the principal in whose name it is.
//! 2. A key of the account that is no longer good passes nothing, from the moment that it is not.
//! 3. Nobody but the gateway changes who may speak, nor what their keys are.
//! 4. All sign in one manner, that of whoever spoke first: a JavaScript clone that verifies the one closes on the other.
//! 5. What has passed passes again: what was relayed is applied here too, whatever became of its key meanwhile.
//!
//! Source: m-ld protocol, section 11.3; the API page, section 2.3.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use m_ld_engine::change::Change;
use m_ld_engine::dataset::Graph;
use m_ld_engine::msgpack::Value;
use m_ld_engine::operation::{Codec, Operation, Tagged};
use m_ld_engine::rdf::{Iri, Literal, Term, Triple, vocab};
use m_ld_engine::security::{
    Acl, Attribution, Direction, Kind, Principal, SecurityError, TransportSecurity, unseal,
};
use m_ld_engine::store::{StoreError, Table, View};
use m_ld_engine::wire::{self, Limits};

use crate::accounts::{AccountError, Accounts, PublicKey};
use crate::ids::{KeyId, Name};

/// Keys that one principal can have.
const KEYS: usize = 16;
/// Operations of which it is remembered that they passed: as many as can wait for this clone, twice.
const PASSED: usize = 8192;
/// Keys of which it is remembered whether they are the account's.
const KNOWN: usize = 4096;
/// Longest id of a key before a signature.
const KEY_ID: usize = 64;

const UNSIGNED: SecurityError = SecurityError::Rejected("the message is not signed");
const ENDED: SecurityError = SecurityError::Rejected("the key is revoked or has ended");
const ANOTHER: SecurityError =
    SecurityError::Rejected("it is in the name of another than who signed it");
const KEYS_CHANGED: SecurityError =
    SecurityError::Rejected("only the gateway changes who may speak, and their keys");
const OTHER_MANNER: SecurityError =
    SecurityError::Rejected("the subdomain's signatures are of another manner");
const UNREADABLE: SecurityError = SecurityError::Unable("the account's keys cannot be read");

/// What guards one subdomain.
pub(super) struct Signatures {
    acl: Acl,
    codec: Codec,
    limits: Limits,
    gateway: Iri,
    account: Name,
    accounts: Accounts,
    /// The ids of the account's keys by the digests of their public halves; none for a key that is not the account's.
    known: Mutex<BTreeMap<Digest, Option<KeyId>>>,
    passed: Mutex<Passed>,
    manner: Mutex<Option<Manner>>,
}

/// Where it is noted in which manner a subdomain's users sign.
pub(super) const MANNER: &[u8] = b"signatures";

/// How users sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manner {
    /// By the signature alone, as the access control plug-in of JavaScript clones. A principal has one key.
    Bare,
    /// By the key's id, a colon and the signature, as the public gateway wants it. A principal can have several keys.
    WithKeyId,
}

type Digest = [u8; 32];

/// Digests of what has passed, the latest of them.
#[derive(Default)]
struct Passed {
    order: VecDeque<Digest>,
    all: BTreeSet<Digest>,
}

/// Whoever is to be able to speak in a subdomain.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The principal's IRI.
    pub principal: String,
    /// What it signs with.
    pub key: PublicKey,
}

/// The principal has as many keys as it can have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooManyKeys;

impl Signatures {
    /// Guards a subdomain of an account, whose base IRI this is. The gateway signs as `gateway`.
    pub(super) fn new(
        base: Iri,
        gateway: &Iri,
        (accounts, account): (&Accounts, &Name),
        limits: Limits,
    ) -> Result<Self, SecurityError> {
        const BASE: SecurityError = SecurityError::Unable("the base of the domain is not an IRI");
        let signing = accounts.clone();
        let principal = Principal::new(gateway.clone(), move |data| {
            let signature = signing.sign_as_gateway(data);
            signature.map_err(|_| SecurityError::Unable("the gateway's key does not sign"))
        });
        Ok(Self {
            codec: Codec::new(&base).map_err(|_| BASE)?,
            acl: Acl::new(base, Some(principal))?,
            limits,
            gateway: gateway.clone(),
            account: account.clone(),
            accounts: accounts.clone(),
            known: Mutex::default(),
            passed: Mutex::default(),
            manner: Mutex::default(),
        })
    }

    /// Takes up the manner that was noted when the subdomain was last open.
    pub(super) fn resume(&self, view: &dyn View) -> Result<(), StoreError> {
        let noted = view.get(Table::Notes, MANNER)?;
        *self.manner_of_all() = noted.as_deref().and_then(Manner::parse);
        Ok(())
    }

    /// The manner, to be noted.
    pub(super) fn manner(&self) -> Option<Manner> {
        *self.manner_of_all()
    }

    /// Decides whether an operation message may be relayed and applied, by the data as it is.
    pub(super) fn admit(&self, message: &[u8], view: &dyn View) -> Result<(), SecurityError> {
        let graph = Graph::new(view)?;
        let envelope = wire::judge(message, &self.limits)?;
        let attribution = envelope.attribution.ok_or(UNSIGNED)?;
        let encoded = unseal(self, &envelope, &self.limits, &graph)?;
        // A fusion of others' operations is never sent to all, so what is has the name of its signer, or none.
        if let Some(named) = envelope.principal
            && self.acl.principal_of(named)? != self.acl.principal_of(attribution.principal)?
        {
            return Err(ANOTHER);
        }
        self.passed().add(of_message(&encoded, attribution));
        Ok(())
    }

    /// Whether a key is refused because it is no longer good, so that it can go from the data.
    pub(super) fn is_ended(error: &SecurityError) -> bool {
        matches!((error, ENDED), (SecurityError::Rejected(why), SecurityError::Rejected(ended)) if *why == ended)
    }

    /// What has to change in the data: the gateway has its own key, and it alone; keys of the account that are no
    /// longer good go.
    pub(super) fn due(&self, view: &dyn View) -> Result<Change, SecurityError> {
        let graph = Graph::new(view)?;
        let mut change = Change::default();
        let own = self.accounts.root_public_key();
        let (wanted, data) = registration(&self.gateway, own);
        let mut is_there = false;
        for triple in registered(&graph, Some(&self.gateway)) {
            let triple = triple?;
            if triple == wanted {
                is_there = true;
            } else {
                change.delete(triple);
            }
        }
        if !is_there {
            change.insert(wanted, Some(data));
        }
        let ended = self.accounts.ended_keys(&self.account);
        for key in ended.map_err(|_| UNREADABLE)? {
            let object = Term::Literal(literal(key.as_der()));
            for triple in graph.find(None, Some(&property()), Some(&object)) {
                change.delete(triple?);
            }
        }
        Ok(change)
    }

    /// What has to change in the data so that somebody may speak.
    pub(super) fn registering(
        &self,
        signer: &Signer,
        view: &dyn View,
    ) -> Result<Result<Change, TooManyKeys>, StoreError> {
        let graph = Graph::new(view)?;
        let mut change = Change::default();
        let principal = Iri::new(signer.principal.as_str());
        let (wanted, data) = registration(&principal, &signer.key);
        if graph.contains(&wanted)? {
            return Ok(Ok(change));
        }
        let others = registered(&graph, Some(&principal)).take(KEYS);
        let others: Vec<_> = others.collect::<Result<_, _>>()?;
        if self.manner() == Some(Manner::WithKeyId) {
            if others.len() >= KEYS {
                return Ok(Err(TooManyKeys));
            }
        } else {
            for key in others {
                change.delete(key);
            }
        }
        change.insert(wanted, Some(data));
        Ok(Ok(change))
    }

    /// Who signed, if it was by a key that is good. A signature may have the key's id and a colon before it, as the
    /// public gateway wants it.
    fn signer(
        &self,
        data: &[u8],
        attribution: Option<wire::Attribution<'_>>,
        state: Option<&Graph<'_>>,
    ) -> Result<Iri, SecurityError> {
        let bare = self.acl.signer(data, attribution, state);
        let (manner, (principal, key)) = match (bare, attribution.and_then(without_key_id)) {
            (Err(SecurityError::Rejected(_)), Some(bare)) => {
                let found = self.acl.signer(data, Some(bare), state)?;
                (Manner::WithKeyId, found)
            }
            (found, _) => (Manner::Bare, found?),
        };
        if principal == self.gateway {
            return Ok(principal);
        }
        if !self.is_good(&key)? {
            return Err(ENDED);
        }
        let mut manners = self.manner_of_all();
        if *manners.get_or_insert(manner) == manner {
            Ok(principal)
        } else {
            Err(OTHER_MANNER)
        }
    }

    /// Whether a key is not one of the account's that is no longer good.
    fn is_good(&self, public: &[u8]) -> Result<bool, SecurityError> {
        let hash = sha256(&[public]);
        let known = self.known().get(&hash).cloned();
        let id = if let Some(known) = known {
            known
        } else {
            let id = self.accounts.key_with(&self.account, public);
            let id = id.map_err(|_| UNREADABLE)?;
            let mut known = self.known();
            if known.len() >= KNOWN {
                known.clear();
            }
            known.insert(hash, id.clone());
            id
        };
        let good = id.map_or(Ok::<_, AccountError>(true), |id| {
            Ok(self.accounts.signing_key(&self.account, &id)?.is_some())
        });
        good.map_err(|_| UNREADABLE)
    }

    /// Refuses what changes who may speak.
    fn check_keys_unchanged(&self, data: &[u8], graph: &Graph<'_>) -> Result<(), SecurityError> {
        // A request is no operation; what is to be one and cannot be read is refused by whoever applies it.
        let Ok(operation) = self.codec.decode(data, &self.limits) else {
            return Ok(());
        };
        let Operation {
            deletes,
            inserts,
            updates,
            ..
        } = &operation;
        let updated = updates.iter().map(|update| &update.triple);
        let deleted = deletes.iter().map(|tagged| &tagged.triple);
        let touched = inserts.iter().map(|tagged| &tagged.triple);
        let is_key = |triple: &Triple| triple.predicate.as_str() == vocab::M_LD_PUBLIC_KEY;
        if touched.chain(deleted).chain(updated).any(is_key) {
            return Err(KEYS_CHANGED);
        }
        for tagged in inserts {
            if replaces_key(tagged, graph)? {
                return Err(KEYS_CHANGED);
            }
        }
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Digest, Option<KeyId>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn manner_of_all(&self) -> MutexGuard<'_, Option<Manner>> {
        self.manner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn passed(&self) -> MutexGuard<'_, Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TransportSecurity for Signatures {
    fn wire<'d>(
        &self,
        data: &'d [u8],
        kind: Kind,
        direction: Direction<'_>,
        state: Option<&Graph<'_>>,
    ) -> Result<Cow<'d, [u8]>, SecurityError> {
        self.acl.wire(data, kind, direction, state)
    }

    fn sign(
        &self,
        data: &[u8],
        state: Option<&Graph<'_>>,
    ) -> Result<Option<Attribution>, SecurityError> {
        self.acl.sign(data, state)
    }

    fn verify(
        &self,
        data: &[u8],
        attribution: Option<wire::Attribution<'_>>,
        state: Option<&Graph<'_>>,
    ) -> Result<(), SecurityError> {
        let hash = attribution.map(|attribution| of_message(data, attribution));
        if hash.is_some_and(|hash| self.passed().all.contains(&hash)) {
            return Ok(());
        }
        let principal = self.signer(data, attribution, state)?;
        match state {
            Some(graph) if principal != self.gateway => self.check_keys_unchanged(data, graph),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signatures")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Manner {
    /// As it is noted.
    pub(super) fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Bare => b"bare",
            Self::WithKeyId => b"key id",
        }
    }

    fn parse(noted: &[u8]) -> Option<Self> {
        let all = [Self::Bare, Self::WithKeyId];
        all.into_iter().find(|manner| manner.as_bytes() == noted)
    }
}

impl Passed {
    fn add(&mut self, hash: Digest) {
        if !self.all.insert(hash) {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > PASSED
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
    }
}

/// The same guard, for the clone and for whoever hands operations to it.
pub(super) struct Shared(pub(super) Arc<Signatures>);

impl TransportSecurity for Shared {
    fn wire<'d>(
        &self,
        data: &'d [u8],
        kind: Kind,
        direction: Direction<'_>,
        state: Option<&Graph<'_>>,
    ) -> Result<Cow<'d, [u8]>, SecurityError> {
        self.0.wire(data, kind, direction, state)
    }

    fn sign(
        &self,
        data: &[u8],
        state: Option<&Graph<'_>>,
    ) -> Result<Option<Attribution>, SecurityError> {
        self.0.sign(data, state)
    }

    fn verify(
        &self,
        data: &[u8],
        attribution: Option<wire::Attribution<'_>>,
        state: Option<&Graph<'_>>,
    ) -> Result<(), SecurityError> {
        self.0.verify(data, attribution, state)
    }
}

/// An attribution whose signature has a key's id and a colon before it, without them.
fn without_key_id(attribution: wire::Attribution<'_>) -> Option<wire::Attribution<'_>> {
    let signature = attribution.signature;
    let colon = signature.iter().take(KEY_ID + 1).position(|b| *b == b':')?;
    let (id, rest) = (signature.get(..colon)?, signature.get(colon + 1..)?);
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    (!id.is_empty() && id.iter().all(is_word)).then_some(wire::Attribution {
        signature: rest,
        ..attribution
    })
}

/// Whether binary data of an operation would take the place of a key: data belongs to its literal, whoever has that.
fn replaces_key(tagged: &Tagged, graph: &Graph<'_>) -> Result<bool, StoreError> {
    let (Term::Literal(literal), Some(data)) = (&tagged.triple.object, &tagged.data) else {
        return Ok(false);
    };
    if literal.datatype.as_str() != vocab::XS_BASE64_BINARY {
        return Ok(false);
    }
    let object = &tagged.triple.object;
    let is_key = graph.find(None, Some(&property()), Some(object)).next();
    match is_key.transpose()? {
        Some(_) => Ok(graph.data(literal)?.as_ref() != Some(data)),
        None => Ok(false),
    }
}

fn registered<'v>(
    graph: &Graph<'v>,
    principal: Option<&Iri>,
) -> impl Iterator<Item = Result<Triple, StoreError>> + use<'v> {
    graph.find(principal, Some(&property()), None)
}

fn registration(principal: &Iri, key: &PublicKey) -> (Triple, Value) {
    let triple = Triple::new(principal.clone(), property(), literal(key.as_der()));
    (triple, Value::Bin(key.as_der().to_vec()))
}

fn property() -> Iri {
    Iri::new(vocab::M_LD_PUBLIC_KEY)
}

/// The literal of binary data, which names it by its SHA-1 (m-ld protocol, section 4.6).
pub(in crate::domains) fn literal(data: &[u8]) -> Literal {
    let identity = BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, data));
    Literal::typed(identity, vocab::XS_BASE64_BINARY)
}

fn of_message(data: &[u8], attribution: wire::Attribution<'_>) -> Digest {
    let length = attribution.principal.len().to_be_bytes();
    let signed = attribution.signature.len().to_be_bytes();
    sha256(&[
        &length,
        attribution.principal.as_bytes(),
        &signed,
        attribution.signature,
        data,
    ])
}

fn sha256(parts: &[&[u8]]) -> Digest {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &parts.concat()).as_ref());
    hash
}
