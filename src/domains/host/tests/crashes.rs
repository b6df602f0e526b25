//! What is there when the daemon dies without a word.

use tokio::runtime::{Builder, Runtime};

use super::*;

/// A daemon that can die: its tasks with it, at whatever they wait for.
struct Mortal {
    runtime: Runtime,
    world: World,
}

impl Mortal {
    fn over(store: Store) -> Self {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let world = runtime.block_on(World::over(store, (clock, hand)));
        Self { runtime, world }
    }

    /// Lets the daemon live until something is done.
    fn does<T>(&self, what: impl AsyncFnOnce(&World, Host) -> T) -> T {
        self.runtime.block_on(async {
            let host = self.world.host().await;
            what(&self.world, host).await
        })
    }

    /// Nothing is closed; what was not committed is lost.
    fn dies(self) -> Self {
        let Self { runtime, world } = self;
        let store = world.store.clone();
        drop(world);
        drop(runtime);
        Self::over(store)
    }
}

#[test]
fn what_was_handed_out_and_not_acknowledged_is_handed_out_again_with_a_higher_count() {
    let mut mortal = Mortal::over(Store::memory(&Chance::seeded(1)));
    mortal.does(async |_, host| {
        host.write(bob(), locking(Some(subject("a"))))
            .await
            .unwrap();
    });
    for count in 2..5 {
        mortal = mortal.dies();
        mortal.does(async |_, host| {
            assert!(!host.is_locked().await.unwrap());
            assert_eq!(host.polled().await, counted(&[("a", count)]));
        });
    }
    mortal = mortal.dies();
    mortal.does(async |_, host| {
        host.polled().await;
        host.released().await;
    });
    mortal = mortal.dies();
    mortal.does(async |_, host| assert_eq!(host.polled().await, []));
}

#[test]
fn every_answered_write_is_there_and_ticks_go_on() {
    let mut mortal = Mortal::over(Store::memory(&Chance::seeded(1)));
    let mut last = 0;
    for round in 0..5 {
        mortal = mortal.dies();
        let tick = mortal.does(async |_, host| {
            // One that nobody waits for any more when the daemon dies.
            let unanswered = host.write(bob(), writing(Some(subject(&format!("lost{round}")))));
            let (answered, _) = tokio::join!(
                async { host.adds(&format!("n{round}")).await },
                tokio::time::timeout(Duration::ZERO, unanswered)
            );
            answered.tick
        });
        assert!(tick > last, "{tick} after {last}");
        last = tick;
    }
    mortal = mortal.dies();
    let found = mortal.does(async |_, host| {
        let past = host.past(0, 100).await.unwrap().unwrap();
        let updates = past
            .iter()
            .map(|followed| serde_json::from_str::<Value>(&followed.text).unwrap());
        let all = updates.map(|update| update["@insert"][0]["name"].as_str().unwrap().to_owned());
        all.collect::<Vec<_>>()
    });
    for round in 0..5 {
        let answered = format!("n{round}");
        let times = found.iter().filter(|name| **name == answered).count();
        assert_eq!(times, 1, "{answered} of {found:?}");
    }
}
