use super::*;
use crate::operation::message;
use crate::store::{MemoryStore, Store};
use crate::wire::{Limits, judge};

/// Counts, so that a test can repeat itself.
struct Counting(u8);

impl Chance for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
    }
}

/// Turns every byte round.
struct Turning;

impl TransportSecurity for Turning {
    fn wire<'d>(
        &self,
        data: &'d [u8],
        _: Kind,
        _: Direction<'_>,
        _: Option<&Graph<'_>>,
    ) -> Result<Cow<'d, [u8]>, SecurityError> {
        Ok(data.iter().map(|byte| !byte).collect())
    }

    fn sign(
        &self,
        data: &[u8],
        _: Option<&Graph<'_>>,
    ) -> Result<Option<Attribution>, SecurityError> {
        Ok(Some(Attribution {
            principal: "me".to_owned(),
            signature: data.iter().rev().copied().collect(),
        }))
    }

    fn verify(
        &self,
        data: &[u8],
        attribution: Option<wire::Attribution<'_>>,
        _: Option<&Graph<'_>>,
    ) -> Result<(), SecurityError> {
        let signature = attribution.map_or(&[][..], |attribution| attribution.signature);
        if data.iter().rev().eq(signature) {
            Ok(())
        } else {
            Err(SecurityError::Rejected("turned"))
        }
    }
}

/// The first operation of a domain, with nothing in it.
const EMPTY: &[u8] = b"\x97\x05\x01\x91\x01\xc4\x03\x92\x80\x80\x91\x01\xc0\xc0";

#[test]
fn what_is_sealed_is_unsealed_to_what_was_signed() {
    let store = MemoryStore::new();
    let view = store.view();
    let graph = Graph::new(&*view).unwrap();
    let security = Turning;
    let attribution = security.sign(EMPTY, Some(&graph)).unwrap().unwrap();
    let sealed = seal(&security, EMPTY, &graph, &mut Counting(0)).unwrap();
    assert_ne!(sealed, EMPTY);
    let sent = message(0, &sealed, Some(attribution.as_wire()));
    let envelope = judge(&sent, &Limits::default()).unwrap();
    assert!(envelope.secure);
    let unsealed = unseal(&security, &envelope, &Limits::default(), &graph).unwrap();
    assert_eq!(unsealed, EMPTY);
    let other = message(0, &sealed, None);
    let envelope = judge(&other, &Limits::default()).unwrap();
    let refused = unseal(&security, &envelope, &Limits::default(), &graph);
    assert!(matches!(refused, Err(SecurityError::Rejected(_))));
}

#[test]
fn without_security_nothing_is_changed_or_signed() {
    let store = MemoryStore::new();
    let view = store.view();
    let graph = Graph::new(&*view).unwrap();
    let sealed = seal(&NoSecurity, EMPTY, &graph, &mut Counting(0)).unwrap();
    assert_eq!(sealed, EMPTY);
    assert_eq!(NoSecurity.sign(EMPTY, None).unwrap(), None);
    let sent = message(0, &sealed, None);
    let envelope = judge(&sent, &Limits::default()).unwrap();
    let unsealed = unseal(&NoSecurity, &envelope, &Limits::default(), &graph).unwrap();
    assert_eq!(unsealed, EMPTY);
}

#[test]
fn kinds_have_their_iris() {
    let iris = [Kind::Operation, Kind::Request, Kind::Response].map(Kind::iri);
    assert!(iris.iter().all(|iri| iri.starts_with("http://")));
    assert_eq!(iris[2], "http://control.m-ld.org/response");
}
