//! What the domain says, compared with what the API tells of the same tables.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use m_ld_engine::dataset::Graph;
use m_ld_engine::rdf::{Iri, Literal, Term, Triple};
use m_ld_engine::store::{Batch, Store as _, Table};
use serde_json::{Value, json};

use super::*;
use crate::accounts::fixture::{World, name};
use crate::accounts::{CloseAccount, MintKeys, Principal, ReadAccount, UseDomains};
use crate::clock::Chance;
use crate::domains::Request;
use crate::domains::tests::Alone;
use crate::ids::KeyId;
use crate::notify::Webhooks;
use crate::secret::AccountKey;
use crate::store::{Batch as Records, Tree};

const DOMAIN: &str = "gw.example.org";
/// What is not there by then will not be.
const SOON: Duration = Duration::from_secs(20);
/// Every name that a test gives an account.
const NAMES: [&str; 4] = ["root", "acme", "other", "third"];

/// A gateway of which nobody keeps its own domain but the test.
struct House {
    world: World,
    domains: Domains,
}

impl House {
    async fn new() -> Self {
        Self::over(World::new().await)
    }

    fn over(world: World) -> Self {
        let webhooks = Webhooks::new(&world.config.webhooks, &world.clock).unwrap();
        let domains = Domains::open(
            world.store.clone(),
            &world.config,
            (&world.accounts, "https://gw.example.org"),
            &webhooks,
            (&world.clock, &world.chance),
        );
        let domains = domains.unwrap();
        domains.join(Arc::new(Alone));
        Self { world, domains }
    }

    /// The gateway is started again.
    async fn reopened(self) -> Self {
        self.domains.close().await;
        let config = self.world.config.clone();
        Self::over(self.world.reopened(config).await.unwrap())
    }

    async fn keep(&self) -> Host {
        self.domains.keep(Due::Everything).await.unwrap()
    }

    async fn makes(&self, account: &str, subdomain: &str, signed: bool) {
        let permit = self.permit::<UseDomains>(account);
        let request = Request {
            use_signatures: Some(signed),
            ..Request::default()
        };
        let subdomain = name(subdomain);
        let made = self.domains.create(&permit, &subdomain, &request);
        made.await.unwrap();
    }

    async fn deletes(&self, account: &str, subdomain: &str) {
        let permit = self.permit::<UseDomains>(account);
        self.domains
            .delete(&permit, &name(subdomain))
            .await
            .unwrap();
    }

    async fn closes(&self, account: &str) {
        let permit = self.permit::<CloseAccount>(account);
        self.domains.close_account(&permit).await.unwrap();
    }

    fn permit<C: crate::accounts::Capability>(&self, account: &str) -> crate::accounts::Permit<C> {
        let accounts = &self.world.accounts;
        accounts.permit(&Principal::Root, &name(account)).unwrap()
    }

    /// What the domain has to say, by what the API answers.
    async fn told(&self) -> BTreeSet<String> {
        let mut told = BTreeSet::new();
        for account in NAMES {
            let permit = self.permit::<ReadAccount>(account);
            let Ok(details) = self.world.accounts.details(&permit).await else {
                continue;
            };
            let own = format!("<http://{DOMAIN}/{account}>");
            let mut of = |subject: &str, property: &str, value: &str| {
                told.insert(format!("{subject} {property} {value}"));
            };
            of(&own, "a", "<gw:Account>");
            for key in &details.key {
                let id = KeyId::parse(&key.keyid).unwrap();
                let public = self.world.accounts.public_key(&permit, &id).unwrap();
                let key_s = format!("<http://{DOMAIN}/.{id}>");
                of(&own, "gw:key", &key_s);
                of(&key_s, "a", "<gw:UserKey>");
                of(&key_s, "gw:public", &base64(public.as_der()));
                of(&key_s, "gw:revoked", &key.revoked.is_some().to_string());
                of(&key_s, "gw:created", &key.created);
                if let Some(expires) = &key.expires {
                    of(&key_s, "gw:expires", expires);
                }
            }
            let words = serde_json::to_value(&details).unwrap();
            for property in ["naming", "remotesAuth"] {
                for word in words[property].as_array().unwrap() {
                    let word = word.as_str().unwrap();
                    of(&own, &format!("gw:{property}"), &format!("<gw:{word}>"));
                }
            }
            let permit = self.permit::<UseDomains>(account);
            let (page, _) = self.domains.page(&permit, None, 100).await.unwrap();
            for listed in page {
                let subject = format!("<http://{DOMAIN}/{account}/{}>", listed.name);
                of(&own, "gw:subdomain", &subject);
                of(&subject, "a", "<gw:Subdomain>");
                let signed = listed.use_signatures.to_string();
                of(&subject, "gw:useSignatures", &signed);
                of(&subject, "gw:created", &listed.created);
            }
        }
        told
    }

    /// What it says; when accounts were made is not told by the API.
    async fn said(&self) -> BTreeSet<String> {
        let said = said(&self.keeper().await).await;
        let account_s = |line: &String| {
            let subject = line.split(' ').next().unwrap();
            let path = subject.strip_prefix("<http://gw.example.org/").unwrap();
            !path.starts_with('.') && !path.contains('/')
        };
        said.into_iter()
            .filter(|line| !(account_s(line) && line.contains(" gw:created ")))
            .collect()
    }

    async fn keeper(&self) -> Host {
        let opened = self.domains.0.hosts.get(&DomainId::Gateway, false);
        opened.await.unwrap()
    }

    /// Waits until the domain says what the API tells.
    async fn agrees(&self, what: &str) {
        let host = self.keeper().await;
        let mut updates = host.follow().unwrap();
        let agreeing = async {
            while self.said().await != self.told().await {
                // An update that came before is not waited for: it is looked again.
                let _update = tokio::time::timeout(SOON, updates.recv()).await;
            }
        };
        if tokio::time::timeout(SOON, agreeing).await.is_err() {
            let (said, told) = (self.said().await, self.told().await);
            panic!("{what}: it says {said:#?} instead of {told:#?}");
        }
    }
}

/// Every triple, each as a line.
async fn said(host: &Host) -> BTreeSet<String> {
    let state = host.state().await.unwrap();
    let graph = Graph::new(&*state.view).unwrap();
    let all = graph.find(None, None, None);
    all.map(|triple| line(&graph, &triple.unwrap())).collect()
}

fn line(graph: &Graph<'_>, triple: &Triple) -> String {
    let object = match &triple.object {
        Term::Iri(iri) => format!("<{}>", short(iri.as_str())),
        Term::Literal(literal) => match graph.data(literal).unwrap() {
            Some(m_ld_engine::msgpack::Value::Bin(bytes)) => base64(&bytes),
            _ => literal.lexical.to_string(),
        },
    };
    let property = short(triple.predicate.as_str());
    format!("<{}> {property} {object}", triple.subject)
}

fn short(iri: &str) -> String {
    let short = iri.replace("http://gw.m-ld.org/#", "gw:");
    short.replace("http://www.w3.org/1999/02/22-rdf-syntax-ns#type", "a")
}

fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

async fn tick(host: &Host) -> u64 {
    host.state().await.unwrap().tick
}

#[tokio::test]
async fn it_says_what_there_is_and_nothing_else() {
    let house = House::new().await;
    let key = house.world.key("acme").await;
    let settings = json!({"@insert": {
        "email": "ada@example.org", "naming": ["uuid", "any"], "remotesAuth": ["key", "jwt"],
    }});
    house.world.patch("acme", settings).await;
    house.makes("acme", "notes", true).await;
    let host = house.keep().await;
    let public = |account, id| {
        let permit = house.permit::<ReadAccount>(account);
        let found = house.world.accounts.public_key(&permit, id).unwrap();
        base64(found.as_der())
    };
    let root = crate::accounts::fixture::root_key();
    let root_public = public("root", &root.id);
    let at = "2027-01-15T08:00:00.000Z";
    let expected = [
        "<http://gw.example.org/root> a <gw:Account>".to_owned(),
        format!("<http://gw.example.org/root> gw:created {at}"),
        format!(
            "<http://gw.example.org/root> gw:key <http://gw.example.org/.{}>",
            root.id
        ),
        format!("<http://gw.example.org/.{}> a <gw:UserKey>", root.id),
        format!("<http://gw.example.org/.{}> gw:created {at}", root.id),
        format!("<http://gw.example.org/.{}> gw:revoked false", root.id),
        format!(
            "<http://gw.example.org/.{}> gw:public {root_public}",
            root.id
        ),
        "<http://gw.example.org/acme> a <gw:Account>".to_owned(),
        format!("<http://gw.example.org/acme> gw:created {at}"),
        "<http://gw.example.org/acme> gw:naming <gw:any>".to_owned(),
        "<http://gw.example.org/acme> gw:naming <gw:uuid>".to_owned(),
        "<http://gw.example.org/acme> gw:remotesAuth <gw:jwt>".to_owned(),
        "<http://gw.example.org/acme> gw:remotesAuth <gw:key>".to_owned(),
        format!(
            "<http://gw.example.org/acme> gw:key <http://gw.example.org/.{}>",
            key.id
        ),
        format!("<http://gw.example.org/.{}> a <gw:UserKey>", key.id),
        format!("<http://gw.example.org/.{}> gw:created {at}", key.id),
        format!("<http://gw.example.org/.{}> gw:revoked false", key.id),
        format!(
            "<http://gw.example.org/.{}> gw:public {}",
            key.id,
            public("acme", &key.id)
        ),
        "<http://gw.example.org/acme> gw:subdomain <http://gw.example.org/acme/notes>".to_owned(),
        "<http://gw.example.org/acme/notes> a <gw:Subdomain>".to_owned(),
        format!("<http://gw.example.org/acme/notes> gw:created {at}"),
        "<http://gw.example.org/acme/notes> gw:useSignatures true".to_owned(),
    ];
    assert_eq!(said(&host).await, expected.into_iter().collect());
}

#[tokio::test]
async fn no_secret_no_digest_of_one_no_private_half_and_no_address_is_in_it() {
    let house = House::new().await;
    let key = house.world.key("acme").await;
    let settings = json!({"@insert": {"email": "ada@example.org"}});
    house.world.patch("acme", settings).await;
    let host = house.keep().await;
    let record = house
        .world
        .store
        .get(Tree::Keys, key.id.as_str().as_bytes());
    let record: Value = serde_json::from_slice(&record.unwrap().unwrap()).unwrap();
    let text = |member: &str| record[member].as_str().unwrap().to_owned();
    let private = BASE64.decode(text("private"));
    let kept_back = [
        key.secret.expose().as_bytes().to_vec(),
        text("mac").into_bytes(),
        text("argon2id").into_bytes(),
        text("private").into_bytes(),
        private.unwrap(),
        b"ada@example.org".to_vec(),
    ];
    let state = host.state().await.unwrap();
    let public = house
        .world
        .accounts
        .public_key(&house.permit::<ReadAccount>("acme"), &key.id)
        .unwrap();
    let mut seen = false;
    for table in Table::ALL {
        for entry in state.view.scan(table, &[]) {
            let (at, value) = entry.unwrap();
            for bytes in [&*at, &*value] {
                let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
                seen |= has(public.as_der());
                for secret in &kept_back {
                    assert!(
                        !has(secret),
                        "{:?} in {table:?}",
                        String::from_utf8_lossy(secret)
                    );
                }
            }
        }
    }
    assert!(seen, "what is looked through has what is told");
}

#[tokio::test]
async fn each_change_reaches_it_as_it_is_made() {
    let house = House::new().await;
    assert!(!house.domains.own_is_live());
    let keeping = tokio::spawn(house.domains.clone().keep_own());
    house.domains.own_lives().await;
    assert!(house.domains.own_is_live());
    let key = house.world.key("acme").await;
    house.agrees("an account that was made").await;
    let settings = json!({"@insert": {"naming": "uuid", "remotesAuth": ["anon", "key"]}});
    house.world.patch("acme", settings).await;
    house.agrees("settings").await;
    house.makes("acme", "notes", false).await;
    house.makes("acme", "signed", true).await;
    house.agrees("subdomains").await;
    let permit = house.permit::<MintKeys>("acme");
    let overlap = Duration::from_hours(1);
    let rotated = house
        .world
        .accounts
        .rotate_key(&permit, &key.id, overlap, false);
    let successor: AccountKey = rotated.await.unwrap().key;
    house.agrees("a key that was succeeded").await;
    let settings = json!({"@delete": {"remotesAuth": "anon", "key": successor.id.as_str()}});
    house.world.patch("acme", settings).await;
    house.agrees("a key that was revoked").await;
    house.deletes("acme", "notes").await;
    house.agrees("a subdomain that was deleted").await;
    house.closes("acme").await;
    house.agrees("an account that was closed").await;
    assert!(!house.said().await.iter().any(|line| line.contains("acme")));
    let mut live = house.domains.0.own.live.subscribe();
    house.domains.close().await;
    let ended = live.wait_for(|live| !*live);
    assert!(tokio::time::timeout(SOON, ended).await.is_ok());
    keeping.abort();
}

#[tokio::test]
async fn what_the_daemon_died_over_is_made_up_for_at_the_next_start() {
    let house = House::new().await;
    house.world.key("acme").await;
    let stale = house.world.key("acme").await;
    house.world.key("other").await;
    house.makes("acme", "notes", false).await;
    house.makes("acme", "gone", false).await;
    house.keep().await;
    let before = house.said().await;
    // All of this is in the tables, and the daemon dies before the domain says any of it.
    house.world.key("third").await;
    house.makes("third", "new", true).await;
    let settings = json!({"@insert": {"naming": "any"}, "@delete": {"key": stale.id.as_str()}});
    house.world.patch("acme", settings).await;
    house.deletes("acme", "gone").await;
    house.closes("other").await;
    assert_eq!(house.said().await, before);
    let house = house.reopened().await;
    house.keep().await;
    assert_eq!(house.said().await, house.told().await);
    assert_ne!(house.said().await, before);
}

#[tokio::test]
async fn what_the_tables_do_not_say_goes_whoever_wrote_it() {
    let house = House::new().await;
    house.world.key("acme").await;
    let host = house.keep().await;
    let before = said(&host).await;
    let mut change = m_ld_engine::change::Change::default();
    let iri = |path: &str| Iri::new(format!("http://{DOMAIN}/{path}"));
    let word = |name: &str| Iri::new(format!("http://gw.m-ld.org/#{name}"));
    for (subject, property) in [
        ("nobody", "email"),
        (".nokey1", "revoked"),
        ("acme/nowhere", "useSignatures"),
        ("acme", "email"),
        ("", "rootAccount"),
        ("no/such/thing", "name"),
    ] {
        let said = Triple::new(iri(subject), word(property), Literal::string("x"));
        change.insert(said, None);
    }
    for (subject, property, object) in [
        ("acme", "key", ".nokey1"),
        ("acme", "subdomain", "acme/nowhere"),
        ("nobody", "key", ".nokey2"),
        ("acme", "knows", "no/such/thing"),
    ] {
        change.insert(Triple::new(iri(subject), word(property), iri(object)), None);
    }
    let second = Triple::new(iri(".nokey2"), word("revoked"), Literal::string("x"));
    change.insert(second, None);
    host.change(change).await.unwrap();
    assert_ne!(said(&host).await, before);
    house.keep().await;
    assert_eq!(said(&host).await, before);
}

#[tokio::test]
async fn a_start_that_finds_nothing_new_writes_nothing() {
    let house = House::new().await;
    house.world.key("acme").await;
    house.makes("acme", "notes", false).await;
    let host = house.keep().await;
    let written = tick(&host).await;
    assert!(written > 0);
    house.keep().await;
    assert_eq!(tick(&host).await, written);
    drop(host);
    let house = house.reopened().await;
    let host = house.keep().await;
    assert_eq!(tick(&host).await, written);
}

/// Gives an account so many keys more, all with the pair of one that it has.
async fn multiply(house: &House, account: &str, key: &AccountKey, count: usize) {
    let read = |tree, at: &str| {
        let raw = house.world.store.get(tree, at.as_bytes()).unwrap().unwrap();
        serde_json::from_slice::<Value>(&raw).unwrap()
    };
    let (mut record, pair) = (
        read(Tree::Accounts, account),
        read(Tree::Keys, key.id.as_str()),
    );
    let mut batch = Records::new();
    for number in 0..count {
        let id = format!("many{number:05}");
        batch = batch.put(Tree::Keys, id.as_str(), pair.to_string());
        record["keys"].as_array_mut().unwrap().push(id.into());
    }
    batch = batch.put(Tree::Accounts, account, record.to_string());
    house.world.store.commit(batch).await.unwrap();
}

#[tokio::test]
async fn what_is_too_much_for_one_operation_comes_and_goes_in_several() {
    const KEYS: usize = 250;
    let house = House::new().await;
    let key = house.world.key("acme").await;
    let host = house.keep().await;
    let before = tick(&host).await;
    multiply(&house, "acme", &key, KEYS).await;
    let due = |account| Due::Parts([Part::Account(name(account))].into());
    house.domains.keep(due("acme")).await.unwrap();
    let made = tick(&host).await;
    assert!(made > before + 1, "{KEYS} keys came in {}", made - before);
    assert_eq!(house.said().await, house.told().await);
    house.closes("acme").await;
    house.domains.keep(due("acme")).await.unwrap();
    assert!(tick(&host).await > made + 1);
    assert_eq!(house.said().await, house.told().await);
    assert!(
        !house
            .said()
            .await
            .iter()
            .any(|line| line.contains("/.many"))
    );
}

#[tokio::test]
async fn damaged_data_is_begun_anew_from_the_tables() {
    let house = House::new().await;
    house.world.key("acme").await;
    house.keep().await;
    let before = house.said().await;
    let house = house.reopened().await;
    let (store, chance) = (&house.world.store, Chance::seeded(9));
    let mut tables = store.tables(DOMAIN, &chance).await.unwrap();
    let terms = tables.view();
    let terms = terms.scan(Table::Terms, &[]);
    let junk = |key| (Table::Terms, key, Some((&b"\xff"[..]).into()));
    let batch = Batch {
        changes: terms.map(|entry| junk(entry.unwrap().0)).collect(),
        ..Batch::default()
    };
    tables.commit(batch).unwrap();
    drop(tables);
    let failed = house.domains.keep(Due::Everything).await.unwrap_err();
    assert!(failed.is_damage(), "{failed:?}");
    house.domains.mend(&failed).await;
    house.keep().await;
    assert_eq!(house.said().await, before);
}

#[tokio::test]
async fn failures_that_are_no_damage_destroy_nothing() {
    let house = House::new().await;
    house.world.key("acme").await;
    let host = house.keep().await;
    let written = tick(&host).await;
    for failure in [
        OwnError::Host(HostError::Busy),
        OwnError::Open(OpenError::NotReady),
        OwnError::Data(EngineError::Failed("no space".into())),
    ] {
        house.domains.mend(&failure).await;
    }
    assert_eq!(tick(&house.keep().await).await, written);
}

/// One step of a random history.
async fn step(house: &House, chance: &Chance, keys: &mut Vec<(&'static str, AccountKey)>) {
    let account = NAMES[1 + usize::try_from(chance.below(3)).unwrap()];
    let exists = house
        .world
        .accounts
        .published(&name(account))
        .unwrap()
        .is_some();
    let subdomain = name(["a", "b", "c", "d", "e"][usize::try_from(chance.below(5)).unwrap()]);
    let permit = house.permit::<UseDomains>(account);
    let request = Request {
        use_signatures: Some(chance.below(2) == 0),
        ..Request::default()
    };
    // What is refused, because it is there or is not, changes nothing.
    match chance.below(10) {
        0..=3 if exists => {
            let made = house.domains.create(&permit, &subdomain, &request);
            drop(made.await);
        }
        4 | 5 if exists => drop(house.domains.delete(&permit, &subdomain).await),
        6 | 7 if exists => {
            let (which, word) = if chance.below(2) == 0 {
                ("@insert", "uuid")
            } else {
                ("@delete", "uuid")
            };
            house
                .world
                .patch(account, json!({which: {"naming": word}}))
                .await;
        }
        8 => {
            let own = keys.iter().position(|(owner, _)| *owner == account);
            if let Some(at) = own.filter(|_| exists) {
                let (_, key) = keys.swap_remove(at);
                let revoke = json!({"@delete": {"key": key.id.as_str()}});
                house.world.patch(account, revoke).await;
            }
        }
        9 if exists && chance.below(4) == 0 => house.closes(account).await,
        _ => {}
    }
}

#[tokio::test]
async fn whatever_happened_it_says_what_the_tables_do_once_it_has_caught_up() {
    for seed in 0..3 {
        let chance = Chance::seeded(seed);
        let mut house = House::new().await;
        let mut keys = Vec::new();
        for account in ["acme", "other", "third"] {
            keys.push((account, house.world.key(account).await));
        }
        house.keep().await;
        for round in 0..8 {
            for _ in 0..chance.below(8) {
                step(&house, &chance, &mut keys).await;
            }
            if chance.below(3) == 0 {
                // What has changed is forgotten with the process.
                house = house.reopened().await;
                house.keep().await;
            } else {
                for due in [accounts_due(&house), subdomains_due(&house)] {
                    house.domains.keep(Due::Parts(due)).await.unwrap();
                }
            }
            assert_eq!(
                house.said().await,
                house.told().await,
                "seed {seed}, round {round}"
            );
        }
        house.domains.close().await;
    }
}

fn accounts_due(house: &House) -> Parts {
    let next = house.world.accounts.changes().next();
    match futures_util::FutureExt::now_or_never(next) {
        Some(names) => names.into_iter().map(Part::Account).collect(),
        None => Parts::new(),
    }
}

fn subdomains_due(house: &House) -> Parts {
    let next = house.domains.0.own.changes.next();
    match futures_util::FutureExt::now_or_never(next) {
        Some(names) => names
            .into_iter()
            .map(|(account, name)| Part::Subdomain(account, name))
            .collect(),
        None => Parts::new(),
    }
}
