use std::sync::OnceLock;
use std::time::Duration;

use m_ld_engine::clock::TreeClock;
use m_ld_engine::clone::{Config, MeldClone, Plugins};
use m_ld_engine::context::domain_base;
use m_ld_engine::operation::message;
use m_ld_engine::store::MemoryStore;
use serde_json::json;

use super::super::opening::Dice;
use super::*;
use crate::accounts::fixture::{World, name};
use crate::accounts::{MintKeys, Principal as Who, SigningKey, UserKey};
use crate::clock::Chance;
use crate::secret::{AccountKey, KeySecret};

const DOMAIN: &str = "todo.acme.gw.example.org";
const ANN: &str = "https://ann.example/#me";
const BEN: &str = "https://ben.example/#me";

/// A user of the subdomain, or one who would be.
struct User {
    id: &'static str,
    public: PublicKey,
    signing: SigningKey,
}

impl User {
    fn with(id: &'static str, pair: &UserKey, secret: &KeySecret) -> Self {
        Self {
            id,
            public: pair.public.clone(),
            signing: pair.private.open(secret).unwrap(),
        }
    }

    fn signs(&self, data: &[u8]) -> Attribution {
        Attribution {
            principal: self.id.to_owned(),
            signature: self.signing.sign(data).unwrap(),
        }
    }
}

/// Two pairs for all tests: making one takes long.
fn pairs() -> &'static [UserKey; 2] {
    static PAIRS: OnceLock<[UserKey; 2]> = OnceLock::new();
    PAIRS.get_or_init(|| {
        [1, 2].map(|seed| UserKey::generate(&secret(), &Chance::seeded(seed)).unwrap())
    })
}

fn secret() -> KeySecret {
    KeySecret::new("the secret of users")
}

fn ann() -> User {
    User::with(ANN, &pairs()[0], &secret())
}

fn ben() -> User {
    User::with(BEN, &pairs()[1], &secret())
}

/// A subdomain of `acme` with signatures, and the clone that has its data.
struct House {
    world: World,
    signatures: Signatures,
    clone: MeldClone,
}

impl House {
    async fn new() -> Self {
        let world = World::new().await;
        world.key("acme").await;
        let signatures = Signatures::new(
            domain_base(DOMAIN),
            &Iri::new("http://gw.example.org/"),
            (&world.accounts, &name("acme")),
            Limits::default(),
        );
        let mut config = Config::new(DOMAIN, "here");
        config.genesis = true;
        let (clone, _) = MeldClone::open(
            Box::new(MemoryStore::new()),
            config,
            Plugins::default(),
            Box::new(Dice(world.chance.clone())),
            Duration::ZERO,
        )
        .unwrap();
        let mut house = Self {
            world,
            signatures: signatures.unwrap(),
            clone,
        };
        house.settle();
        house
    }

    fn view(&self) -> Arc<dyn View> {
        self.clone.view().unwrap()
    }

    fn change(&mut self, change: Change) {
        self.clone
            .change(change, None, Duration::ZERO)
            .map(drop)
            .unwrap();
    }

    fn settle(&mut self) {
        let change = self.signatures.due(&*self.view()).unwrap();
        self.change(change);
    }

    fn register(&mut self, user: &User) {
        let signer = Signer {
            principal: user.id.to_owned(),
            key: user.public.clone(),
        };
        let change = self.signatures.registering(&signer, &*self.view());
        self.change(change.unwrap().unwrap());
    }

    fn admit(&self, message: &[u8]) -> Result<(), &'static str> {
        match self.signatures.admit(message, &*self.view()) {
            Ok(()) => Ok(()),
            Err(SecurityError::Rejected(why)) => Err(why),
            Err(other) => panic!("{other:?}"),
        }
    }

    /// The operation by which a user says something.
    fn operation(&self, by: Option<&str>, inserts: &[(Triple, Option<Value>)]) -> Vec<u8> {
        let time = TreeClock::genesis().ticked().unwrap();
        let tids = vec![time.tid()];
        let inserts = inserts.iter().map(|(triple, data)| Tagged {
            triple: triple.clone(),
            tids: tids.clone(),
            data: data.clone(),
        });
        self.signatures.codec.encode(&Operation {
            from: time.ticks(),
            time,
            deletes: Vec::new(),
            inserts: inserts.collect(),
            updates: Vec::new(),
            principal: by.map(Iri::new),
            agreed: None,
        })
    }

    fn saying(&self, by: Option<&str>) -> Vec<u8> {
        self.operation(by, &[(said(), None)])
    }

    /// An operation of a user, signed by them.
    fn said_by(&self, user: &User) -> Vec<u8> {
        sent(&self.saying(Some(user.id)), Some(&user))
    }
}

fn said() -> Triple {
    let (subject, property) = (
        Iri::new("http://x.example/s"),
        Iri::new("http://x.example/p"),
    );
    Triple::new(subject, property, Literal::typed("said", vocab::XS_STRING))
}

fn sent(operation: &[u8], by: Option<&&User>) -> Vec<u8> {
    let attribution = by.map(|user| user.signs(operation));
    message(0, operation, attribution.as_ref().map(Attribution::as_wire))
}

/// An operation signed with the id of the key before the signature.
fn sent_with_id(operation: &[u8], by: &User) -> Vec<u8> {
    let mut attribution = by.signs(operation);
    attribution.signature = [b"key_1:".as_slice(), &attribution.signature].concat();
    message(0, operation, Some(attribution.as_wire()))
}

#[tokio::test]
async fn what_a_registered_user_signed_passes_in_the_manner_of_the_first() {
    const REFUSED: Result<(), &str> = Err("the subdomain's signatures are of another manner");
    for first_has_id in [false, true] {
        let mut house = House::new().await;
        house.register(&ann());
        let bare = house.said_by(&ann());
        let with_id = sent_with_id(&house.saying(None), &ann());
        let (first, second) = if first_has_id {
            (with_id, bare)
        } else {
            (bare, with_id)
        };
        assert_eq!(house.admit(&first), Ok(()));
        assert_eq!(house.admit(&second), REFUSED);
        assert_eq!(house.admit(&first), Ok(()));
    }
}

#[tokio::test]
async fn a_principal_gets_another_key_or_one_more_as_the_manner_has_it() {
    for (manner, keys) in [(Manner::Bare, 1), (Manner::WithKeyId, 2)] {
        let mut house = House::new().await;
        let noted = Manner::parse(manner.as_bytes());
        *house.signatures.manner_of_all() = noted;
        house.register(&ann());
        house.register(&User { id: ANN, ..ben() });
        let view = house.view();
        let graph = Graph::new(&*view).unwrap();
        let found = registered(&graph, Some(&Iri::new(ANN))).count();
        assert_eq!(found, keys, "{manner:?}");
    }
}

#[tokio::test]
async fn what_is_unsigned_of_a_stranger_forged_or_in_anothers_name_does_not_pass() {
    let mut house = House::new().await;
    house.register(&ann());
    let unsigned = message(0, &house.saying(Some(ANN)), None);
    assert_eq!(house.admit(&unsigned), Err("the message is not signed"));
    let stranger = house.said_by(&ben());
    assert_eq!(
        house.admit(&stranger),
        Err("the principal is not registered")
    );
    let posing = User { id: ANN, ..ben() };
    assert_eq!(
        house.admit(&house.said_by(&posing)),
        Err("the signature is invalid")
    );
    house.register(&ben());
    let for_another = sent(&house.saying(Some(BEN)), Some(&&ann()));
    assert_eq!(
        house.admit(&for_another),
        Err("it is in the name of another than who signed it")
    );
    let other = message(
        0,
        &house.saying(Some(ANN)),
        Some(ann().signs(&house.saying(None)).as_wire()),
    );
    assert_eq!(house.admit(&other), Err("the signature is invalid"));
}

#[tokio::test]
async fn nobody_but_the_gateway_changes_who_may_speak() {
    let mut house = House::new().await;
    house.register(&ann());
    let refused = Err("only the gateway changes who may speak, and their keys");
    let (stranger, data) = registration(&Iri::new(BEN), &ben().public);
    let registering = house.operation(Some(ANN), &[(stranger, Some(data.clone()))]);
    assert_eq!(house.admit(&sent(&registering, Some(&&ann()))), refused);
    // Data belongs to its literal: with that of a key, whatever refers to it.
    let (key, _) = registration(&Iri::new(ANN), &ann().public);
    let elsewhere = Triple::new(said().subject, said().predicate, key.object);
    let replacing = house.operation(Some(ANN), &[(elsewhere.clone(), Some(data))]);
    assert_eq!(house.admit(&sent(&replacing, Some(&&ann()))), refused);
    let same = Value::Bin(ann().public.as_der().to_vec());
    let quoting = house.operation(Some(ANN), &[(elsewhere, Some(same))]);
    assert_eq!(house.admit(&sent(&quoting, Some(&&ann()))), Ok(()));
}

#[tokio::test]
async fn a_key_of_the_account_that_is_revoked_passes_nothing_more_and_goes_from_the_data() {
    let mut house = House::new().await;
    let permit = house
        .world
        .accounts
        .permit::<MintKeys>(&Who::Root, &name("acme"));
    let minted = house.world.accounts.mint_key(&permit.unwrap(), true).await;
    let minted = minted.unwrap();
    let key: AccountKey = minted.key;
    let user = User::with(ANN, &minted.pair.unwrap(), &key.secret);
    house.register(&user);
    let before = house.said_by(&user);
    assert_eq!(house.admit(&before), Ok(()));
    let patch = json!({"@delete": {"key": key.id.as_str()}});
    house.world.patch("acme", patch).await;
    let after = sent(&house.saying(None), Some(&&user));
    let refused = house.signatures.admit(&after, &*house.view()).unwrap_err();
    assert!(Signatures::is_ended(&refused), "{refused}");
    assert_eq!(house.admit(&before), Ok(()), "what was relayed is applied");
    house.settle();
    assert_eq!(house.admit(&after), Err("the principal is not registered"));
}

#[tokio::test]
async fn the_gateway_has_its_own_key_and_no_other() {
    let mut house = House::new().await;
    let gateway = Iri::new("http://gw.example.org/");
    let (foreign, data) = registration(&gateway, &ben().public);
    let mut change = Change::default();
    change.insert(foreign, Some(data));
    house.change(change);
    house.settle();
    let view = house.view();
    let graph = Graph::new(&*view).unwrap();
    let keys: Vec<_> = registered(&graph, Some(&gateway))
        .map(Result::unwrap)
        .collect();
    let (own, _) = registration(&gateway, house.world.accounts.root_public_key());
    assert_eq!(keys, [own]);
    assert!(house.signatures.due(&*view).unwrap().is_empty());
    let operation = house.saying(Some(gateway.as_str()));
    let signed = house.signatures.sign(&operation, None).unwrap().unwrap();
    let sent = message(0, &operation, Some(signed.as_wire()));
    assert_eq!(house.admit(&sent), Ok(()));
}

#[tokio::test]
async fn a_principal_has_so_many_keys_and_no_more() {
    let mut house = House::new().await;
    *house.signatures.manner_of_all() = Some(Manner::WithKeyId);
    house.register(&ann());
    let change = house.signatures.registering(
        &Signer {
            principal: ANN.to_owned(),
            key: ann().public,
        },
        &*house.view(),
    );
    assert!(change.unwrap().unwrap().is_empty(), "it is there already");
    for number in 1..KEYS {
        let mut change = Change::default();
        let bytes = number.to_be_bytes();
        change.insert(
            Triple::new(Iri::new(ANN), property(), literal(&bytes)),
            Some(Value::Bin(bytes.to_vec())),
        );
        house.change(change);
    }
    let more = Signer {
        principal: ANN.to_owned(),
        key: ben().public,
    };
    let refused = house.signatures.registering(&more, &*house.view());
    assert_eq!(refused.unwrap(), Err(TooManyKeys));
}

#[test]
fn what_has_passed_is_remembered_up_to_a_number() {
    let mut passed = Passed::default();
    for number in 0..=PASSED {
        passed.add(sha256(&[&number.to_be_bytes()]));
    }
    assert_eq!((passed.order.len(), passed.all.len()), (PASSED, PASSED));
    assert!(!passed.all.contains(&sha256(&[&0_usize.to_be_bytes()])));
}
