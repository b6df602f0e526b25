mod world;

use std::sync::Arc;

use super::{Graph, TermId, Writer};
use crate::chance::Chance;
use crate::clock::Tid;
use crate::msgpack::Value;
use crate::rdf::{Iri, Literal, Term, Triple, vocab};
use crate::store::{MemoryStore, Pending, Store, Table, View};

/// Counts, so that a test can repeat itself.
pub(crate) struct Counting(pub(crate) u8);

impl Chance for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
    }
}

fn iri(name: &str) -> Iri {
    Iri::new(format!("http://example.org/{name}"))
}

fn triple(s: &str, p: &str, o: impl Into<Term>) -> Triple {
    Triple::new(iri(s), iri(p), o)
}

fn tids<const N: usize>(texts: [&str; N]) -> [Tid; N] {
    texts.map(|text| Tid::parse(text).unwrap())
}

/// Writes in a transaction of its own, and checks the invariants after.
fn write<T>(store: &mut MemoryStore, change: impl FnOnce(&mut Writer<'_>) -> T) -> T {
    let mut pending = Pending::new(store.view());
    let result = change(&mut Writer::new(&mut pending, &mut Counting(0)).unwrap());
    Graph::new(&pending).unwrap().check().unwrap();
    store.commit(pending.into_batch()).unwrap();
    Graph::new(&*store.view()).unwrap().check().unwrap();
    result
}

fn found(view: &Arc<dyn View>, s: Option<&Iri>, p: Option<&Iri>, o: Option<&Term>) -> Vec<Triple> {
    let graph = Graph::new(&**view).unwrap();
    let mut found: Vec<_> = graph.find(s, p, o).map(Result::unwrap).collect();
    found.sort();
    found
}

#[test]
fn every_pattern_finds_its_triples_and_no_others() {
    let mut store = MemoryStore::new();
    let mut all = Vec::new();
    for s in ["a", "b", "c"] {
        for p in ["a", "p", "q"] {
            for o in [
                Term::Iri(iri("a")),
                Literal::string("a").into(),
                Literal::integer(1).into(),
            ] {
                all.push(triple(s, p, o));
            }
        }
    }
    all.sort();
    write(&mut store, |writer| {
        for triple in &all {
            writer.insert(triple, &tids(["kQE="])).unwrap();
        }
    });
    let view = store.view();
    let absent = triple("none", "none", iri("none"));
    for example in all.iter().chain([&absent]) {
        for bits in 0..8 {
            let s = (bits & 1 != 0).then_some(&example.subject);
            let p = (bits & 2 != 0).then_some(&example.predicate);
            let o = (bits & 4 != 0).then_some(&example.object);
            let expected: Vec<_> = all
                .iter()
                .filter(|t| s.is_none_or(|s| *s == t.subject))
                .filter(|t| p.is_none_or(|p| *p == t.predicate))
                .filter(|t| o.is_none_or(|o| *o == t.object))
                .cloned()
                .collect();
            assert_eq!(found(&view, s, p, o), expected, "{example:?} {bits}");
            let graph = Graph::new(&*view).unwrap();
            let pattern = [
                s.map(|s| graph.iri_id(s)),
                p.map(|p| graph.iri_id(p)),
                o.map(|o| graph.id(o)),
            ];
            let count = graph.count_up_to(pattern, 5).unwrap();
            assert_eq!(count, expected.len().min(5));
        }
    }
}

#[test]
fn a_delete_takes_only_the_transactions_that_it_names() {
    let mut store = MemoryStore::new();
    let x = triple("x", "p", Literal::integer(1));
    let [a, b, c] = tids(["kQE=", "kQI=", "!local!"]);
    write(&mut store, |writer| writer.insert(&x, &[b, a, b, c])).unwrap();
    let removed = write(&mut store, |writer| writer.remove_tids(&x, &[b, c])).unwrap();
    assert_eq!(removed, [b, c]);
    let removed = write(&mut store, |writer| writer.remove_tids(&x, &[b, c])).unwrap();
    assert_eq!(removed, []);
    let view = store.view();
    let graph = Graph::new(&*view).unwrap();
    assert!(graph.contains(&x).unwrap());
    assert_eq!(graph.tids(&x).unwrap(), [a]);
    let removed = write(&mut store, |writer| writer.remove_tids(&x, &[a, b])).unwrap();
    assert_eq!(removed, [a]);
    assert_eq!(found(&store.view(), None, None, None), []);
    assert_eq!(found(&view, None, None, None), [x]);
}

#[test]
fn terms_go_with_the_last_triple_that_uses_them() {
    let mut store = MemoryStore::new();
    let [a] = tids(["kQE="]);
    // One term in each place of a triple.
    let shared = [
        triple("x", "p", Literal::integer(1)),
        triple("p", "q", iri("x")),
        triple("q", "x", iri("p")),
    ];
    write(&mut store, |writer| {
        for triple in &shared {
            writer.insert(triple, &[a]).unwrap();
        }
    });
    for triple in &shared {
        write(&mut store, |writer| writer.delete_all(triple)).unwrap();
    }
    let view = store.view();
    for table in [Table::Terms, Table::Spo, Table::Pos, Table::Osp] {
        assert_eq!(view.scan(table, &[]).count(), 0, "{table:?}");
    }
}

#[test]
fn a_hidden_triple_keeps_its_transactions_and_is_not_in_the_graph() {
    let mut store = MemoryStore::new();
    let x = triple("x", "p", Literal::integer(1));
    let [a, b] = tids(["kQE=", "kQI="]);
    write(&mut store, |writer| writer.insert(&x, &[a, b])).unwrap();
    write(&mut store, |writer| writer.entail_delete(&x)).unwrap();
    let view = store.view();
    let graph = Graph::new(&*view).unwrap();
    for bits in 0..8 {
        let subject = (bits & 1 != 0).then_some(&x.subject);
        let predicate = (bits & 2 != 0).then_some(&x.predicate);
        let object = (bits & 4 != 0).then_some(&x.object);
        assert_eq!(found(&view, subject, predicate, object), []);
    }
    assert!(graph.is_hidden(&x).unwrap() && !graph.contains(&x).unwrap());
    assert_eq!(
        graph.hidden(&x.subject, &x.predicate).unwrap(),
        vec![x.clone()]
    );
    assert_eq!(graph.tids(&x).unwrap(), [a, b]);
    let all: Vec<_> = graph.all().map(Result::unwrap).collect();
    assert!(all.len() == 1 && all[0].hidden && all[0].triple == x);

    // Losing a transaction does not show it; being inserted again does.
    write(&mut store, |writer| writer.remove_tids(&x, &[a])).unwrap();
    assert!(Graph::new(&*store.view()).unwrap().is_hidden(&x).unwrap());
    write(&mut store, |writer| writer.insert(&x, &[b])).unwrap();
    assert_eq!(found(&store.view(), None, None, None), vec![x.clone()]);
    write(&mut store, |writer| writer.entail_delete(&x)).unwrap();
    write(&mut store, |writer| writer.entail(&x)).unwrap();
    assert_eq!(found(&store.view(), None, None, None), vec![x.clone()]);
    write(&mut store, |writer| writer.entail_delete(&x)).unwrap();
    let removed = write(&mut store, |writer| writer.remove_tids(&x, &[b])).unwrap();
    assert_eq!(removed, [b]);
    assert_eq!(store.view().scan(Table::Terms, &[]).count(), 0);
}

#[test]
fn an_entailed_triple_is_in_the_graph_without_transactions() {
    let mut store = MemoryStore::new();
    let x = triple("x", "p", iri("y"));
    let [a] = tids(["kQE="]);
    write(&mut store, |writer| writer.entail(&x)).unwrap();
    let view = store.view();
    let graph = Graph::new(&*view).unwrap();
    assert!(graph.is_entailed(&x).unwrap() && graph.contains(&x).unwrap());
    assert_eq!(graph.tids(&x).unwrap(), []);
    let removed = write(&mut store, |writer| writer.remove_tids(&x, &[a])).unwrap();
    assert_eq!(removed, []);
    assert_eq!(found(&store.view(), None, None, None), vec![x.clone()]);
    let removed = write(&mut store, |writer| writer.delete_all(&x)).unwrap();
    assert_eq!(removed, []);
    assert_eq!(found(&store.view(), None, None, None), []);
}

#[test]
fn terms_are_kept_as_they_were() {
    let mut store = MemoryStore::new();
    let tagged = Literal {
        lexical: "grüß dich".into(),
        datatype: Iri::new(vocab::RDF_LANG_STRING),
        language: Some("de".into()),
    };
    let literals = [
        tagged.clone(),
        Literal {
            language: None,
            ..tagged
        },
        Literal::string(""),
        Literal::integer(-1),
        Literal::typed("1.5E0", vocab::XS_DOUBLE),
        Literal::typed("true", vocab::XS_BOOLEAN),
        Literal::typed("x", vocab::TSEQ),
        Literal::typed("x", vocab::XS_BASE64_BINARY),
        Literal::typed("x", "http://example.org/#custom"),
        Literal::typed("m#customx", "http://example.org/#custo"),
        Literal::typed("", ""),
    ];
    let mut triples: Vec<_> = literals.map(|literal| triple("x", "p", literal)).into();
    triples.push(triple("x", "p", iri("")));
    triples.push(triple("x", "p", Iri::new("")));
    triples.sort();
    write(&mut store, |writer| {
        for triple in &triples {
            writer.insert(triple, &tids(["kQE="])).unwrap();
        }
    });
    assert_eq!(found(&store.view(), None, None, None), triples);
}

#[test]
fn data_stays_until_it_is_forgotten_and_no_triple_uses_it() {
    let mut store = MemoryStore::new();
    let text = Literal::typed("t1", vocab::TSEQ);
    let x = triple("x", "text", text.clone());
    let state = Value::Array(vec![Value::from("abc"), Value::from(7)]);
    write(&mut store, |writer| {
        writer.insert(&x, &tids(["kQE="])).unwrap();
        writer.put_data(&text, &state).unwrap();
        writer.forget_data(&text).unwrap();
    });
    let data = |store: &MemoryStore| Graph::new(&*store.view()).unwrap().data(&text).unwrap();
    assert_eq!(data(&store), Some(state.clone()));
    write(&mut store, |writer| writer.delete_all(&x)).unwrap();
    assert_eq!(data(&store), Some(state));
    write(&mut store, |writer| writer.forget_data(&text)).unwrap();
    assert_eq!(data(&store), None);
}

#[test]
fn a_walk_goes_on_where_another_ended() {
    let mut store = MemoryStore::new();
    write(&mut store, |writer| {
        for number in 0..20 {
            let triple = triple("x", "p", Literal::integer(number));
            writer.insert(&triple, &tids(["kQE="])).unwrap();
        }
    });
    let view = store.view();
    let graph = Graph::new(&*view).unwrap();
    let whole: Vec<_> = graph.all().map(Result::unwrap).collect();
    let mut parts: Vec<super::Stored> = graph.all().take(3).map(Result::unwrap).collect();
    while let Some(last) = parts.last().map(|last| last.ids) {
        let before = parts.len();
        parts.extend(graph.all_after(last).take(4).map(Result::unwrap));
        if parts.len() == before {
            break;
        }
    }
    assert_eq!(parts, whole);
}

#[test]
fn a_cleared_dataset_is_empty_and_keeps_its_ids() {
    let mut store = MemoryStore::new();
    let (before, after) = (triple("x", "p", iri("y")), triple("x", "p", iri("z")));
    let text = Literal::typed("t1", vocab::TSEQ);
    write(&mut store, |writer| {
        writer.insert(&before, &tids(["kQE="])).unwrap();
        writer.put_data(&text, &Value::Null).unwrap();
    });
    let view = store.view();
    let id = Graph::new(&*view).unwrap().iri_id(&before.subject);
    let mut pending = Pending::new(store.view());
    Writer::clear(&mut pending);
    let mut writer = Writer::new(&mut pending, &mut Counting(9)).unwrap();
    writer.insert(&after, &tids(["kQI="])).unwrap();
    assert_eq!(writer.graph().data(&text).unwrap(), None);
    store.commit(pending.into_batch()).unwrap();
    assert_eq!(found(&store.view(), None, None, None), vec![after]);
    assert_eq!(found(&view, None, None, None), vec![before.clone()]);
    let cleared = store.view();
    let graph = Graph::new(&*cleared).unwrap();
    graph.check().unwrap();
    assert_eq!(graph.iri_id(&before.subject), id);
}

#[test]
fn ids_are_those_of_this_dataset_alone() {
    let id = |first| {
        let mut pending = Pending::new(MemoryStore::new().view());
        let writer = Writer::new(&mut pending, &mut Counting(first)).unwrap();
        let id: TermId = writer.graph().iri_id(&iri("x"));
        assert_eq!(id, Graph::new(&pending).unwrap().id(&iri("x").into()));
        id
    };
    assert_eq!(id(0), id(0));
    assert_ne!(id(0), id(1));
}

#[test]
fn damage_is_found() {
    let mut store = MemoryStore::new();
    let x = triple("x", "p", iri("y"));
    write(&mut store, |writer| writer.insert(&x, &tids(["kQE="]))).unwrap();
    let damages = |table| {
        let view = store.view();
        let (key, value) = view.scan(table, &[]).next().unwrap().unwrap();
        let mut lost = Pending::new(view.clone());
        lost.remove(table, key.clone());
        let mut added = Pending::new(view.clone());
        added.put(table, [&key[..key.len() - 1], b"!"].concat(), value.clone());
        let mut changed = Pending::new(view.clone());
        changed.put(table, key, [&value[..], b"!"].concat());
        [lost, added, changed]
    };
    for table in [Table::Terms, Table::Spo, Table::Pos, Table::Osp] {
        for (kind, damaged) in damages(table).iter().enumerate() {
            let checked = Graph::new(damaged).unwrap().check();
            assert!(checked.is_err(), "{table:?} {kind}");
        }
    }
}
