use super::*;

const TERMS: Terms = Terms {
    lease: Duration::from_secs(30),
    patience: Duration::from_secs(10),
};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn owner(name: &str) -> Owner {
    Owner::Account(Name::parse(name).unwrap())
}

fn desk() -> Desk<&'static str> {
    Desk::new(TERMS)
}

#[test]
fn whoever_comes_first_goes_first_while_nobody_holds_the_lock() {
    let mut desk = desk();
    desk.queue(owner("ann"), "one", at(0));
    desk.queue(owner("bob"), "two", at(0));
    assert_eq!(desk.next(at(0)), Some((owner("ann"), "one")));
    assert_eq!(desk.next(at(0)), Some((owner("bob"), "two")));
    assert_eq!(desk.next(at(0)), None);
}

#[test]
fn a_write_lock_is_joined_by_its_owner_and_by_nobody_else() {
    let mut desk = desk();
    desk.lock(&owner("ann"), Turn::Write, at(0));
    desk.queue(owner("bob"), "bob", at(0));
    desk.queue(owner("ann"), "ann", at(0));
    assert_eq!(desk.next(at(1)), Some((owner("ann"), "ann")));
    assert_eq!(desk.next(at(1)), None);
    assert_eq!(
        desk.release(&owner("ann"), at(2)),
        Some(HandedOut::default())
    );
    assert_eq!(desk.next(at(2)), Some((owner("bob"), "bob")));
}

#[test]
fn a_poll_lock_delays_its_owner_too() {
    let mut desk = desk();
    desk.lock(&owner("ann"), Turn::Poll, at(0));
    desk.queue(owner("ann"), "write", at(0));
    desk.queue(owner("ann"), "poll", at(0));
    assert_eq!(desk.next(at(1)), None);
    assert!(desk.release(&owner("ann"), at(1)).is_some());
    assert_eq!(desk.next(at(1)), Some((owner("ann"), "write")));
}

#[test]
fn a_lease_ends_by_itself_and_acknowledges_nothing() {
    let mut desk = desk();
    desk.lock(&owner("ann"), Turn::Poll, at(0));
    desk.handed_out_through(7);
    assert_eq!(desk.wake_at(), Some(at(30)));
    assert!(desk.is_locked(at(29)));
    assert!(!desk.is_locked(at(30)));
    assert_eq!(desk.release(&owner("ann"), at(30)), None);
}

#[test]
fn joining_renews_the_lease() {
    let mut desk = desk();
    desk.lock(&owner("ann"), Turn::Write, at(0));
    desk.lock(&owner("ann"), Turn::Write, at(20));
    assert!(desk.is_locked_by(&owner("ann"), at(49)));
    assert!(!desk.is_locked_by(&owner("bob"), at(49)));
    assert!(!desk.is_locked_by(&owner("ann"), at(50)));
}

#[test]
fn releasing_names_all_that_was_handed_out_under_the_lock() {
    let mut desk = desk();
    desk.lock(&owner("ann"), Turn::Write, at(0));
    desk.handed_out_own(3);
    desk.lock(&owner("ann"), Turn::Write, at(1));
    desk.handed_out_own(5);
    desk.lock(&owner("ann"), Turn::Poll, at(2));
    desk.handed_out_through(4);
    let handed_out = HandedOut {
        through: Some(4),
        own: vec![3, 5],
    };
    assert_eq!(desk.release(&owner("ann"), at(3)), Some(handed_out));
    assert_eq!(desk.release(&owner("ann"), at(3)), None);
}

#[test]
fn only_the_owner_or_root_releases() {
    let mut desk = desk();
    desk.lock(&owner("ann"), Turn::Write, at(0));
    assert_eq!(desk.release(&owner("bob"), at(1)), None);
    assert!(desk.is_locked(at(1)));
    assert!(desk.release(&Owner::Root, at(1)).is_some());
    assert!(!desk.is_locked(at(1)));
}

#[test]
fn whoever_waits_too_long_is_told_and_the_others_wait_on() {
    let mut desk = desk();
    desk.lock(&owner("ann"), Turn::Write, at(0));
    desk.queue(owner("bob"), "early", at(0));
    desk.queue(owner("bob"), "late", at(5));
    assert_eq!(desk.wake_at(), Some(at(10)));
    assert!(desk.impatient(at(9)).is_empty());
    assert_eq!(desk.impatient(at(10)), ["early"]);
    assert_eq!((desk.len(), desk.wake_at()), (1, Some(at(15))));
    assert!(desk.release(&owner("ann"), at(11)).is_some());
    assert_eq!(desk.next(at(11)), Some((owner("bob"), "late")));
}

#[test]
fn nothing_handed_out_without_a_lock_is_remembered() {
    let mut desk = desk();
    desk.handed_out_own(1);
    desk.handed_out_through(2);
    desk.lock(&owner("ann"), Turn::Write, at(0));
    assert_eq!(
        desk.release(&owner("ann"), at(0)),
        Some(HandedOut::default())
    );
}

#[test]
fn a_lock_is_let_go_of_by_its_own_serial_alone() {
    let mut desk = desk();
    let first = desk.lock(&owner("ann"), Turn::Poll, at(0));
    desk.handed_out_through(7);
    assert!(desk.holds(first, at(29)));
    assert!(!desk.holds(first, at(30)));
    let second = desk.lock(&owner("ann"), Turn::Poll, at(30));
    desk.let_go(first);
    assert!(desk.holds(second, at(30)));
    desk.let_go(second);
    assert_eq!(desk.release(&owner("ann"), at(30)), None);
}
