use super::locks::QUIET;
use super::*;
use crate::clock::{Chance, Hand, Timestamp};
use crate::store::{Batch, MasterKey, Tree};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const MS: Duration = Duration::from_millis(1);
const FIRST: Duration = Duration::from_mins(1);
const WINDOW: Duration = Duration::from_mins(8);
/// How long a failure counts that happened when a part of the window began.
const COUNTS: Duration = Duration::from_mins(9);

fn config() -> Lockout {
    Lockout {
        failures_per_source: 5,
        sources_per_network: 3,
        failures_per_account: 4,
        window: WINDOW,
        first: FIRST,
        longest: Duration::from_mins(10),
        table_size: 1000,
    }
}

/// Lockouts with a clock that is driven and a store that outlives them.
struct World {
    lockouts: Lockouts,
    store: Store,
    clock: Clock,
    hand: Hand,
}

impl World {
    async fn new(config: &Lockout) -> Self {
        Self::over(Store::memory(&Chance::seeded(1)), config).await
    }

    async fn over(store: Store, config: &Lockout) -> Self {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(1_800_000_000_000));
        let lockouts = Lockouts::open(store.clone(), config, &clock).await.unwrap();
        Self {
            lockouts,
            store,
            clock,
            hand,
        }
    }

    /// The same store and calendar, in a daemon that has just started.
    async fn restarted(self, config: &Lockout) -> Self {
        let (clock, hand) = Clock::manual(self.clock.now());
        let lockouts = Lockouts::open(self.store.clone(), config, &clock).await;
        Self {
            lockouts: lockouts.unwrap(),
            store: self.store,
            clock,
            hand,
        }
    }

    /// Brings a key that was verified.
    async fn key(&self, source: Source, account: &str, right: bool) -> Result<(), Denied> {
        let account = name(account);
        let outcome = right.then_some(());
        self.lockouts.proof(source, Some(&account), outcome).await
    }

    async fn fail(&self, source: Source, times: u32) {
        for _ in 0..times {
            self.lockouts.failed(source, None).await;
        }
    }

    /// Locks a source out, and waits until it may guess again. Says how long that was.
    async fn lock_and_wait(&self, source: Source) -> Duration {
        self.fail(source, 5).await;
        let wait = self.lockouts.check_source(source).unwrap_err().retry_after;
        self.hand.advance(wait);
        assert!(self.lockouts.check_source(source).is_ok());
        wait
    }

    fn records(&self) -> usize {
        self.store.scan(Tree::Lockouts).unwrap().len()
    }
}

fn v4(number: u32) -> Source {
    Source::of(IpAddr::V4(Ipv4Addr::from_bits(0xC633_0000 + number)))
}

/// The source number `subnet` of the /48 number `site`.
fn v6(site: u16, subnet: u16) -> Source {
    let address = Ipv6Addr::new(0x2001, 0xdb8, site, subnet, 0, 0, 0, 1);
    Source::of(IpAddr::V6(address))
}

fn name(raw: &str) -> Name {
    Name::parse(raw).unwrap()
}

#[tokio::test]
async fn a_source_is_locked_out_by_the_last_failure_of_its_limit_and_not_before() {
    let world = World::new(&config()).await;
    world.fail(v4(1), 4).await;
    assert!(world.lockouts.check_source(v4(1)).is_ok());
    world.fail(v4(1), 1).await;
    let refused = world.lockouts.check_source(v4(1)).unwrap_err();
    assert_eq!((refused.retry_after, refused.limit), (FIRST, 5));
    assert_eq!((refused.remaining, refused.window), (0, WINDOW));
    assert!(world.lockouts.check_source(v4(2)).is_ok(), "another source");
    world.hand.advance(FIRST.saturating_sub(MS));
    let refused = world.lockouts.check_source(v4(1)).unwrap_err();
    assert_eq!(refused.retry_after, MS);
    world.hand.advance(MS);
    assert!(world.lockouts.check_source(v4(1)).is_ok());
}

#[tokio::test]
async fn an_account_is_locked_for_guesses_from_everywhere() {
    let world = World::new(&config()).await;
    for source in 1..=4 {
        let guess = world.lockouts.guess(v4(source), Some(&name("acme")));
        let verdict = guess.unwrap().verdict(None::<()>).await;
        assert_eq!(verdict, Err(Denied::Wrong));
    }
    let refused = world.lockouts.check_account(&name("acme")).unwrap_err();
    assert_eq!((refused.retry_after, refused.limit), (FIRST, 4));
    let elsewhere = world.lockouts.guess(v4(9), Some(&name("acme")));
    assert_eq!(elsewhere.unwrap_err().retry_after, FIRST);
    assert!(world.lockouts.check_account(&name("acme2")).is_ok());
    assert!(world.lockouts.check_source(v4(1)).is_ok());
}

#[tokio::test]
async fn failures_count_for_the_window_and_at_most_an_eighth_longer() {
    let world = World::new(&config()).await;
    world.fail(v4(1), 4).await;
    world.hand.advance(COUNTS.saturating_sub(MS));
    assert!(world.lockouts.check_source(v4(1)).is_ok());
    world.fail(v4(1), 1).await;
    assert!(world.lockouts.check_source(v4(1)).is_err(), "still counted");
    world.fail(v4(2), 4).await;
    world.hand.advance(COUNTS);
    world.fail(v4(2), 1).await;
    assert!(world.lockouts.check_source(v4(2)).is_ok(), "forgotten");
}

#[tokio::test]
async fn each_further_lock_holds_twice_as_long_up_to_the_longest() {
    let world = World::new(&config()).await;
    for minutes in [1, 2, 4, 8, 10, 10] {
        let held = world.lock_and_wait(v4(1)).await;
        assert_eq!(held, Duration::from_mins(minutes));
        world.lockouts.sweep().await;
        world.lockouts.locks().check_invariants();
    }
}

#[tokio::test]
async fn after_a_quiet_day_the_next_lock_is_the_first_again() {
    for swept in [false, true] {
        let world = World::new(&config()).await;
        world.lock_and_wait(v4(1)).await;
        world.hand.advance(QUIET.saturating_sub(MS));
        assert_eq!(world.lock_and_wait(v4(1)).await, FIRST * 2, "not quiet yet");
        world.hand.advance(QUIET);
        if swept {
            world.lockouts.sweep().await;
            assert_eq!(world.lockouts.locks().held(), 0);
        }
        assert_eq!(world.lock_and_wait(v4(1)).await, FIRST);
        world.lockouts.locks().check_invariants();
    }
}

#[tokio::test]
async fn a_lock_survives_a_restart_and_so_does_what_it_does_to_the_next_one() {
    let world = World::new(&config()).await;
    world.fail(v4(1), 5).await;
    for source in [2, 3, 4, 5] {
        world.lockouts.failed(v4(source), Some(&name("acme"))).await;
    }
    world.hand.advance(FIRST / 4);
    let world = world.restarted(&config()).await;
    let rest = FIRST * 3 / 4;
    let source = world.lockouts.check_source(v4(1)).unwrap_err();
    let account = world.lockouts.check_account(&name("acme")).unwrap_err();
    assert_eq!((source.retry_after, account.retry_after), (rest, rest));
    world.hand.advance(rest);
    assert!(world.lockouts.check_source(v4(1)).is_ok());
    let world = world.restarted(&config()).await;
    assert_eq!(world.lock_and_wait(v4(1)).await, FIRST * 2);
    world.lockouts.locks().check_invariants();
}

#[tokio::test]
async fn a_lock_survives_the_restart_of_a_store_on_disk() {
    let folder = std::env::temp_dir().join(format!("meldgate-lockouts-{}", std::process::id()));
    let chance = Chance::system();
    let key = MasterKey::parse(&[7; 32]).unwrap();
    let open = || Store::open(&folder, &key, &chance).unwrap();
    let world = World::over(open(), &config()).await;
    world.fail(v6(1, 1), 5).await;
    world.store.close();
    drop(world);
    let world = World::over(open(), &config()).await;
    let refused = world.lockouts.check_source(v6(1, 1)).unwrap_err();
    assert_eq!(refused.retry_after, FIRST);
    world.store.close();
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_lock_that_is_over_for_a_day_leaves_the_store() {
    let world = World::new(&config()).await;
    world.fail(v4(1), 5).await;
    world.fail(v4(2), 5).await;
    world.hand.advance(FIRST + QUIET);
    assert_eq!(world.records(), 2);
    world.lockouts.sweep().await;
    assert_eq!(world.records(), 0, "swept");
    world.fail(v4(1), 5).await;
    world.hand.advance(FIRST + QUIET);
    let world = world.restarted(&config()).await;
    assert_eq!(world.records(), 0, "found at the start");
}

#[tokio::test]
async fn what_cannot_be_read_in_the_store_is_dropped_and_the_rest_is_kept() {
    let world = World::new(&config()).await;
    world.fail(v4(1), 5).await;
    let bad = Batch::new()
        .put(Tree::Lockouts, "source of trouble", "{}")
        .put(Tree::Lockouts, "account acme", "not json")
        .put(Tree::Lockouts, [0xff_u8, 0x20], "");
    world.store.commit(bad).await.unwrap();
    let world = world.restarted(&config()).await;
    assert_eq!(world.records(), 1);
    assert!(world.lockouts.check_source(v4(1)).is_err());
}

#[tokio::test]
async fn no_lock_from_the_store_holds_longer_than_the_longest() {
    let store = Store::memory(&Chance::seeded(1));
    let (since, until) = (Timestamp::default(), Timestamp::from_millis(u64::MAX));
    let level = u32::MAX;
    let record = subject::Record {
        since,
        until,
        level,
    };
    let batch = Batch::new().put(Tree::Lockouts, "account acme", record.to_bytes());
    store.commit(batch).await.unwrap();
    let world = World::over(store, &config()).await;
    let refused = world.lockouts.check_account(&name("acme")).unwrap_err();
    assert_eq!(refused.retry_after, config().longest);
    world.hand.advance(config().longest);
    world.lockouts.sweep().await;
    assert!(world.lockouts.check_account(&name("acme")).is_ok());
}

#[tokio::test]
async fn ten_thousand_wrong_guesses_from_two_hundred_sources_do_not_affect_a_right_key() {
    let world = World::new(&config()).await;
    let owner = name("acme");
    let mut guessed = 0;
    for attempt in 0..10_000_u32 {
        let source = v4(attempt % 200);
        // Keys and codes in turn.
        if attempt % 400 < 200 {
            let verdict = world.lockouts.proof(source, Some(&owner), None::<()>).await;
            assert!(verdict.is_err());
        } else if let Ok(guess) = world.lockouts.guess(source, Some(&owner)) {
            guessed += 1;
            assert!(guess.verdict(None::<()>).await.is_err());
        }
        world.hand.advance(MS);
    }
    assert!(guessed <= 4, "{guessed} guesses were allowed");
    assert!(world.lockouts.check_account(&owner).is_err());
    for source in [v4(7), v4(5000), v6(1, 1)] {
        let verdict = world
            .lockouts
            .proof(source, Some(&owner), Some("key"))
            .await;
        assert_eq!(verdict, Ok("key"));
    }
}

#[tokio::test]
async fn a_wrong_key_of_a_locked_source_is_told_so_and_counts_for_nobody() {
    let world = World::new(&config()).await;
    world.fail(v4(1), 5).await;
    for _ in 0..100 {
        let verdict = world.key(v4(1), "acme", false);
        let Err(Denied::Locked(refused)) = verdict.await else {
            panic!("it was not told to be locked");
        };
        assert_eq!(refused.retry_after, FIRST, "the lock grew");
    }
    assert!(world.lockouts.check_account(&name("acme")).is_ok());
    assert_eq!(world.lockouts.remembered(), 0);
}

#[tokio::test]
async fn a_success_buys_no_fresh_budget() {
    let world = World::new(&config()).await;
    for _ in 0..4 {
        let verdict = world.key(v4(1), "victim", false);
        assert_eq!(verdict.await, Err(Denied::Wrong));
        let own = world.key(v4(1), "own", true);
        assert_eq!(own.await, Ok(()));
    }
    world.fail(v4(1), 1).await;
    assert!(world.lockouts.check_source(v4(1)).is_err());
}

#[tokio::test]
async fn a_48_that_rotates_its_64s_is_caught() {
    let world = World::new(&config()).await;
    for subnet in 0..15 {
        assert!(
            world.lockouts.guess(v6(1, subnet), None).is_ok(),
            "{subnet}"
        );
        // The guess was dropped, so it was counted.
    }
    let refused = world.lockouts.guess(v6(1, 999), None).unwrap_err();
    assert_eq!((refused.retry_after, refused.limit), (FIRST, 15));
    assert!(world.lockouts.guess(v6(2, 0), None).is_ok(), "another /48");
    let right = world.key(v6(1, 1000), "acme", true);
    assert_eq!(right.await, Ok(()));
    for host in 0..100 {
        world.fail(v4(host), 1).await;
    }
    assert!(
        world.lockouts.check_source(v4(100)).is_ok(),
        "a /24 is no subject"
    );
}

#[tokio::test]
async fn many_guesses_at_once_are_no_more_than_many_in_turn() {
    let world = World::new(&config()).await;
    let guess = || world.lockouts.guess(v4(1), None);
    let mut under_way: Vec<_> = (0..5).map(|_| guess().unwrap()).collect();
    assert!(guess().is_err());
    let right = under_way.pop().unwrap().verdict(Some("code")).await;
    assert_eq!(right, Ok("code"));
    under_way.push(guess().unwrap());
    under_way.pop().unwrap().withdraw();
    under_way.push(guess().unwrap());
    for guess in under_way {
        assert!(world.lockouts.check_source(v4(1)).is_err());
        assert_eq!(guess.verdict(None::<()>).await, Err(Denied::Wrong));
    }
    let refused = world.lockouts.check_source(v4(1)).unwrap_err();
    assert_eq!(refused.retry_after, FIRST);
    assert_eq!(world.lockouts.remembered(), 0);
}

#[tokio::test]
async fn guesses_of_many_threads_are_no_more_than_the_limit() {
    let world = World::new(&config()).await;
    let guess = |thread: u32| {
        let guess = world.lockouts.guess(v4(thread), Some(&name("acme")));
        usize::from(guess.is_ok())
    };
    let allowed: usize = std::thread::scope(|threads| {
        let run = |thread| threads.spawn(move || (0..500).map(|_| guess(thread)).sum::<usize>());
        let running: Vec<_> = (0..8).map(run).collect();
        running.into_iter().map(|run| run.join().unwrap()).sum()
    });
    assert_eq!(allowed, 4);
    assert_eq!(world.lockouts.locked(), 1);
}

#[tokio::test]
async fn right_and_withdrawn_guesses_leave_nothing_behind() {
    let world = World::new(&config()).await;
    for _ in 0..100 {
        let guess = world.lockouts.guess(v6(1, 1), Some(&name("acme"))).unwrap();
        assert_eq!(guess.verdict(Some(())).await, Ok(()));
        let guess = world.lockouts.guess(v6(1, 1), Some(&name("acme"))).unwrap();
        guess.withdraw();
    }
    assert_eq!(world.lockouts.remembered(), 0);
}

#[tokio::test]
async fn a_guess_that_is_dropped_counts_and_its_lock_is_saved_by_the_next_sweep() {
    let world = World::new(&config()).await;
    for _ in 0..5 {
        drop(world.lockouts.guess(v4(1), None).unwrap());
    }
    assert!(world.lockouts.guess(v4(1), None).is_err());
    assert_eq!((world.lockouts.locked(), world.records()), (1, 0));
    world.lockouts.sweep().await;
    assert_eq!(world.records(), 1);
}

#[tokio::test]
async fn a_refused_guess_takes_nothing_from_those_that_would_have_been_allowed() {
    let world = World::new(&config()).await;
    for source in 1..=4 {
        world.lockouts.failed(v4(source), Some(&name("acme"))).await;
    }
    for _ in 0..100 {
        assert!(world.lockouts.guess(v4(9), Some(&name("acme"))).is_err());
    }
    assert!(world.lockouts.check_source(v4(9)).is_ok());
    assert_eq!(world.lockouts.remembered(), 4);
}

#[tokio::test]
async fn a_full_table_is_closed_to_guesses_of_strangers_and_open_to_proofs() {
    let amounts = Lockout {
        table_size: 10,
        ..config()
    };
    let world = World::new(&amounts).await;
    for source in 0..10 {
        world.fail(v4(source), 1).await;
    }
    let refused = world.lockouts.guess(v4(10), None).unwrap_err();
    assert_eq!(refused.retry_after, COUNTS, "until the first is forgotten");
    assert!(
        world.lockouts.guess(v4(9), None).is_ok(),
        "who is listed goes on"
    );
    world.fail(v4(10), 100).await;
    let right = world.key(v4(10), "acme", true);
    assert_eq!(right.await, Ok(()));
    world.hand.advance(COUNTS);
    assert!(world.lockouts.guess(v4(10), None).is_ok());
}

#[tokio::test]
async fn a_full_list_of_locks_leaves_the_failures_in_force() {
    let amounts = Lockout {
        table_size: 2,
        ..config()
    };
    let world = World::new(&amounts).await;
    for source in 0..3 {
        world.fail(v4(source), 5).await;
    }
    assert_eq!(world.lockouts.locked(), 2);
    let refused = world.lockouts.check_source(v4(2)).unwrap_err();
    assert_eq!(refused.retry_after, COUNTS);
    world.hand.advance(FIRST);
    world.fail(v4(2), 1).await;
    let refused = world.lockouts.check_source(v4(2)).unwrap_err();
    assert_eq!(refused.retry_after, FIRST, "a lock that was over made room");
    world.lockouts.locks().check_invariants();
    assert_eq!(world.records(), 2);
}

#[tokio::test]
async fn memory_is_bounded_whatever_the_number_of_sources_and_names() {
    let world = World::new(&config()).await;
    for number in 0..20_000 {
        let account = name(&format!("n{number}"));
        world.lockouts.failed(v4(number), Some(&account)).await;
    }
    assert!(world.lockouts.remembered() <= 2000);
}

#[tokio::test]
async fn the_log_gets_a_bounded_number_of_lines_and_the_count_of_the_others() {
    let world = World::new(&config()).await;
    for source in 0..200 {
        world.fail(v4(source), 50).await;
        assert!(world.lockouts.check_source(v4(source)).is_err());
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let untold = u64::from(200 - LINES.burst);
    assert_eq!(count(&world.lockouts.untold), untold, "one line for a lock");
    assert_eq!(count(&world.lockouts.refused), 200);
    world.lockouts.sweep().await;
    assert_eq!(count(&world.lockouts.untold), 0, "the summary told it");
}

#[tokio::test]
async fn a_store_that_takes_nothing_leaves_the_locks_in_force() {
    let world = World::new(&config()).await;
    world.store.close();
    world.fail(v4(1), 5).await;
    assert!(world.lockouts.check_source(v4(1)).is_err());
    world.lockouts.sweep().await;
    assert!(world.lockouts.check_source(v4(1)).is_err());
}

#[tokio::test]
async fn a_reload_takes_effect_at_once() {
    let world = World::new(&config()).await;
    world.fail(v4(1), 2).await;
    world.lockouts.reload(&Lockout {
        failures_per_source: 2,
        first: FIRST * 3,
        ..config()
    });
    assert!(
        world.lockouts.check_source(v4(1)).is_err(),
        "two are too many"
    );
    world.fail(v4(1), 1).await;
    let refused = world.lockouts.check_source(v4(1)).unwrap_err();
    assert_eq!(refused.retry_after, FIRST * 3);
    world.fail(v4(2), 1).await;
    world.lockouts.reload(&Lockout {
        window: WINDOW * 2,
        ..config()
    });
    assert_eq!(
        world.lockouts.remembered(),
        0,
        "another window, fresh counts"
    );
    assert!(world.lockouts.check_source(v4(1)).is_err(), "locks stay");
}

#[tokio::test]
async fn amounts_at_the_ends_of_their_types_do_no_harm() {
    for (amount, time) in [(0, Duration::ZERO), (u32::MAX, Duration::MAX)] {
        let world = World::new(&Lockout {
            failures_per_source: amount.min(3),
            sources_per_network: amount,
            failures_per_account: amount.min(3),
            window: time,
            first: time,
            longest: time,
            table_size: 0,
        })
        .await;
        for _ in 0..5 {
            world.lockouts.failed(v6(1, 1), Some(&name("acme"))).await;
            world.hand.advance(Duration::from_hours(24));
            world.lockouts.sweep().await;
        }
        assert_eq!(world.lockouts.check_source(v6(1, 1)).is_ok(), amount == 0);
    }
}
