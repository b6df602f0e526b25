//! Random histories of replicas that edit one text, exchange operations in every order that their
//! causes allow, alone, fused and cut, and take operations back.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const REPLICAS: usize = 3;
const NAMES: [&str; REPLICAS] = ["b", "a", "c"];

#[derive(Clone, Debug)]
enum Step {
    Splice {
        at: usize,
        index: usize,
        delete: usize,
        content: String,
    },
    /// The first operation that one has, and another lacks and can have.
    Deliver { from: usize, to: usize },
    /// Operations in a row of one replica as one, of which another may have seen the first.
    DeliverFused { from: usize, to: usize },
    /// Takes back the last operations, then does them again.
    Void { at: usize, count: usize },
    /// Stores and loads the text.
    Reload { at: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..REPLICAS;
    let splice = (at.clone(), 0..12_usize, 0..4_usize, "[x-z]{0,3}");
    prop_oneof![
        6 => splice.prop_map(|(at, index, delete, content)| Step::Splice { at, index, delete, content }),
        6 => (at.clone(), at.clone()).prop_map(|(from, to)| Step::Deliver { from, to }),
        3 => (at.clone(), at.clone()).prop_map(|(from, to)| Step::DeliverFused { from, to }),
        1 => (at.clone(), 1..6_usize).prop_map(|(at, count)| Step::Void { at, count }),
        1 => at.prop_map(|at| Step::Reload { at }),
    ]
}

/// An operation as it was sent.
struct Sent {
    author: usize,
    causes: BTreeSet<usize>,
    operation: Operation,
    reversion: Reversion,
}

#[derive(Default)]
struct Replica {
    text: Text,
    seen: BTreeSet<usize>,
    /// What was applied, in its order.
    log: Vec<(Operation, Reversion)>,
}

impl Replica {
    /// Applies an operation, and checks what is said about it.
    fn apply(
        &mut self,
        reversions: &[(Operation, Reversion)],
        operation: Option<&Operation>,
    ) -> Reversion {
        let before = self.text.to_string();
        let (reversion, splices) = self.text.apply(reversions, operation).unwrap();
        assert_eq!(spliced(&before, &splices), self.text.to_string());
        reversion
    }

    fn receive(&mut self, operation: Operation) {
        let reversion = self.apply(&[], Some(&operation));
        self.log.push((operation, reversion));
    }
}

/// A text with splices made, each of which has its index in the text as it was.
fn spliced(text: &str, splices: &[Splice]) -> String {
    let old: Vec<char> = text.chars().collect();
    let (mut new, mut at) = (String::new(), 0);
    for splice in splices {
        new.extend(&old[at..splice.index]);
        new.push_str(&splice.content);
        at = splice.index + splice.delete_count;
    }
    new.extend(&old[at..]);
    new
}

#[derive(Default)]
struct World {
    sent: Vec<Sent>,
    replicas: [Replica; REPLICAS],
}

impl World {
    fn run(&mut self, step: Step) {
        match step {
            Step::Splice {
                at,
                index,
                delete,
                content,
            } => self.splice(at, index, delete, &content),
            Step::Deliver { from, to } => drop(self.deliver(from, to)),
            Step::DeliverFused { from, to } => self.deliver_fused(from, to),
            Step::Void { at, count } => self.void(at, count),
            Step::Reload { at } => self.reload(at),
        }
        self.replicas
            .iter()
            .for_each(|replica| replica.text.tree.check_invariants());
    }

    fn splice(&mut self, at: usize, index: usize, delete: usize, content: &str) {
        let replica = &mut self.replicas[at];
        let before: Vec<char> = replica.text.to_string().chars().collect();
        let (operation, reversion) = replica
            .text
            .splice(NAMES[at], index, delete, content)
            .unwrap();
        let from = index.min(before.len());
        let to = (from + delete).min(before.len());
        let after: String = before[..from]
            .iter()
            .copied()
            .chain(content.chars())
            .chain(before[to..].iter().copied())
            .collect();
        assert_eq!(replica.text.to_string(), after);
        let causes = replica.seen.clone();
        replica.seen.insert(self.sent.len());
        replica.log.push((operation.clone(), reversion.clone()));
        self.sent.push(Sent {
            author: at,
            causes,
            operation,
            reversion,
        });
    }

    fn lacks(&self, to: usize, operation: usize) -> bool {
        let seen = &self.replicas[to].seen;
        !seen.contains(&operation) && self.sent[operation].causes.is_subset(seen)
    }

    fn deliver(&mut self, from: usize, to: usize) -> bool {
        let has = &self.replicas[from].seen;
        let Some(next) = has
            .iter()
            .copied()
            .find(|operation| self.lacks(to, *operation))
        else {
            return false;
        };
        self.replicas[to].receive(self.sent[next].operation.clone());
        self.replicas[to].seen.insert(next);
        true
    }

    fn deliver_fused(&mut self, from: usize, to: usize) {
        // The latest operation of `from` that `to` lacks, and those in a row before it.
        let own = |number: &usize| self.sent[*number].author == from;
        let Some(last) = (0..self.sent.len()).rfind(own) else {
            return;
        };
        let mut row = vec![last];
        while let Some(before) = self.sent[row[0]].causes.last().copied().filter(own) {
            let mut causes = self.sent[before].causes.clone();
            causes.insert(before);
            if causes != self.sent[row[0]].causes {
                break;
            }
            row.insert(0, before);
        }
        let seen = self.replicas[to].seen.clone();
        if seen.contains(&last) || !self.sent[row[0]].causes.is_subset(&seen) {
            return;
        }
        let prefix: Vec<_> = row
            .iter()
            .copied()
            .filter(|one| seen.contains(one))
            .collect();
        let fused = self.fused(&row);
        let (fused, _) = read_back(&fused);
        let left = if prefix.is_empty() {
            fused
        } else {
            cut(&self.fused(&prefix).0, &fused)
        };
        self.replicas[to].receive(left);
        self.replicas[to].seen.extend(row);
    }

    fn fused(&self, row: &[usize]) -> (Operation, Reversion) {
        let mut row = row.iter().map(|number| {
            let Sent {
                operation,
                reversion,
                ..
            } = &self.sent[*number];
            (operation.clone(), reversion.clone())
        });
        let first = row.next().unwrap();
        row.fold(first, |one, two| fuse(&one, &two))
    }

    fn void(&mut self, at: usize, count: usize) {
        let replica = &mut self.replicas[at];
        let kept = replica.log.len().saturating_sub(count);
        let undone = replica.log.split_off(kept);
        let backwards: Vec<_> = undone.iter().rev().cloned().collect();
        // Taken back at once, one by one, or as one, the text is the same.
        let before = replica.text.clone();
        replica.apply(&backwards, None);
        let mut others = [before.clone(), before];
        for pair in &backwards {
            others[0].apply(std::slice::from_ref(pair), None).unwrap();
        }
        if let Some(first) = undone.first().cloned() {
            let whole = undone[1..].iter().fold(first, |one, two| fuse(&one, two));
            others[1].apply(&[whole], None).unwrap();
        }
        for other in others {
            assert_eq!(other.to_string(), replica.text.to_string());
        }
        // Done again from where they were first done, operations have the same effect.
        for (operation, reversion) in undone {
            replica.receive(operation);
            assert_eq!(
                replica.log.last().unwrap().1.to_value(),
                reversion.to_value()
            );
        }
    }

    fn reload(&mut self, at: usize) {
        let text = &mut self.replicas[at].text;
        let stored = text.to_value();
        *text = Text::from_value(&stored).unwrap();
        assert_eq!(text.to_value(), stored);
    }

    fn deliver_all(&mut self) {
        let pairs = (0..REPLICAS).flat_map(|from| (0..REPLICAS).map(move |to| (from, to)));
        let pairs: Vec<_> = pairs.collect();
        while pairs.iter().any(|(from, to)| self.deliver(*from, *to)) {}
    }
}

/// What others read of what was sent.
fn read_back((operation, reversion): &(Operation, Reversion)) -> (Operation, Reversion) {
    let operation = Operation::from_value(&operation.to_value()).unwrap();
    (
        operation,
        Reversion::from_value(&reversion.to_value()).unwrap(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn replicas_that_saw_the_same_operations_have_the_same_text(script in vec(step(), 1..60)) {
        let mut world = World::default();
        for step in script {
            world.run(step);
        }
        world.deliver_all();
        let [first, rest @ ..] = &world.replicas;
        for other in rest {
            prop_assert_eq!(&first.seen, &other.seen);
            prop_assert_eq!(first.text.to_string(), other.text.to_string());
        }
    }
}

/// Takes back what is not among some operations. Says the text.
fn without(
    log: &[(usize, Operation, Reversion)],
    kept: &BTreeSet<usize>,
    text: &mut Text,
) -> String {
    let first = log.iter().position(|(number, ..)| !kept.contains(number));
    let since = log.iter().skip(first.unwrap_or(log.len()));
    let (stay, go): (Vec<_>, Vec<_>) = since.partition(|(number, ..)| kept.contains(number));
    let go: Vec<_> = go
        .into_iter()
        .rev()
        .map(|(_, one, was)| (one.clone(), was.clone()))
        .collect();
    let stay: Vec<_> = stay.into_iter().map(|(_, one, _)| one.clone()).collect();
    let before = text.to_string();
    let (_, splices) = text.rewind(&go, &stay, None).unwrap();
    assert_eq!(spliced(&before, &splices), text.to_string());
    text.to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_replica_that_takes_back_what_another_never_had_has_its_text(
        script in vec(step(), 1..60),
        order in vec(any::<prop::sample::Index>(), 60),
        agreed in any::<prop::sample::Index>(),
    ) {
        let mut world = World::default();
        for step in script {
            world.run(step);
        }
        if world.sent.is_empty() {
            return Ok(());
        }
        // What one process had seen when it made an agreement.
        let agreement = agreed.index(world.sent.len());
        let mut kept = world.sent[agreement].causes.clone();
        kept.insert(agreement);
        let (mut all, mut some) = (Text::default(), Text::default());
        let (mut seen, mut log) = (BTreeSet::new(), Vec::new());
        for index in order.iter().cycle() {
            let ready = |number: &usize| !seen.contains(number) && world.sent[*number].causes.is_subset(&seen);
            let ready: Vec<_> = (0..world.sent.len()).filter(ready).collect();
            let Some(next) = ready.get(index.index(ready.len().max(1))).copied() else {
                break;
            };
            let operation = &world.sent[next].operation;
            let (reversion, _) = all.apply(&[], Some(operation)).unwrap();
            log.push((next, operation.clone(), reversion));
            if kept.contains(&next) {
                some.apply(&[], Some(operation)).unwrap();
            }
            seen.insert(next);
        }
        prop_assert_eq!(without(&log, &kept, &mut all), some.to_string());
        all.tree.check_invariants();
    }
}
