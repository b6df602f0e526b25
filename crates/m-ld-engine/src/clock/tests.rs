//! The laws of clocks, with random histories of processes that tick, fork and hear of each other.

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;

use super::*;
use crate::msgpack::{Limits, Reader};

/// Something that a process does. Processes are taken modulo their number.
#[derive(Clone, Copy, Debug)]
enum Step {
    Tick(usize),
    Fork(usize),
    Hear { at: usize, from: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let (at, from) = (0..8_usize, 0..8_usize);
    prop_oneof![
        3 => at.clone().prop_map(Step::Tick),
        1 => at.clone().prop_map(Step::Fork),
        3 => (at, from).prop_map(|(at, from)| Step::Hear { at, from }),
    ]
}

fn history() -> impl Strategy<Value = World> {
    vec(step(), 0..40).prop_map(|steps| {
        let mut world = World::new();
        for step in steps {
            world.run(step);
        }
        world
    })
}

/// The clocks of all processes of a domain, the times at which they ticked, and the global clock
/// of somebody who saw everything.
#[derive(Debug)]
struct World {
    clocks: Vec<TreeClock>,
    times: Vec<TreeClock>,
    global: GlobalClock,
}

impl World {
    fn new() -> Self {
        Self {
            clocks: vec![TreeClock::genesis()],
            times: Vec::new(),
            global: GlobalClock::genesis(),
        }
    }

    fn run(&mut self, step: Step) {
        let count = self.clocks.len();
        match step {
            Step::Tick(at) => {
                let ticked = self.clocks[at % count].ticked().unwrap();
                self.global = self.global.set(&ticked).unwrap();
                self.times.push(ticked.clone());
                self.clocks[at % count] = ticked;
            }
            Step::Fork(at) => {
                let (left, right) = self.clocks[at % count].forked().unwrap();
                self.clocks[at % count] = left;
                self.clocks.push(right);
            }
            Step::Hear { at, from } if at % count != from % count => {
                let heard = self.clocks[at % count].update(&self.clocks[from % count]);
                self.clocks[at % count] = heard.unwrap();
            }
            Step::Hear { .. } => {}
        }
    }

    /// A clock that has heard of everything.
    fn all_seeing(&self) -> TreeClock {
        let first = self.clocks[0].clone();
        self.clocks[1..]
            .iter()
            .fold(first, |all, clock| all.update(clock).unwrap())
    }
}

/// Recomputes what a clock keeps beside its tree.
fn check_invariants(clock: &TreeClock) {
    let mut sized = clock.nodes().to_vec();
    tree::set_sizes(&mut sized);
    assert_eq!(sized, clock.nodes());
    assert_eq!(clock.nodes()[0].size as usize, clock.nodes().len());
    let ids: Vec<_> = (0..sized.len()).filter(|at| sized[*at].leaf).collect();
    assert_eq!(ids, Vec::from_iter(clock.id()));
    assert_eq!(TreeClock::decode(&clock.encode()).as_ref(), Ok(clock));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_clock_of_a_history_is_whole(world in history()) {
        world.clocks.iter().chain(&world.times).for_each(check_invariants);
    }

    #[test]
    fn no_two_ticks_of_a_domain_have_the_same_id(world in history()) {
        let ids: BTreeSet<_> = world.times.iter().map(TreeClock::tid).collect();
        prop_assert_eq!(ids.len(), world.times.len());
    }

    #[test]
    fn a_fork_does_not_change_the_id_until_a_side_ticks(world in history()) {
        for clock in &world.clocks {
            let (left, right) = clock.forked().unwrap();
            prop_assert!(left.is_zero_id() && right.is_zero_id());
            prop_assert_eq!((left.tid(), right.tid()), (clock.tid(), clock.tid()));
            let (left, right) = (left.ticked().unwrap(), right.ticked().unwrap());
            prop_assert_ne!(left.tid(), right.tid());
            prop_assert_eq!((left.ticks(), right.ticks()), (clock.ticks() + 1, clock.ticks() + 1));
        }
    }

    #[test]
    fn all_clocks_of_a_history_fork_alike_and_no_other_does(world in history()) {
        for a in &world.clocks {
            prop_assert!(world.clocks.iter().chain(&world.times).all(|b| a.forks_as(b)));
            let (left, right) = a.forked().unwrap();
            let (later, _) = a.ticked().unwrap().forked().unwrap();
            prop_assert!(left.forks_as(&right) && left.forks_as(a) && a.forks_as(&left));
            prop_assert!(!left.forks_as(&later) && !later.forks_as(&left));
            // A process that is said to have ticked after it has forked, and not to have forked.
            let whole = a.ticked().unwrap();
            prop_assert!(!left.forks_as(&whole) && !whole.forks_as(&left));
        }
    }

    #[test]
    fn joining_is_idempotent_and_its_order_does_not_matter(world in history()) {
        let few = &world.clocks[..world.clocks.len().min(5)];
        for a in few {
            for b in few.iter().filter(|b| *b != a) {
                let joined = a.update(b).unwrap();
                prop_assert_eq!(&joined.update(b).unwrap(), &joined);
                prop_assert_eq!(&joined.update(a).unwrap(), &joined);
                prop_assert!(!joined.any_lt(a) && !joined.any_lt(b));
                prop_assert_eq!(joined.ticks(), a.ticks());
                for c in few.iter().filter(|c| *c != a) {
                    let other = a.update(c).unwrap().update(b).unwrap();
                    prop_assert_eq!(joined.update(c).unwrap(), other);
                }
            }
        }
    }

    #[test]
    fn who_has_heard_of_everything_is_behind_nobody(world in history()) {
        let all = world.all_seeing();
        for clock in &world.clocks {
            prop_assert!(!all.any_lt(clock));
            prop_assert!(!all.any_non_id_lt(clock));
            prop_assert_eq!(all.get_ticks(clock), Some(clock.ticks()));
        }
        prop_assert!(!all.any_lt_global(&world.global));
        prop_assert_eq!(&all.update_global(&world.global).unwrap(), &all);
    }

    #[test]
    fn ticking_back_undoes_ticking(world in history(), ticks in 1..5_u64) {
        for clock in &world.clocks {
            let ahead = clock.ticked_to(clock.ticks() + ticks).unwrap();
            prop_assert_eq!(ahead.ticks(), clock.ticks() + ticks);
            prop_assert!(clock.any_lt(&ahead) && !ahead.any_lt(clock));
            prop_assert_eq!(&ahead.ticked_to(clock.ticks()).unwrap(), clock);
        }
    }

    #[test]
    fn ticking_for_another_takes_over_its_ticks(world in history()) {
        for a in &world.clocks {
            for b in world.clocks.iter().filter(|b| *b != a) {
                let ticked = a.ticked_for(b).unwrap();
                check_invariants(&ticked);
                prop_assert_eq!(ticked.get_ticks(b), Some(b.ticks()));
                prop_assert_eq!(ticked.ticks(), a.ticks());
            }
        }
    }

    #[test]
    fn the_global_clock_knows_the_last_tick_of_everybody(world in history()) {
        for clock in &world.clocks {
            prop_assert_eq!(world.global.get_ticks(clock), Some(clock.ticks()));
        }
        if let Some(last) = world.times.last() {
            prop_assert_eq!(world.global.tid(last).is_none_or(|tid| tid == last.tid()), true);
        }
        let bytes = world.global.encode();
        prop_assert_eq!(GlobalClock::decode(&bytes), Ok(world.global));
    }

    #[test]
    fn any_bytes_are_a_clock_or_are_refused(bytes in vec(any::<u8>(), 0..64)) {
        if let Ok(clock) = TreeClock::decode(&bytes) {
            check_invariants(&clock);
        }
        drop(GlobalClock::decode(&bytes));
    }
}

/// A clock with so many forks above its ID, encoded.
fn deep(forks: usize) -> Vec<u8> {
    let mut bytes = [0x92].repeat(forks);
    bytes.push(0x90);
    bytes.extend([0].repeat(forks));
    bytes
}

#[test]
fn a_deep_clock_is_handled_and_a_deeper_one_is_refused() {
    let clock = TreeClock::decode(&deep(MAX_DEPTH)).unwrap();
    check_invariants(&clock);
    let ticked = clock.ticked().unwrap();
    assert!(clock.any_lt(&ticked));
    assert_eq!(ticked.update(&clock), Ok(ticked.clone()));
    assert_ne!(ticked.tid(), TreeClock::genesis().tid());
    assert_eq!(clock.tid(), TreeClock::genesis().tid());
    assert_eq!(clock.forked(), Err(ClockError::TooDeep));
    assert_eq!(
        TreeClock::decode(&deep(MAX_DEPTH + 1)),
        Err(ClockError::TooDeep)
    );
}

#[test]
fn no_depth_of_input_exhausts_the_stack() {
    let bytes = deep(1_000_000);
    let limits = Limits {
        max_elements: usize::MAX,
        ..Limits::default()
    };
    let mut reader = Reader::new(&bytes, limits);
    assert_eq!(TreeClock::read(&mut reader), Err(ClockError::TooDeep));
    let global = [0x92, 0x00].repeat(1_000_000);
    assert!(GlobalClock::decode(&global).is_err());
}

#[test]
fn a_process_can_let_as_many_join_as_its_clock_is_deep() {
    let mut clock = TreeClock::genesis();
    for _ in 0..MAX_DEPTH {
        clock = clock.forked().unwrap().0;
    }
    assert_eq!(clock.forked(), Err(ClockError::TooDeep));
}

#[test]
fn ticks_beyond_what_javascript_counts_are_refused() {
    let most = TreeClock::genesis().ticked_to(MAX_TICKS).unwrap();
    assert_eq!(TreeClock::decode(&most.encode()).as_ref(), Ok(&most));
    assert_eq!(most.ticked(), Err(ClockError::TooManyTicks));
    // Two leaves whose sum overflows.
    let sum = [
        0x92, 0x91, 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
    ];
    assert_eq!(TreeClock::decode(&sum), Err(ClockError::TooManyTicks));
}

#[test]
fn a_clock_of_several_processes_is_refused_and_one_of_none_is_told_apart() {
    assert_eq!(
        TreeClock::decode(&[0x92, 0x90, 0x90]),
        Err(ClockError::SeveralIds)
    );
    let nobody = TreeClock::decode(&[0x92, 0x01, 0x02]).unwrap();
    assert!(!nobody.has_id());
    assert_eq!(nobody.forked(), Err(ClockError::NoId));
    assert_eq!(nobody.get_ticks(&nobody), None);
}

#[test]
fn an_identity_forked_by_somebody_else_is_noticed() {
    let ours = TreeClock::genesis().ticked().unwrap();
    let (theirs, _) = ours.forked().unwrap();
    assert_eq!(ours.update(&theirs), Err(ClockError::Overlap));
    assert_eq!(
        ours.forked().unwrap().0.ticked_for(&ours.ticked().unwrap()),
        Err(ClockError::Ambiguous)
    );
}

#[test]
fn a_time_from_another_process_group_is_noticed() {
    let (_, joiner) = TreeClock::genesis().ticked_to(3).unwrap().forked().unwrap();
    let foreign = joiner.ticked().unwrap();
    assert_eq!(
        GlobalClock::genesis().set(&foreign),
        Err(ClockError::Foreign)
    );
}

#[test]
fn a_text_too_long_for_an_id_is_none() {
    assert!(Tid::parse(&"A".repeat(28)).is_ok());
    assert_eq!(Tid::parse(&"A".repeat(29)), Err(InvalidTid));
    assert_eq!(Tid::parse("é"), Err(InvalidTid));
    assert_eq!(Tid::parse("!blocked!").unwrap().as_str(), "!blocked!");
}

#[test]
fn a_process_goes_on_from_what_a_global_clock_has_seen() {
    let (a, b) = TreeClock::genesis().ticked_to(3).unwrap().forked().unwrap();
    let (a, c) = (a.ticked_to(5).unwrap(), b.ticked_to(4).unwrap());
    let gwc = GlobalClock::genesis().set(&TreeClock::genesis().ticked_to(3).unwrap());
    let gwc = gwc.unwrap().set(&c).unwrap();
    let ahead = a.update(&c.ticked_to(9).unwrap()).unwrap();
    let based = ahead.based_on(&gwc).unwrap();
    assert_eq!(based.ticks(), 5);
    assert_eq!(based.get_ticks(&c), Some(4));
    // What the process began with is not there, or somebody else is in its place.
    assert_eq!(a.based_on(&GlobalClock::genesis()), None);
    assert_eq!(b.based_on(&gwc), None);
}
