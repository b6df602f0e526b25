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

/// The only leaf's files, how it is renewed now, and whether that changed it.
fn renewed(world: &World, made: &DevCertificates, due: Due) -> bool {
    let before = contents(made);
    let now = world.clock.now();
    let said = renew(&made.leaf, due, now, &Chance::seeded(3)).unwrap();
    let [authority, leaf] = contents(made);
    assert_eq!(authority, before[0], "the authority stays");
    assert_eq!(leaf != before[1], said, "what is said is what was done");
    said
}

#[test]
fn a_leaf_is_renewed_in_its_last_thirty_days_with_its_names_and_its_readers() {
    let world = World::new();
    let made = world.ensure("gw.example.org", &["other.test"]);
    let names = |now| {
        let loaded = certificates::load(&tls(std::slice::from_ref(&made.leaf)), now).unwrap();
        loaded.chains()[0].names().to_vec()
    };
    let before = names(NOW);
    fs::set_permissions(&made.leaf.key, Permissions::from_mode(0o640)).unwrap();
    world.hand.advance(DAY * 334);
    assert!(!renewed(&world, &made, Due::InTime));
    world.hand.advance(DAY);
    assert!(renewed(&world, &made, Due::InTime));
    assert!(!renewed(&world, &made, Due::InTime));
    world.hand.advance(DAY * 334);
    assert_eq!(names(world.clock.now()), before);
    let bits = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (bits(&made.leaf.key), bits(&made.leaf.certificate)),
        (0o640, 0o644)
    );
}

#[test]
fn a_leaf_is_renewed_at_any_time_if_that_is_asked_for() {
    let world = World::new();
    let made = world.ensure("gw.example.org", &[]);
    assert!(renewed(&world, &made, Due::Now));
}

#[test]
fn a_key_that_somebody_puts_in_its_place_stays_until_the_leaf_is_due() {
    let world = World::new();
    let made = world.ensure("gw.example.org", &[]);
    fs::write(&made.leaf.key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(!renewed(&world, &made, Due::InTime));
    world.hand.advance(DAY * 340);
    assert!(
        renewed(&world, &made, Due::InTime),
        "an interruption may have left it"
    );
    assert!(certificates::load(&tls(&[made.leaf]), world.clock.now()).is_ok());
}

#[test]
fn a_leaf_lives_no_longer_than_its_authority() {
    let world = World::new();
    let made = world.ensure("gw.example.org", &[]);
    world.hand.advance(DAY * 3300);
    assert!(renewed(&world, &made, Due::InTime));
    let until = |path| inspect(&read(path).unwrap()).unwrap().until;
    assert_eq!(until(&made.leaf.certificate), until(&made.ca_file));
    world.hand.advance(DAY * 340);
    assert!(
        !renewed(&world, &made, Due::InTime),
        "nothing would be gained"
    );
}

#[test]
fn what_is_not_ours_is_not_touched() {
    let world = World::new();
    world.hand.advance(DAY * 350);
    let late = world.clock.now();
    let chance = Chance::seeded(3);
    let stranger = world.folder.certificate("gateway", &["a.org"], 0, 1);
    let touched = |files| renew(files, Due::Now, late, &chance).unwrap();
    assert!(!touched(&stranger), "there is no authority");

    let made = world.ensure("gw.example.org", &[]);
    for (from, to) in [
        (&stranger.certificate, &made.leaf.certificate),
        (&stranger.key, &made.leaf.key),
    ] {
        fs::copy(from, to).unwrap();
    }
    assert!(
        !renewed(&world, &made, Due::Now),
        "another authority made it"
    );

    let made = world.ensure("gw.example.org", &[]);
    let elsewhere = CertificateFiles {
        key: world.folder.path("key.pem"),
        ..made.leaf.clone()
    };
    assert!(!touched(&elsewhere), "its key is another file");
    fs::remove_file(world.folder.path("tls/ca-key.pem")).unwrap();
    assert!(
        !renewed(&world, &made, Due::Now),
        "the authority's key is not here"
    );
}
