use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::clock::Hand;
use crate::listener::certificates;
use crate::listener::testing::{Folder, NOW, tls};

struct World {
    folder: Folder,
    clock: Clock,
    hand: Hand,
}

impl World {
    fn new() -> Self {
        let (clock, hand) = Clock::manual(NOW);
        Self {
            folder: Folder::new(),
            clock,
            hand,
        }
    }

    fn ensure(&self, domain: &str, extra: &[&str]) -> DevCertificates {
        let domain = GatewayDomain::parse(domain).unwrap();
        let extra: Vec<_> = extra.iter().map(|&name| name.to_owned()).collect();
        ensure(
            &self.folder.path("tls"),
            &domain,
            &extra,
            &self.clock,
            &Chance::seeded(1),
        )
        .unwrap()
    }
}

/// The authority's and the leaf's certificate.
fn contents(made: &DevCertificates) -> [Vec<u8>; 2] {
    [&made.ca_file, &made.leaf.certificate].map(|path| fs::read(path).unwrap())
}

#[test]
fn what_is_made_can_be_served_and_names_machine_and_domain() {
    let world = World::new();
    let made = world.ensure("gw.example.org", &["other.test"]);
    let loaded = certificates::load(&tls(&[made.leaf]), NOW).unwrap();
    assert_eq!(
        loaded.chains()[0].names(),
        [
            "*.gw.example.org",
            "gw.example.org",
            "localhost",
            "other.test"
        ]
    );
    assert!(loaded.warnings(NOW).is_empty());
}

#[test]
fn keys_can_be_read_by_their_owner_alone() {
    let world = World::new();
    let made = world.ensure("localhost", &[]);
    for key in [made.leaf.key, world.folder.path("tls/ca-key.pem")] {
        let bits = fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(bits & 0o777, 0o600, "{}", key.display());
    }
}

#[test]
fn what_is_kept_is_used_again() {
    let world = World::new();
    let first = contents(&world.ensure("gw.example.org", &[]));
    world.hand.advance(DAY * 300);
    assert_eq!(contents(&world.ensure("gw.example.org", &[])), first);
}

#[test]
fn a_leaf_with_less_than_thirty_days_is_made_again_by_the_same_authority() {
    let world = World::new();
    let [authority, leaf] = contents(&world.ensure("gw.example.org", &[]));
    world.hand.advance(DAY * 336);
    let [same, renewed] = contents(&world.ensure("gw.example.org", &[]));
    assert_eq!(same, authority);
    assert_ne!(renewed, leaf);
}

#[test]
fn a_leaf_for_other_names_is_made_again_by_the_same_authority() {
    let world = World::new();
    let [authority, leaf] = contents(&world.ensure("gw.example.org", &[]));
    let [same, renewed] = contents(&world.ensure("gw.example.org", &["10.1.2.3"]));
    assert_eq!(same, authority);
    assert_ne!(renewed, leaf);
}

#[test]
fn an_authority_near_its_end_is_replaced_and_the_leaf_with_it() {
    let world = World::new();
    let [authority, leaf] = contents(&world.ensure("gw.example.org", &[]));
    world.hand.advance(DAY * 3300);
    let made = world.ensure("gw.example.org", &[]);
    let [other, renewed] = contents(&made);
    assert_ne!((other, renewed), (authority, leaf));
    assert!(certificates::load(&tls(&[made.leaf]), world.clock.now()).is_ok());
}

#[test]
fn pairs_that_an_interruption_left_unfit_are_made_again() {
    let world = World::new();
    let made = world.ensure("gw.example.org", &[]);
    let stranger = KeyPair::generate().unwrap().serialize_pem();
    for key in [world.folder.path("tls/ca-key.pem"), made.leaf.key.clone()] {
        let before = contents(&made);
        fs::write(key, &stranger).unwrap();
        assert_ne!(contents(&world.ensure("gw.example.org", &[])), before);
        assert!(certificates::load(&tls(std::slice::from_ref(&made.leaf)), NOW).is_ok());
    }
}
