//! Constraints, rule by rule and in random histories.

mod extensions;
mod lists;
mod replica;
mod shapes;
mod statutes;
mod texts;
mod vectors;

use replica::{Replica, Sent};

use super::*;
use crate::rdf::{Literal, Term, vocab};

fn iri(name: &str) -> Iri {
    if name.contains(':') {
        return Iri::new(name);
    }
    Iri::new(format!("http://test.m-ld.org/{name}"))
}

fn triple(subject: &str, predicate: &str, object: impl Into<Term>) -> Triple {
    Triple::new(iri(subject), iri(predicate), object)
}

fn string(text: &str) -> Literal {
    Literal::string(text)
}

/// A change that inserts.
fn insert<const N: usize>(triples: [Triple; N]) -> Change {
    change([], triples)
}

/// A change that deletes.
fn delete<const N: usize>(triples: [Triple; N]) -> Change {
    change(triples, [])
}

fn change<const N: usize, const M: usize>(deletes: [Triple; N], inserts: [Triple; M]) -> Change {
    let mut change = Change::default();
    for triple in deletes {
        change.delete(triple);
    }
    for triple in inserts {
        change.insert(triple, None);
    }
    change
}

fn status(refusal: Refusal) -> u16 {
    match refusal {
        Refusal::Rule { status, .. } => status,
        Refusal::Store(error) => panic!("{error}"),
    }
}
