//! `suset.json`: native clones stand in for all clones of a scenario. Each writes what its model
//! wrote, and is delivered the model's messages as listed (conformance ladder, step 7).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use m_ld_engine::change::{Change, Edit};
use m_ld_engine::clock::{GlobalClock, Tid, TreeClock};
use m_ld_engine::clone::Plugins;
use m_ld_engine::clone::Written;
use m_ld_engine::constraint::{Configured, Constraint, Interim, Local, PropertyShape, Refusal};
use m_ld_engine::dataset::Graph;
use m_ld_engine::journal::{Position, State, entries_after, entry, record};
use m_ld_engine::msgpack::Value;
use m_ld_engine::operation::{Codec, Operation};
use m_ld_engine::rdf::{Iri, Literal, Term, Triple};
use m_ld_engine::store::View;
use m_ld_engine::wire::Limits;
use serde_json::Value as Json;

use crate::common::{base64, value, vectors};
use crate::net::Hall;

const DOMAIN: &str = "set.example.org";

fn codec() -> Codec {
    Codec::new(&Iri::new(format!("http://{DOMAIN}/"))).unwrap()
}

#[test]
fn clones_come_to_what_their_models_came_to() {
    let file = vectors("suset");
    for scenario in file["scenarios"].as_array().unwrap() {
        println!("{}", scenario["name"]);
        Play::new(scenario).run();
    }
}

/// A scenario, played by native clones.
struct Play<'v> {
    scenario: &'v Json,
    hall: Hall,
    codec: Codec,
}

impl<'v> Play<'v> {
    fn new(scenario: &'v Json) -> Self {
        Self {
            scenario,
            hall: Hall::default(),
            codec: codec(),
        }
    }

    fn run(mut self) {
        for (at, step) in self.scenario["steps"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
        {
            let id = match step["do"].as_str() {
                Some("join") => self.join(step),
                Some("write") => self.write(step),
                Some("deliver") => self.deliver(step),
                Some(other) => panic!("an unknown step: {other}"),
                None => continue,
            };
            self.check_clocks(id, step, at);
        }
        let last = &self.scenario["final"];
        for id in last.as_object().unwrap().keys() {
            // What the model that wrote it has is not what it sent (Q4, Q5, Q6, Q10): here it is.
            let model = if self.is_lossy() { "B" } else { id };
            check_triples(&*self.hall.view(id), id, &last[model]);
            if !self.is_lossy() {
                self.check_journal(id, &last[id]["journal"]);
            }
        }
    }

    fn join(&mut self, step: &'v Json) -> &'v str {
        let id = step["clone"].as_str().unwrap();
        let (rules, plugins) = (self.rules(), self.plugins(id));
        self.hall
            .join(DOMAIN, id, step["from"].as_str(), rules, plugins);
        id
    }

    /// The rules that the models of a scenario have.
    fn rules(&self) -> Configured {
        let name = self.scenario["name"].as_str().unwrap();
        let property = |name: &str| Iri::new(format!("http://{DOMAIN}/#{name}"));
        let mut rules = Configured::default();
        if name.contains("text") {
            rules.text.insert(property("text"));
        }
        if name.contains("constraint") {
            rules.shapes.push(PropertyShape {
                path: property("name"),
                min_count: Some(1),
                max_count: Some(1),
            });
        }
        rules
    }

    fn plugins(&self, id: &str) -> Plugins {
        let name = self.scenario["name"].as_str().unwrap();
        let mut plugins = Plugins::default();
        if name.contains("refused by an agreement condition") && id == "B" {
            plugins.constraints.push(Box::new(Unacceptable));
        }
        plugins
    }

    /// Writes what the model wrote, and compares what is sent.
    fn write(&mut self, step: &'v Json) -> &'v str {
        let id = step["clone"].as_str().unwrap();
        let sent = step["sent"].as_array().unwrap();
        let Some(wanted) = sent.first().map(|n| self.message(n)) else {
            return id;
        };
        let (prev, operation) = self.decode(&wanted);
        let (change, agreed) = change_of(&operation, &step["write"]);
        let clone = self.hall.clones.get_mut(id).unwrap();
        let (Written { ticks, .. }, effects) =
            clone.change(change, agreed, Duration::ZERO).unwrap();
        assert_eq!(ticks, operation.ticks());
        self.hall.take(id, effects);
        self.hall.settle();
        let made = self.hall.take_sent();
        let (made_prev, made) = self.decode(&made[0]);
        assert_eq!(made_prev, prev);
        assert_same(&made, &operation);
        id
    }

    /// Delivers a message of a model, and compares what is answered.
    fn deliver(&mut self, step: &'v Json) -> &'v str {
        let id = step["to"].as_str().unwrap();
        let message = self.message(&step["message"]);
        self.hall
            .input(id, m_ld_engine::clone::Input::Operation(&message));
        self.hall.settle();
        let answers = self.hall.take_sent();
        let wanted = step["sent"].as_array().unwrap();
        assert_eq!(answers.len(), wanted.len(), "answers of {id}");
        for (answer, wanted) in answers.iter().zip(wanted) {
            let (_, answer) = self.decode(answer);
            let (_, wanted) = self.decode(&self.message(wanted));
            assert_same(&answer, &wanted);
        }
        id
    }

    fn message(&self, n: &Json) -> Vec<u8> {
        let n = usize::try_from(n.as_u64().unwrap()).unwrap();
        base64(self.scenario["messages"][n]["message"].as_str().unwrap())
    }

    fn decode(&self, message: &[u8]) -> (u64, Operation) {
        let received = self.codec.receive(message, &Limits::default()).unwrap();
        (received.envelope.prev, received.operation.unwrap())
    }

    fn check_clocks(&self, id: &str, step: &Json, at: usize) {
        let state = State::read(&*self.hall.view(id)).unwrap().unwrap();
        let gwc = GlobalClock::from_value(&value(&step["gwc"])).unwrap();
        assert_eq!(state.gwc, gwc, "global clock of {id} after step {at}");
        // What the model has heard of a blocked process it keeps in memory alone.
        let blocks = step["do"] == "deliver" && step["gwc"].to_string().contains("!blocked!");
        if !blocks {
            let time = TreeClock::from_value(&value(&step["time"])).unwrap();
            // The model keeps the second tick for an operation (section 5.4) in memory alone.
            let internal = state.time.ticks() - time.ticks();
            assert!(
                internal <= 1,
                "{internal} more ticks of {id} after step {at}"
            );
            let public = state.time.ticked_to(time.ticks()).unwrap();
            // Forks that have not ticked are all one, as they are in an id.
            assert_eq!(public.tid(), time.tid(), "clock of {id} after step {at}");
        }
    }

    fn is_lossy(&self) -> bool {
        let name = self.scenario["name"].as_str().unwrap();
        name.contains("on the wire") || name.contains("beyond the basic multilingual plane")
    }

    fn check_journal(&self, id: &str, wanted: &Json) {
        let view = &*self.hall.view(id);
        let state = State::read(view).unwrap().unwrap();
        assert_eq!(state.start, wanted["state"]["start"].as_u64().unwrap());
        let agreed = TreeClock::from_value(&value(&wanted["state"]["agreed"])).unwrap();
        assert_eq!(state.agreed, agreed, "last agreement of {id}");
        // The model has one entry for a tick. Once an agreement has wound its ticks back, it loses
        // those that have the same ticks; these clones do not.
        let entries: BTreeMap<_, _> = entries_after(view, Position::default())
            .map(Result::unwrap)
            .map(|(position, entry)| (position.tick, (position, entry)))
            .collect();
        let wanted = wanted["entries"].as_array().unwrap();
        assert_eq!(entries.len(), wanted.len(), "entries of {id}");
        for ((position, found), wanted) in entries.into_values().zip(wanted) {
            assert_eq!(position.tick, wanted["tick"].as_u64().unwrap());
            let wanted = &wanted["entry"];
            assert_eq!(found.prev_tick, wanted[0][0].as_u64().unwrap());
            assert_eq!(found.prev_tid.as_str(), wanted[0][1].as_str().unwrap());
            assert_eq!(found.tid.as_str(), wanted[1].as_str().unwrap());
            let removed: BTreeSet<_> = found
                .reversion
                .deletes
                .iter()
                .filter(|tids| !tids.is_empty())
                .map(|tids| as_set(tids))
                .collect();
            let wanted: BTreeSet<_> = wanted[2]
                .as_object()
                .unwrap()
                .values()
                .filter(|tids| tids[0].is_string())
                .map(tid_set)
                .collect();
            assert_eq!(removed, wanted, "what {} removed at {id}", found.tid);
            assert!(entry(view, position).unwrap().is_some());
            let record = record(view, found.tid).unwrap().unwrap();
            assert_eq!(record.position, Some(position));
        }
    }
}

/// The triples of a clone, and their transactions, are those of its model.
pub(crate) fn check_triples(view: &dyn View, id: &str, last: &Json) {
    let graph = Graph::new(view).unwrap();
    let quads: BTreeSet<_> = graph.find(None, None, None).map(Result::unwrap).collect();
    let wanted: BTreeSet<_> = last["quads"]
        .as_array()
        .unwrap()
        .iter()
        .map(triple)
        .collect();
    assert_eq!(quads, wanted, "triples of {id}");
    let tids: BTreeMap<_, _> = graph
        .all()
        .map(Result::unwrap)
        .filter(|stored| !stored.tids.is_empty())
        .map(|stored| (stored.triple, as_set(&stored.tids)))
        .collect();
    let wanted: BTreeMap<_, _> = last["tids"]
        .as_array()
        .unwrap()
        .iter()
        .map(|json| (triple(json), tid_set(&json["tids"])))
        .collect();
    assert_eq!(tids, wanted, "transactions of {id}");
}

/// The change that makes an operation.
pub(crate) fn change_of(operation: &Operation, write: &Json) -> (Change, Option<Value>) {
    let mut change = Change::default();
    for delete in &operation.deletes {
        change.delete(delete.triple.clone());
    }
    for insert in &operation.inserts {
        change.insert(insert.triple.clone(), insert.data.clone());
    }
    for update in &operation.updates {
        change.edits.push(Edit {
            triple: update.triple.clone(),
            expression: write["@update"]["text"].clone(),
        });
    }
    if change.is_empty() {
        // Of a triple that is not there nothing is sent, but that there was an operation.
        change.delete(Triple::new(
            Iri::new("http://set.example.org/nothing"),
            Iri::new("http://set.example.org/#is"),
            Literal::string("here"),
        ));
    }
    let agreed = operation.agreed.as_ref();
    (change, agreed.map(|agreed| agreed.proof.clone()))
}

pub(crate) fn assert_same(one: &Operation, two: &Operation) {
    let comparable = |operation: &Operation| {
        let tagged = |tagged: &[m_ld_engine::operation::Tagged]| {
            let tagged = tagged.iter();
            tagged
                .map(|tagged| (tagged.triple.clone(), as_set(&tagged.tids)))
                .collect::<BTreeMap<_, _>>()
        };
        (
            operation.from,
            operation.time.clone(),
            tagged(&operation.deletes),
            tagged(&operation.inserts),
            operation.agreed.clone(),
        )
    };
    assert_eq!(comparable(one), comparable(two));
    let updates = |operation: &Operation| operation.updates.clone();
    assert_eq!(updates(one), updates(two));
}

pub(crate) fn as_set(tids: &[Tid]) -> BTreeSet<String> {
    tids.iter().map(ToString::to_string).collect()
}

fn tid_set(json: &Json) -> BTreeSet<String> {
    let tids = json.as_array().unwrap().iter();
    tids.map(|tid| tid.as_str().unwrap().to_owned()).collect()
}

fn triple(json: &Json) -> Triple {
    let iri = |key: &str| Iri::new(json[key].as_str().unwrap());
    let object = &json["o"];
    let object = match object["iri"].as_str() {
        Some(iri) => Term::Iri(Iri::new(iri)),
        None => Term::Literal(Literal {
            lexical: object["literal"].as_str().unwrap().into(),
            datatype: Iri::new(object["datatype"].as_str().unwrap()),
            language: object["language"].as_str().map(Into::into),
        }),
    };
    Triple::new(iri("s"), iri("p"), object)
}

/// The agreement condition of one scenario.
struct Unacceptable;

impl Constraint for Unacceptable {
    fn check(&self, _: &Graph<'_>, _: &mut Interim, _: &mut Local<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn apply(&self, _: &Graph<'_>, _: &mut Interim, _: &mut Local<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn test_agreement(&self, _: &Graph<'_>, update: &Interim) -> Result<(), Refusal> {
        match update.agreed.as_ref().and_then(Value::as_str) {
            Some("not acceptable") => Err(Refusal::Rule {
                status: 4030,
                reason: "not acceptable".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}
