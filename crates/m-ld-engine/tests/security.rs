//! Transport security by keys in the data, as the JavaScript engine signs and encrypts.

use std::sync::Arc;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::KeyPair as _;
use m_ld_engine::chance::Chance;
use m_ld_engine::clock::Tid;
use m_ld_engine::context::domain_base;
use m_ld_engine::dataset::{Graph, Writer};
use m_ld_engine::msgpack::Value;
use m_ld_engine::rdf::{Iri, Literal, Triple, vocab};
use m_ld_engine::security::{
    Acl, Direction, Kind, Principal, SecurityError, TransportSecurity as _, seal, unseal,
};
use m_ld_engine::store::{MemoryStore, Pending, Store as _, View};
use m_ld_engine::wire::control::{Request, Response};
use m_ld_engine::wire::{Attribution, Limits, judge};
use serde_json::Value as Json;

use crate::common::{base64, message, vectors};
use crate::operations::{assert_operation, codec};

struct Counting(u8);

impl Chance for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
    }
}

/// Data in which binary values are registered.
fn state(values: &[(&str, &str, &[u8])]) -> Arc<dyn View> {
    let mut store = MemoryStore::new();
    let mut pending = Pending::new(store.view());
    let mut writer = Writer::new(&mut pending, &mut Counting(0)).unwrap();
    for (subject, property, bytes) in values {
        let literal = Literal::typed(format!("{subject}{property}"), vocab::XS_BASE64_BINARY);
        writer
            .put_data(&literal, &Value::Bin(bytes.to_vec()))
            .unwrap();
        let triple = Triple::new(Iri::new(*subject), Iri::new(*property), literal);
        writer
            .insert(&triple, &[Tid::parse("kQE=").unwrap()])
            .unwrap();
    }
    store.commit(pending.into_batch()).unwrap();
    store.view()
}

fn secured(file: &Json) -> (Acl, Arc<dyn View>) {
    let base = domain_base(file["domain"].as_str().unwrap());
    let keys = file["publicKeys"].as_object().unwrap();
    let keys: Vec<_> = keys
        .iter()
        // Eve has a key, but is not registered.
        .filter(|(principal, _)| !principal.contains("eve"))
        .map(|(principal, key)| (principal, base64(key.as_str().unwrap())))
        .collect();
    let secret = base64(file["secret"].as_str().unwrap());
    let mut values: Vec<_> = keys
        .iter()
        .map(|(principal, key)| (principal.as_str(), vocab::M_LD_PUBLIC_KEY, key.as_slice()))
        .collect();
    values.push((base.as_str(), vocab::M_LD_SECRET, &secret));
    let view = state(&values);
    (Acl::new(base, None).unwrap(), view)
}

#[test]
fn signatures_of_javascript_are_verified_and_its_encryption_undone() {
    let file = vectors("security");
    let (security, view) = secured(&file);
    let graph = Graph::new(&*view).unwrap();
    let codec = codec(&file);
    let (mut encrypted, mut strangers) = (0, 0);
    for case in file["signatures"].as_array().unwrap() {
        let bytes = base64(case["message"].as_str().unwrap());
        let signed = base64(case["signed"].as_str().unwrap());
        let limits = Limits::default();
        let (enc, attribution) = match case["event"].as_str().unwrap() {
            "operation" => {
                let envelope = judge(&bytes, &limits).unwrap();
                let plain = unseal(&security, &envelope, &limits, &graph).unwrap();
                if envelope.secure {
                    encrypted += 1;
                    let operation = codec.decode(&plain, &limits).unwrap();
                    assert_operation(&operation, &case["decoded"]);
                }
                (plain.into_owned(), envelope.attribution)
            }
            "send" => {
                let request = Request::decode(&bytes, &limits).unwrap();
                (request.enc.to_vec(), request.attribution)
            }
            _ => {
                let response = Response::decode(&bytes, &limits).unwrap();
                (response.enc.to_vec(), response.attribution)
            }
        };
        assert_eq!(enc, signed);
        let verified = security.verify(&enc, attribution, Some(&graph));
        if case["principal"].as_str().unwrap().contains("eve") {
            assert!(matches!(verified, Err(SecurityError::Rejected(_))));
            strangers += 1;
        } else {
            verified.unwrap();
            assert_forgeries_are_refused(&security, &enc, attribution.unwrap(), &graph);
        }
    }
    assert_eq!((encrypted, strangers), (4, 1));
}

fn assert_forgeries_are_refused(
    security: &Acl,
    enc: &[u8],
    attribution: Attribution<'_>,
    graph: &Graph<'_>,
) {
    let refused = |data: &[u8], attribution, state| {
        let verified = security.verify(data, attribution, state);
        assert!(matches!(verified, Err(SecurityError::Rejected(_))));
    };
    refused(enc, None, Some(graph));
    refused(enc, Some(attribution), None);
    let mut other = enc.to_vec();
    other[1] ^= 1;
    refused(&other, Some(attribution), Some(graph));
    let signature = &attribution.signature[1..];
    let principal = attribution.principal;
    refused(
        enc,
        Some(Attribution {
            principal,
            signature,
        }),
        Some(graph),
    );
}

#[test]
fn an_update_marked_as_encrypted_that_is_not_is_taken_as_it_is() {
    let file = vectors("security");
    let (security, view) = secured(&file);
    let graph = Graph::new(&*view).unwrap();
    let plain = b"\x92\x80\x80";
    let wired = security
        .wire(plain, Kind::Operation, Direction::In, Some(&graph))
        .unwrap();
    assert_eq!(&*wired, plain);
}

#[test]
fn what_is_signed_and_encrypted_here_is_read_again() {
    let base = domain_base("d.example.org");
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(
        pair.public_key(),
    )
    .unwrap();
    let private: aws_lc_rs::encoding::Pkcs8V1Der<'_> =
        aws_lc_rs::encoding::AsDer::as_der(&pair).unwrap();
    let me = format!("{base}#me");
    for secret in [16, 24, 32] {
        let secret: Vec<u8> = (0..secret).collect();
        let view = state(&[
            (&me, vocab::M_LD_PUBLIC_KEY, public.as_ref()),
            (base.as_str(), vocab::M_LD_SECRET, &secret),
        ]);
        let graph = Graph::new(&*view).unwrap();
        let principal = Principal::with_key(Iri::new(me.as_str()), private.as_ref()).unwrap();
        let security = Acl::new(base.clone(), Some(principal)).unwrap();
        let encoded = b"\x97\x05\x01\x91\x01\xc4\x03\x92\x80\x80\x91\x01\xc0\xc0";
        let attribution = security.sign(encoded, Some(&graph)).unwrap().unwrap();
        let sealed = seal(&security, encoded, &graph, &mut Counting(7)).unwrap();
        let sent = m_ld_engine::operation::message(0, &sealed, Some(attribution.as_wire()));
        let envelope = judge(&sent, &Limits::default()).unwrap();
        assert!(envelope.secure);
        let unsealed = unseal(&security, &envelope, &Limits::default(), &graph).unwrap();
        assert_eq!(&*unsealed, encoded);
        // To a clone with another secret it is unreadable.
        let view = state(&[(base.as_str(), vocab::M_LD_SECRET, &[9; 16])]);
        let graph = Graph::new(&*view).unwrap();
        let unsealed = unseal(&security, &envelope, &Limits::default(), &graph);
        assert!(matches!(unsealed, Err(SecurityError::Rejected(_))));
    }
}

#[test]
fn a_clone_without_a_principal_cannot_sign_and_an_odd_secret_cannot_encrypt() {
    let base = domain_base("d.example.org");
    let security = Acl::new(base.clone(), None).unwrap();
    assert!(matches!(
        security.sign(b"x", None),
        Err(SecurityError::Unable(_))
    ));
    let view = state(&[(base.as_str(), vocab::M_LD_SECRET, &[1; 5])]);
    let graph = Graph::new(&*view).unwrap();
    let encoded = b"\x97\x05\x01\x91\x01\xc4\x03\x92\x80\x80\x91\x01\xc0\xc0";
    let sealed = seal(&security, encoded, &graph, &mut Counting(0));
    assert!(matches!(sealed, Err(SecurityError::Unable(_))));
    assert!(Principal::with_key(base, b"no key").is_err());
    let unsigned = message(0, encoded);
    let envelope = judge(&unsigned, &Limits::default()).unwrap();
    let refused = unseal(&security, &envelope, &Limits::default(), &graph);
    assert!(matches!(refused, Err(SecurityError::Rejected(_))));
}
