//! What must hold of any update, signature and key whatever.

use super::pattern::Counting;
use super::script::Script;
use crate::change::Change;
use crate::clock::TreeClock;
use crate::context::domain_base;
use crate::dataset::{Graph, Writer};
use crate::msgpack::Value;
use crate::rdf::{Iri, Literal, Triple, vocab};
use crate::security::{Acl, Direction, Kind, SecurityError, TransportSecurity};
use crate::store::{MemoryStore, Pending, Store, StoreError};
use crate::wire;

/// An update, with a signature and keys in the data, is taken, refused, or cannot be: nothing else. What
/// is encrypted with a key of AES is decrypted to the same.
///
/// # Panics
/// If it does not hold.
pub fn acl(bytes: &[u8]) {
    let outcome = run(&mut Script::new(bytes));
    assert!(
        !matches!(outcome, Err(SecurityError::Store(_))),
        "the store is in memory: {outcome:?}"
    );
}

fn run(script: &mut Script<'_>) -> Result<(), SecurityError> {
    let base = domain_base("fuzz.example.org");
    let secret = script.bytes();
    let key = script.bytes();
    let store = with_keys(&base, secret, key)?;
    let view = store.view();
    let graph = Graph::new(&*view)?;
    let security = Acl::new(base, None)?;
    let (named, signature, data) = (script.bytes(), script.bytes(), script.bytes());
    let named = String::from_utf8_lossy(named);
    let attribution = wire::Attribution {
        principal: if named.is_empty() { "fred" } else { &named },
        signature,
    };
    // Nobody has signed it, who has a key that is one.
    let verified = security.verify(data, Some(attribution), Some(&graph));
    assert!(verified.is_err() || !signature.is_empty());
    let mut chance = Counting(1);
    let out = Direction::Out(&mut chance);
    if let Ok(sealed) = security.wire(data, Kind::Operation, out, Some(&graph)) {
        let opened = security.wire(&sealed, Kind::Operation, Direction::In, Some(&graph));
        assert_eq!(opened.ok().as_deref(), Some(data));
    }
    match security.wire(data, Kind::Operation, Direction::In, Some(&graph)) {
        Ok(_) | Err(SecurityError::Rejected(_) | SecurityError::Unable(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A domain with a secret, and a principal with a public key.
fn with_keys(base: &Iri, secret: &[u8], key: &[u8]) -> Result<MemoryStore, StoreError> {
    let mut change = Change::default();
    let mut put = |subject: &Iri, property: &str, id: &str, bytes: &[u8]| {
        let data = Literal::typed(id, vocab::XS_BASE64_BINARY);
        let triple = Triple::new(subject.clone(), Iri::new(property), data);
        change.insert(triple, Some(Value::Bin(bytes.to_vec())));
    };
    let fred = Iri::new("http://fuzz.example.org/fred");
    put(base, vocab::M_LD_SECRET, "secret", secret);
    put(&fred, vocab::M_LD_PUBLIC_KEY, "key", key);
    let mut store = MemoryStore::new();
    let mut pending = Pending::new(store.view());
    let mut counting = Counting(1);
    let mut writer = Writer::new(&mut pending, &mut counting)?;
    for (triple, data) in &change.inserts {
        writer.insert(triple, &[TreeClock::genesis().tid()])?;
        if let (Some(data), Some(literal)) = (data, triple.object.as_literal()) {
            writer.put_data(literal, data)?;
        }
    }
    store.commit(pending.into_batch())?;
    Ok(store)
}
