//! How the domain says what there is: the words of `GET /api/v1/context`.
//!
//! | subject | properties |
//! |---|---|
//! | `http://≪domain≫/≪account≫`, an `Account` | `created`, `naming` and `remotesAuth` (words), `key`, `subdomain` (references) |
//! | `http://≪domain≫/.≪keyid≫`, a `UserKey` | `public` (SPKI DER), `revoked`, `created`, `expires` |
//! | `http://≪domain≫/≪account≫/≪name≫`, a `Subdomain` | `useSignatures`, `created` |

use std::collections::BTreeMap;

use m_ld_engine::msgpack::Value;
use m_ld_engine::rdf::{Iri, Literal, Term, Triple, vocab};

use crate::accounts::{Naming, Published, PublishedKey, RemotesAuth};
use crate::clock::Timestamp;
use crate::domains::host::binary;
use crate::domains::registry;
use crate::ids::{GatewayDomain, KeyId, Name};

/// What words begin with.
const WORDS: &str = "http://gw.m-ld.org/#";
const DATE_TIME: &str = "http://www.w3.org/2001/XMLSchema#dateTime";

/// Triples, with the data of those that have some beside them.
pub(super) type Said = BTreeMap<Triple, Option<Value>>;

/// What a subject is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Subject {
    Account(Name),
    Key(KeyId),
    Subdomain(Name, Name),
}

/// The words and subjects of one gateway.
#[derive(Clone, Debug)]
pub(super) struct Vocabulary {
    base: String,
}

impl Vocabulary {
    pub(super) fn new(gateway: &GatewayDomain) -> Self {
        Self {
            base: format!("http://{gateway}/"),
        }
    }

    pub(super) fn iri(&self, subject: &Subject) -> Iri {
        let base = &self.base;
        Iri::new(match subject {
            Subject::Account(name) => format!("{base}{name}"),
            Subject::Key(id) => format!("{base}.{id}"),
            Subject::Subdomain(account, name) => format!("{base}{account}/{name}"),
        })
    }

    /// What the subject of this IRI is, if it is one of ours.
    pub(super) fn subject(&self, iri: &Iri) -> Option<Subject> {
        let path = iri.as_str().strip_prefix(&self.base)?;
        if let Some(id) = path.strip_prefix('.') {
            return KeyId::parse(id).ok().map(Subject::Key);
        }
        let account = |raw| Name::parse(raw).ok();
        match path.split_once('/') {
            None => account(path).map(Subject::Account),
            Some((owner, name)) => account(owner)
                .zip(Name::parse(name).ok())
                .map(|(owner, name)| Subject::Subdomain(owner, name)),
        }
    }

    /// An account without its subdomains, which are [linked](Self::link) one by one.
    pub(super) fn account(&self, name: &Name, account: &Published) -> Said {
        let subject = self.iri(&Subject::Account(name.clone()));
        let mut said = Saying::of(subject, "Account", account.created);
        for naming in &account.naming {
            said.word("naming", naming_word(*naming));
        }
        for way in &account.remotes_auth {
            said.word("remotesAuth", remotes_auth_word(*way));
        }
        for key in &account.keys {
            said.add(key_link(), self.iri(&Subject::Key(key.clone())));
        }
        said.said
    }

    pub(super) fn key(&self, id: &KeyId, key: &PublishedKey) -> Said {
        let subject = self.iri(&Subject::Key(id.clone()));
        let mut said = Saying::of(subject, "UserKey", key.created);
        let der = key.public.as_der();
        let public = Triple::new(said.subject.clone(), word("public"), binary(der));
        said.said.insert(public, Some(Value::Bin(der.to_vec())));
        said.add(word("revoked"), boolean(key.revoked));
        if let Some(expires) = key.expires {
            said.add(word("expires"), moment(expires));
        }
        said.said
    }

    pub(super) fn subdomain(
        &self,
        (account, name): (&Name, &Name),
        subdomain: registry::Published,
    ) -> Said {
        let subject = self.iri(&Subject::Subdomain(account.clone(), name.clone()));
        let mut said = Saying::of(subject, "Subdomain", subdomain.created);
        said.add(word("useSignatures"), boolean(subdomain.use_signatures));
        said.said
    }

    /// That an account has a subdomain.
    pub(super) fn link(&self, account: &Name, name: &Name) -> Triple {
        let subdomain = Subject::Subdomain(account.clone(), name.clone());
        let account = self.iri(&Subject::Account(account.clone()));
        Triple::new(account, subdomain_link(), self.iri(&subdomain))
    }
}

/// By what an account refers to its keys.
pub(super) fn key_link() -> Iri {
    word("key")
}

/// By what an account refers to its subdomains.
pub(super) fn subdomain_link() -> Iri {
    word("subdomain")
}

/// What is said of one subject, so far.
struct Saying {
    subject: Iri,
    said: Said,
}

impl Saying {
    fn of(subject: Iri, class: &str, created: Timestamp) -> Self {
        let mut saying = Self {
            subject,
            said: Said::new(),
        };
        saying.add(Iri::new(vocab::RDF_TYPE), word(class));
        saying.add(word("created"), moment(created));
        saying
    }

    fn add(&mut self, property: Iri, value: impl Into<Term>) {
        let triple = Triple::new(self.subject.clone(), property, value);
        self.said.insert(triple, None);
    }

    fn word(&mut self, property: &str, value: &str) {
        self.add(word(property), word(value));
    }
}

fn word(name: &str) -> Iri {
    Iri::new(format!("{WORDS}{name}"))
}

fn boolean(value: bool) -> Literal {
    Literal::typed(if value { "true" } else { "false" }, vocab::XS_BOOLEAN)
}

fn moment(at: Timestamp) -> Literal {
    Literal::typed(at.to_rfc3339(), DATE_TIME)
}

const fn naming_word(naming: Naming) -> &'static str {
    match naming {
        Naming::Any => "any",
        Naming::Uuid => "uuid",
    }
}

const fn remotes_auth_word(way: RemotesAuth) -> &'static str {
    match way {
        RemotesAuth::Anon => "anon",
        RemotesAuth::Key => "key",
        RemotesAuth::Jwt => "jwt",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_is_known_by_its_iri_and_nothing_else_is() {
        let words = Vocabulary::new(&GatewayDomain::parse("gw.example.org").unwrap());
        let name = |raw| Name::parse(raw).unwrap();
        for (iri, subject) in [
            ("http://gw.example.org/ada", Subject::Account(name("ada"))),
            (
                "http://gw.example.org/.abc123",
                Subject::Key(KeyId::parse("abc123").unwrap()),
            ),
            (
                "http://gw.example.org/ada/notes",
                Subject::Subdomain(name("ada"), name("notes")),
            ),
        ] {
            assert_eq!(words.iri(&subject).as_str(), iri);
            assert_eq!(words.subject(&Iri::new(iri)), Some(subject));
        }
        for other in [
            "http://gw.example.org/",
            "http://gw.example.org/Ada",
            "http://gw.example.org/.abc",
            "http://gw.example.org/ada/",
            "http://gw.example.org/ada/notes/more",
            "http://other.example.org/ada",
            "ada",
        ] {
            assert_eq!(words.subject(&Iri::new(other)), None, "{other}");
        }
    }
}
