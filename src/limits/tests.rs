use super::*;
use crate::clock::{Hand, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const MS: Duration = Duration::from_millis(1);

fn rate(burst: u32, millis: u64) -> Rate {
    Rate {
        burst,
        period: Duration::from_millis(millis),
    }
}

/// Every rate is another one, so that a test notices when two are mixed up.
fn config() -> config::Limits {
    config::Limits {
        connections: 8,
        connections_per_source: 2,
        sessions: 5,
        sessions_per_source: 3,
        requests_per_source: rate(5, 1000),
        requests_per_account: rate(6, 1200),
        activations_per_source: rate(2, 3_600_000),
        activations_per_address: rate(3, 3_600_000),
        mints_per_account: rate(4, 60_000),
        connects_per_source: rate(7, 7000),
        connects_per_account: rate(8, 8000),
        messages_per_socket: rate(9, 900),
        messages_per_account: rate(10, 100),
        sources_per_network: 3,
        table_size: 1000,
    }
}

fn limits() -> (Limits, Hand) {
    let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
    (Limits::new(&config(), &clock), hand)
}

fn v4(last: u32) -> Source {
    Source::of(IpAddr::V4(Ipv4Addr::from_bits(0xC000_0200 + last)))
}

/// The source number `subnet` of the /48 number `site`.
fn v6(site: u16, subnet: u16) -> Source {
    Source::of(IpAddr::V6(Ipv6Addr::new(
        0x2001, 0xdb8, site, subnet, 0, 0, 0, 1,
    )))
}

fn name(raw: &str) -> Name {
    Name::parse(raw).unwrap()
}

/// Takes a whole burst, then shows that one more passes exactly when `interval` is over.
fn shows_its_boundary(
    hand: &Hand,
    burst: u32,
    interval: Duration,
    mut spend: impl FnMut() -> Result<Allowance, Refused>,
) {
    for taken in 1..=burst {
        let allowance = spend().unwrap();
        assert_eq!(
            (allowance.limit, allowance.remaining),
            (burst, burst - taken)
        );
        assert_eq!(allowance.window, interval * burst);
    }
    let refused = spend().unwrap_err();
    assert_eq!((refused.retry_after, refused.limit), (interval, burst));
    hand.advance(interval.saturating_sub(MS));
    assert_eq!(spend().unwrap_err().retry_after, MS);
    hand.advance(MS);
    assert_eq!(spend().unwrap().remaining, 0);
    assert!(spend().is_err(), "only one came back");
}

#[test]
fn each_rate_per_source_allows_its_burst_and_refills_to_the_millisecond() {
    for (class, burst, interval) in [
        (Class::Requests, 5, 200),
        (Class::Activations, 2, 1_800_000),
        (Class::Connects, 7, 1000),
    ] {
        let (limits, hand) = limits();
        shows_its_boundary(&hand, burst, MS * interval, || {
            limits.spend_source(class, v4(1))
        });
        assert!(limits.spend_source(class, v4(2)).is_ok(), "another source");
    }
}

#[test]
fn each_rate_per_account_allows_its_burst_and_refills_to_the_millisecond() {
    for (class, burst, interval) in [
        (Class::Requests, 6, 200),
        (Class::Mints, 4, 15_000),
        (Class::Connects, 8, 1000),
        (Class::Messages, 10, 10),
    ] {
        let (limits, hand) = limits();
        shows_its_boundary(&hand, burst, MS * interval, || {
            limits.spend_account(class, &name("acme"))
        });
        let other = limits.spend_account(class, &name("acme2"));
        assert!(other.is_ok(), "another account");
    }
}

#[test]
fn the_rates_of_mail_addresses_and_sockets_have_their_boundaries_too() {
    let (limits, hand) = limits();
    shows_its_boundary(&hand, 3, MS * 1_200_000, || {
        limits.spend_text(Class::Activations, "a@example.org")
    });
    let other = limits.spend_text(Class::Activations, "b@example.org");
    assert!(other.is_ok(), "another address");
    let socket = limits.socket_messages();
    shows_its_boundary(&hand, 9, MS * 100, || socket.spend());
    assert!(limits.socket_messages().spend().is_ok(), "another socket");
}

#[test]
fn classes_without_a_rate_of_their_own_are_counted_as_requests() {
    let (limits, _hand) = limits();
    for class in [Class::Mints, Class::Messages, Class::Requests] {
        assert!(limits.spend_source(class, v4(1)).is_ok());
    }
    let allowance = limits.spend_source(Class::Requests, v4(1)).unwrap();
    assert_eq!(allowance.remaining, 1);
}

#[test]
fn a_48_that_rotates_its_64s_meets_the_limit_of_the_network() {
    let (limits, _hand) = limits();
    let spend = |subnet| limits.spend_source(Class::Requests, v6(1, subnet));
    for subnet in 0..15 {
        assert!(spend(subnet).is_ok(), "{subnet}");
    }
    let refused = spend(15).unwrap_err();
    assert_eq!(refused.limit, 15, "three sources' worth");
    let elsewhere = limits.spend_source(Class::Requests, v6(2, 0));
    assert!(elsewhere.is_ok(), "another /48");
}

#[test]
fn a_source_that_is_refused_takes_nothing_from_its_neighbours() {
    let (limits, _hand) = limits();
    for _ in 0..100 {
        let _refused_or_not = limits.spend_source(Class::Requests, v6(1, 1)).is_ok();
    }
    for subnet in [2, 3] {
        for _ in 0..5 {
            assert!(limits.spend_source(Class::Requests, v6(1, subnet)).is_ok());
        }
    }
}

#[test]
fn retry_after_is_rounded_up_to_whole_seconds_and_is_never_zero() {
    let secs = |retry_after| {
        let (limit, remaining, window) = (1, 0, Duration::ZERO);
        let refused = Refused {
            retry_after,
            limit,
            remaining,
            window,
        };
        refused.retry_after_secs()
    };
    assert_eq!(secs(Duration::ZERO), 1);
    assert_eq!(secs(MS), 1);
    assert_eq!(secs(Duration::from_secs(2)), 2);
    assert_eq!(secs(Duration::from_secs(2) + Duration::from_nanos(1)), 3);
    assert_eq!(secs(Duration::MAX), u64::MAX);
}

#[test]
fn a_full_table_forgets_ordinary_sources_but_gives_no_fresh_activations() {
    let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
    let amounts = config::Limits {
        table_size: 10,
        sources_per_network: 1000,
        ..config()
    };
    let limits = Limits::new(&amounts, &clock);
    for source in 0..10 {
        assert!(limits.spend_source(Class::Activations, v4(source)).is_ok());
        assert!(limits.spend_source(Class::Requests, v4(source)).is_ok());
        hand.advance(MS);
    }
    assert!(limits.spend_source(Class::Requests, v4(10)).is_ok());
    let refused = limits.spend_source(Class::Activations, v4(10)).unwrap_err();
    let until_the_first_is_whole = MS * (1_800_000 - 10);
    assert_eq!(refused.retry_after, until_the_first_is_whole);
    let known = limits.spend_source(Class::Activations, v4(9));
    assert!(known.is_ok(), "who is listed goes on");
    hand.advance(until_the_first_is_whole);
    assert!(limits.spend_source(Class::Activations, v4(10)).is_ok());
    assert!(limits.spend_source(Class::Activations, v4(11)).is_err());
}

#[test]
fn memory_is_bounded_whatever_the_number_of_sources() {
    let (limits, _hand) = limits();
    for bits in 0..50_000 {
        let _allowance = limits.spend_source(Class::Requests, v4(bits * 257)).is_ok();
        let _allowance = limits
            .spend_text(Class::Activations, &format!("{bits}@example.org"))
            .is_ok();
    }
    assert!(limits.remembered() <= 3000, "{}", limits.remembered());
}

#[test]
fn a_reload_changes_what_has_changed_and_keeps_other_counts() {
    let (limits, _hand) = limits();
    let spend = |class| limits.spend_source(class, v4(1)).unwrap().remaining;
    assert_eq!((spend(Class::Requests), spend(Class::Connects)), (4, 6));
    limits.reload(&config::Limits {
        requests_per_source: rate(50, 1000),
        connections_per_source: 1,
        ..config()
    });
    assert_eq!((spend(Class::Requests), spend(Class::Connects)), (49, 5));
    let _slot = limits.connect(v4(1)).unwrap();
    assert_eq!(limits.connect(v4(1)).unwrap_err(), TooMany::OfSource);
}

#[test]
fn amounts_at_the_ends_of_their_types_do_no_harm() {
    let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
    let spend_twice = |rate| {
        let budget = SocketBudget::new(rate, &clock);
        [budget.spend().is_ok(), budget.spend().is_ok()]
    };
    hand.advance(Duration::from_hours(1));
    assert_eq!(spend_twice(rate(0, 0)), [true, false]);
    assert_eq!(spend_twice(rate(u32::MAX, 0)), [true, true]);
    let (burst, period) = (u32::MAX, Duration::MAX);
    assert_eq!(spend_twice(Rate { burst, period }), [true, true]);
    assert_eq!(spend_twice(Rate { burst: 1, period }), [true, false]);
}

/// The plain way to say it: a bucket that holds up to `burst`, refilled one per `interval`.
struct Bucket {
    burst: u64,
    interval: u64,
    /// What is missing, in milliseconds of refilling.
    missing: u64,
}

impl Bucket {
    fn wait(&mut self, millis: u64) {
        self.missing = self.missing.saturating_sub(millis);
    }

    /// How many are left, or how long until one is there.
    fn spend(&mut self) -> Result<u64, u64> {
        let (full, after) = (self.burst * self.interval, self.missing + self.interval);
        if after > full {
            return Err(after - full);
        }
        self.missing = after;
        Ok((full - after) / self.interval)
    }
}

proptest! {
    #[test]
    fn a_rate_does_what_a_leaking_bucket_does(
        burst in 1..20_u32,
        interval in 1..500_u64,
        script in vec((0..3_u32, 0..1500_u64), 1..120),
    ) {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        let rate = rate(burst, interval * u64::from(burst));
        let keyed = Keyed::new(rate, 10, WhenFull::Forget, &clock);
        let bucket = || Bucket { burst: burst.into(), interval, missing: 0 };
        let mut buckets = [bucket(), bucket(), bucket()];
        for (key, pause) in script {
            // Half of the steps come at once, so that bursts are seen.
            let pause = pause.saturating_sub(750);
            hand.advance(MS * u32::try_from(pause).unwrap());
            for bucket in &mut buckets {
 bucket.wait(pause);
}
            let expected = buckets[key as usize].spend();
            let seen = keyed.spend(&key);
            let seen = seen.map(|allowance| u64::from(allowance.remaining));
            let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap();
            prop_assert_eq!(seen.map_err(|refused| millis(refused.retry_after)), expected);
        }
    }
}

#[test]
fn a_connection_slot_is_free_again_when_it_is_dropped() {
    let (limits, _hand) = limits();
    let first = limits.connect(v4(1)).unwrap();
    let second = limits.connect(v4(1)).unwrap();
    assert_eq!(limits.connect(v4(1)).unwrap_err(), TooMany::OfSource);
    drop(first);
    let third = limits.connect(v4(1)).unwrap();
    assert_eq!((limits.connections(), third.source()), (2, v4(1)));
    drop((second, third));
    assert_eq!((limits.connections(), limits.connections.listed()), (0, 0));
}

#[test]
fn connections_are_bounded_per_source_per_network_and_in_all() {
    let (limits, _hand) = limits();
    let take = |site, subnet| limits.connect(v6(site, subnet));
    let mut held: Vec<_> = (0..6).map(|subnet| take(1, subnet).unwrap()).collect();
    assert_eq!(take(1, 6).unwrap_err(), TooMany::OfNetwork);
    held.push(take(2, 1).unwrap());
    held.push(take(2, 2).unwrap());
    assert_eq!(take(3, 1).unwrap_err(), TooMany::InAll);
    held.pop();
    let last = take(3, 1).unwrap();
    assert_eq!(limits.connections(), 8);
    drop((held, last));
    assert_eq!((limits.connections(), limits.connections.listed()), (0, 0));
}

#[test]
fn sessions_have_counts_of_their_own_that_are_bounded_alike() {
    let (limits, _hand) = limits();
    let take = |site, subnet| limits.open_session(v6(site, subnet));
    let mut held: Vec<_> = (0..3).map(|_| take(1, 1).unwrap()).collect();
    assert_eq!(take(1, 1).unwrap_err(), TooMany::OfSource);
    held.extend([take(1, 2).unwrap(), take(2, 1).unwrap()]);
    assert_eq!(take(3, 1).unwrap_err(), TooMany::InAll);
    assert_eq!(limits.connections(), 0);
    assert!(limits.connect(v6(1, 1)).is_ok());
    limits.reload(&config::Limits {
        sessions: 6,
        sessions_per_source: 1,
        ..config()
    });
    assert_eq!(take(1, 2).unwrap_err(), TooMany::OfSource);
    held.push(take(3, 1).unwrap());
    drop(held);
    assert_eq!(limits.sessions.listed(), 0);
    let networks: Vec<_> = (0..3).map(|subnet| take(1, subnet).unwrap()).collect();
    assert_eq!(take(1, 3).unwrap_err(), TooMany::OfNetwork);
    drop(networks);
}

#[test]
fn slots_taken_and_dropped_by_many_threads_leave_nothing_behind() {
    let (limits, _hand) = limits();
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let limits = &limits;
            threads.spawn(move || {
                for round in 0..2000 {
                    let slot = limits.connect(v6(round % 3, thread));
                    assert!(limits.connections() <= 8);
                    drop(slot);
                }
            });
        }
    });
    assert_eq!((limits.connections(), limits.connections.listed()), (0, 0));
}
