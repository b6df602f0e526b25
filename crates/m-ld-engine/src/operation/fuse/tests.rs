use proptest::prelude::*;

use super::*;
use crate::rdf::Literal;

/// What a clone has: triples with their transactions.
type State = BTreeSet<(Triple, Tid)>;

/// What one tick does: triples that are deleted, those inserted, and if something was received.
#[derive(Clone, Debug)]
struct Step {
    deletes: Vec<u8>,
    inserts: Vec<u8>,
    agrees: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let triples = || proptest::collection::vec(0..4_u8, 0..3);
    (triples(), triples(), proptest::bool::weighted(0.1)).prop_map(|(deletes, inserts, agrees)| {
        Step {
            deletes,
            inserts,
            agrees,
        }
    })
}

fn triple(number: u8) -> Triple {
    let iri = |name: &str| Iri::new(format!("http://d.example.org/{name}"));
    Triple::new(iri("x"), iri("p"), Literal::integer(number.into()))
}

fn tagged(triple: Triple, tids: Vec<Tid>) -> Tagged {
    Tagged {
        triple,
        tids,
        data: None,
    }
}

/// What the process had that writes, before it wrote anything.
fn beginning() -> (State, TreeClock) {
    let mut time = TreeClock::genesis();
    let mut state = State::new();
    for number in 0..4 {
        time = time.ticked().unwrap();
        state.insert((triple(number), time.tid()));
        state.insert((triple(0), time.tid()));
    }
    (state, time.forked().unwrap().0)
}

/// Makes the operation of a step, in the state of the process that makes it.
fn operation(step: &Step, state: &State, before: &TreeClock) -> Operation {
    let time = before.ticked().unwrap();
    let numbers: BTreeSet<u8> = step.deletes.iter().copied().collect();
    let deletes = numbers.into_iter().map(triple).filter_map(|triple| {
        let tids = state.iter().filter(|(other, _)| *other == triple);
        let tids: Vec<Tid> = tids.map(|(_, tid)| *tid).collect();
        (!tids.is_empty()).then(|| tagged(triple, tids))
    });
    let numbers: BTreeSet<u8> = step.inserts.iter().copied().collect();
    let inserts = numbers
        .into_iter()
        .map(|number| tagged(triple(number), vec![time.tid()]));
    Operation {
        from: time.ticks(),
        deletes: deletes.collect(),
        inserts: inserts.collect(),
        updates: Vec::new(),
        principal: None,
        agreed: step.agrees.then(|| Agreement {
            tick: time.ticks(),
            proof: Value::Null,
        }),
        time,
    }
}

/// Applies an operation, and says what undoes it.
fn apply(state: &mut State, operation: &Operation) -> Reversion {
    let mut reversion = Reversion::default();
    for Tagged { triple, tids, .. } in &operation.deletes {
        let lost = tids
            .iter()
            .filter(|tid| state.remove(&(triple.clone(), **tid)));
        reversion.deletes.push(lost.copied().collect());
    }
    for Tagged { triple, tids, .. } in &operation.inserts {
        state.extend(tids.iter().map(|tid| (triple.clone(), *tid)));
    }
    reversion
}

fn revert(state: &mut State, operation: &Operation, reversion: &Reversion) {
    for Tagged { triple, tids, .. } in &operation.inserts {
        for tid in tids {
            state.remove(&(triple.clone(), *tid));
        }
    }
    for (Tagged { triple, .. }, lost) in operation.deletes.iter().zip(&reversion.deletes) {
        state.extend(lost.iter().map(|tid| (triple.clone(), *tid)));
    }
}

/// The operations of steps, each with what undoes it at another clone, whose states are given
/// before each and after the last.
struct History {
    operations: Vec<(Operation, Reversion)>,
    states: Vec<State>,
}

/// Plays steps at a process, and at another clone, of which `missing` says what it had deleted.
fn history(steps: &[Step], missing: &[usize]) -> History {
    let (mut own, mut time) = beginning();
    let mut other: State = own
        .iter()
        .enumerate()
        .filter(|(at, _)| !missing.contains(at))
        .map(|(_, pair)| pair.clone())
        .collect();
    let mut states = vec![other.clone()];
    let mut operations = Vec::new();
    for step in steps {
        let operation = operation(step, &own, &time);
        time = operation.time.clone();
        apply(&mut own, &operation);
        let reversion = apply(&mut other, &operation);
        operations.push((operation, reversion));
        states.push(other.clone());
    }
    History { operations, states }
}

fn fused(operations: &[(Operation, Reversion)]) -> (Operation, Reversion) {
    let mut fusion = Fusion::new(&operations[0].0, &operations[0].1);
    for (operation, reversion) in &operations[1..] {
        fusion.push(operation, reversion).unwrap();
    }
    fusion.finish()
}

fn steps() -> impl Strategy<Value = (Vec<Step>, Vec<usize>)> {
    let missing = proptest::collection::vec(0..7_usize, 0..4);
    (proptest::collection::vec(step(), 2..8), missing)
}

proptest! {
    #[test]
    fn a_fusion_does_what_its_operations_do_and_is_undone_likewise((steps, missing) in steps()) {
        let History { operations, states } = history(&steps, &missing);
        let (operation, reversion) = fused(&operations);
        let mut state = states[0].clone();
        let again = apply(&mut state, &operation);
        prop_assert_eq!(&state, &states[steps.len()]);
        prop_assert_eq!(&again, &reversion);
        revert(&mut state, &operation, &reversion);
        prop_assert_eq!(&state, &states[0]);
    }

    #[test]
    fn it_does_not_matter_in_what_order_operations_are_fused(
        (steps, missing) in steps(), at in 1..8_usize,
    ) {
        let History { operations, .. } = history(&steps, &missing);
        let at = at.min(operations.len() - 1);
        let parts = [fused(&operations[..at]), fused(&operations[at..])];
        prop_assert_eq!(fused(&parts), fused(&operations));
    }

    #[test]
    fn what_is_cut_does_the_rest(
        (steps, missing) in steps(), seen in 1..8_usize, from in 0..8_usize, start in 0..8_usize,
    ) {
        let History { operations, states } = history(&steps, &missing);
        let seen = seen.min(operations.len() - 1);
        // The prefix goes back to where the fusion began, or further.
        let from = from.min(seen);
        let start = start.min(from).min(seen - 1);
        let (prefix, _) = fused(&operations[start..seen]);
        let (fusion, _) = fused(&operations[from..]);
        let left = cut(&prefix, &fusion).unwrap().unwrap();
        let mut state = states[seen].clone();
        apply(&mut state, &left);
        prop_assert_eq!(&state, &states[steps.len()]);
        prop_assert_eq!(left.from, prefix.ticks() + 1);
        // What was seen is not inserted again: others may have deleted it since.
        let own = operations[seen..].iter().map(|(operation, _)| operation.tid());
        let own: BTreeSet<Tid> = own.collect();
        let mut tids = left.inserts.iter().flat_map(|inserted| &inserted.tids);
        prop_assert!(tids.all(|tid| own.contains(tid)));
        let agreed = fusion.agreed.as_ref().filter(|agreed| agreed.tick > prefix.ticks());
        prop_assert_eq!(left.agreed.as_ref(), agreed);
        prop_assert_eq!(cut(&fusion, &fusion).unwrap(), None);
    }

    #[test]
    fn nothing_that_a_fusion_says_undoes_what_others_did((steps, missing) in steps()) {
        // A concurrent insert of the same triples has another transaction.
        let History { operations, states } = history(&steps, &missing);
        let (operation, _) = fused(&operations);
        let (_, other) = beginning().1.forked().unwrap();
        let tid = other.ticked().unwrap().tid();
        let mut state = states[0].clone();
        state.extend((0..4).map(|number| (triple(number), tid)));
        apply(&mut state, &operation);
        for number in 0..4 {
            prop_assert!(state.contains(&(triple(number), tid)));
        }
    }
}

#[test]
fn operations_with_a_gap_or_of_different_principals_are_not_fused() {
    let steps = vec![
        Step {
            deletes: vec![],
            inserts: vec![0],
            agrees: false,
        };
        3
    ];
    let History { operations, .. } = history(&steps, &[]);
    let [first, second, third] = [0, 1, 2].map(|at| operations[at].0.clone());
    let none = Reversion::default();
    let mut fusion = Fusion::new(&first, &none);
    assert_eq!(fusion.push(&third, &none), Err(FuseError::NotContiguous));
    let mut principal = second.clone();
    principal.principal = Some(Iri::new("urn:me"));
    assert_eq!(
        fusion.push(&principal, &none),
        Err(FuseError::NotContiguous)
    );
    assert!(!principal.follows(&first) && second.follows(&first) && !third.follows(&first));
    assert_eq!(fusion.push(&second, &none), Ok(()));
    assert_eq!(cut(&first, &third), Err(FuseError::NotContiguous));
}

#[test]
fn a_prefix_of_immense_length_is_not_looked_at() {
    let (state, time) = beginning();
    let step = Step {
        deletes: vec![0],
        inserts: vec![1],
        agrees: false,
    };
    let mut prefix = operation(&step, &state, &time);
    prefix.time = prefix.time.ticked_to(1 << 40).unwrap();
    let mut fusion = prefix.clone();
    fusion.time = fusion.time.ticked().unwrap();
    assert_eq!(cut(&prefix, &fusion), Err(FuseError::TooLong));
}
