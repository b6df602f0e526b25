//! Groups, planned and run, against their meaning carried out literally.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::World;
use crate::dataset::Graph;
use crate::pattern::ast::{Expression, Group, Node, Template};
use crate::pattern::evaluate::Evaluator;
use crate::pattern::group::Groups;
use crate::pattern::limits::{Limits, Work};
use crate::pattern::plan::Plan;
use crate::pattern::row::{Cell, Row};
use crate::pattern::run::{Env, Run};
use crate::pattern::variable::{Var, Vars};
use crate::rdf::{Term, Triple};

type Solution = BTreeMap<Var, Term>;

/// The meaning of groups by the letter of SPARQL, section 18: from the inside out.
struct Literally<'v> {
    env: Env<'v>,
    triples: Vec<Triple>,
}

impl Literally<'_> {
    fn group(&self, group: &Group) -> Vec<Solution> {
        let mut solutions = vec![Solution::new()];
        for template in &group.triples {
            let matches: Vec<_> = self
                .triples
                .iter()
                .filter_map(|t| matched(template, t))
                .collect();
            solutions = join(&solutions, &matches);
        }
        if !group.union.is_empty() {
            let all: Vec<_> = group
                .union
                .iter()
                .flat_map(|group| self.group(group))
                .collect();
            solutions = join(&solutions, &all);
        }
        solutions.retain(|solution| {
            group
                .filters
                .iter()
                .all(|filter| self.is_true(filter, solution))
        });
        if let Some(rows) = &group.values {
            let rows: Vec<Solution> = rows
                .iter()
                .map(|row| row.iter().cloned().collect())
                .collect();
            solutions = join(&solutions, &rows);
        }
        for (var, expression) in &group.binds {
            for solution in &mut solutions {
                let value = Evaluator::default().value(&self.env, &self.row(solution), expression);
                solution.extend(value.unwrap().map(|value| (*var, value)));
            }
        }
        solutions
    }

    fn is_true(&self, filter: &Expression, solution: &Solution) -> bool {
        let row = self.row(solution);
        Evaluator::default()
            .is_true(&self.env, &row, filter)
            .unwrap()
    }

    fn row(&self, solution: &Solution) -> Row {
        let mut row = Row::new(self.env.vars);
        for (var, term) in solution {
            row.set(*var, Some(Cell::of(&self.env.graph, term.clone())));
        }
        row
    }
}

fn matched(template: &Template, triple: &Triple) -> Option<Solution> {
    let mut solution = Solution::new();
    let terms: [Term; 3] = [
        triple.subject.clone().into(),
        triple.predicate.clone().into(),
        triple.object.clone(),
    ];
    for (node, term) in template.nodes().into_iter().zip(terms) {
        match node {
            Node::Term(expected) if *expected != term => return None,
            Node::Term(_) => {}
            Node::Var(var) => {
                let known = solution.insert(*var, term.clone());
                if known.is_some_and(|known| known != term) {
                    return None;
                }
            }
        }
    }
    Some(solution)
}

fn join(some: &[Solution], others: &[Solution]) -> Vec<Solution> {
    let joined = |a: &Solution, b: &Solution| {
        let compatible = b
            .iter()
            .all(|(var, term)| a.get(var).is_none_or(|known| known == term));
        compatible.then(|| a.clone().into_iter().chain(b.clone()).collect())
    };
    some.iter()
        .flat_map(|a| others.iter().filter_map(move |b| joined(a, b)))
        .collect()
}

fn node(variables: &'static [&'static str]) -> impl Strategy<Value = Json> {
    prop_oneof![
        3 => proptest::sample::select(variables).prop_map(Json::from),
        1 => proptest::sample::select(&["a", "b", "c"][..]).prop_map(|id| json!({ "@id": id })),
        1 => (0..3_i64).prop_map(Json::from),
    ]
}

fn subject() -> impl Strategy<Value = Json> {
    let id = proptest::sample::select(&["a", "b", "?x", "?y", "?z"][..]);
    let property = proptest::sample::select(&["p", "q", "?p"][..]);
    (id, property, node(&["?x", "?y", "?z", "?"])).prop_map(|(id, property, value)| {
        let mut subject = json!({ "@id": id });
        subject[property] = value;
        subject
    })
}

fn expression() -> impl Strategy<Value = Json> {
    let operator = proptest::sample::select(&["@eq", "@neq", "@lt"][..]);
    let operand = || node(&["?x", "?y", "?z"]);
    let variable = proptest::sample::select(&["?x", "?y", "?z"][..]);
    prop_oneof![
        3 => (operator, operand(), operand()).prop_map(|(key, a, b)| json!({ key: [a, b] })),
        1 => variable.clone().prop_map(|var| json!({ "@bound": var })),
        1 => variable.prop_map(|var| json!({ "@not": { "@bound": var } })),
    ]
}

fn data() -> impl Strategy<Value = Json> {
    let value = prop_oneof![
        proptest::sample::select(&["a", "b", "c"][..]).prop_map(|id| json!({ "@id": id })),
        (0..3_i64).prop_map(Json::from),
    ];
    let row = (proptest::sample::select(&["?x", "?y"][..]), value);
    proptest::collection::vec(row.prop_map(|(var, value)| json!({ var: value })), 0..3)
        .prop_map(Json::Array)
}

fn group() -> impl Strategy<Value = Json> {
    let leaf = (
        proptest::collection::vec(subject(), 0..3),
        proptest::collection::vec(expression(), 0..2),
        proptest::option::weighted(0.3, data()),
        proptest::option::weighted(0.2, expression()),
        0..3_u8,
    );
    let leaf = leaf.prop_map(|(graph, filter, values, bind, name)| {
        let mut group = json!({ "@graph": graph, "@filter": filter });
        if let Some(values) = values {
            group["@values"] = values;
        }
        if let Some(bind) = bind {
            let mut to = json!({});
            to[format!("?bound{name}")] = bind;
            group["@bind"] = to;
        }
        group
    });
    leaf.prop_recursive(2, 8, 3, |inner| {
        let union = proptest::collection::vec(inner.clone(), 0..3);
        (inner, union).prop_map(|(mut group, union)| {
            if !union.is_empty() {
                group["@union"] = Json::Array(union);
            }
            group
        })
    })
}

fn graph() -> impl Strategy<Value = Json> {
    let id = proptest::sample::select(&["a", "b", "c"][..]);
    let property = proptest::sample::select(&["p", "q"][..]);
    let value = prop_oneof![
        proptest::sample::select(&["a", "b", "c"][..]).prop_map(|id| json!({ "@id": id })),
        (0..3_i64).prop_map(Json::from),
    ];
    let subject = (id, property, value).prop_map(|(id, property, value)| {
        let mut subject = json!({ "@id": id });
        subject[property] = value;
        subject
    });
    proptest::collection::vec(subject, 1..8).prop_map(|subjects| json!({ "@graph": subjects }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_planned_group_has_the_solutions_that_it_means(graph in graph(), pattern in group()) {
        let world = World::of(&graph);
        let view = world.view();
        let graph = Graph::new(&*view).unwrap();
        let mut vars = Vars::default();
        let mut groups = Groups { context: &world.context, vars: &mut vars };
        let Ok(group) = groups.read(&pattern) else {
            return Ok(()); // a variable that is bound twice
        };
        let env = Env {
            graph: graph.clone(),
            work: Work::new(&Limits::default()),
            vars: vars.len(),
        };
        let triples = graph.find(None, None, None).map(Result::unwrap).collect();
        let literally = Literally { env: env.clone(), triples };
        let row = |row: &Row| {
            let cells = (0..vars.len()).map(|var| row.get(Var(var)).map(Cell::id));
            cells.collect::<Vec<_>>()
        };
        let means = literally.group(&group);
        let mut means: Vec<_> = means.iter().map(|one| row(&literally.row(one))).collect();
        let plan = Plan::new(&env, group).unwrap();
        let mut found: Vec<_> = Run::new(env, Rc::new(plan)).map(|one| row(&one.unwrap())).collect();
        means.sort();
        found.sort();
        prop_assert_eq!(found, means);
    }
}
