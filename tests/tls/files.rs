//! Certificates that change while connections live.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use meldgate::clock::{Chance, Clock, Timestamp};
use meldgate::listener::reload::{Looked, ReadError, Reloader, Reread};
use meldgate::listener::{Certificates, certificates};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::world::{AT_MOST, HOST, Plan, World, echoes, now};

type Read = Box<dyn FnMut() -> Result<Reread, ReadError> + Send>;

fn reloader(world: &World, watch_interval: Duration) -> Reloader<Read> {
    let config = meldgate::config::Tls {
        watch_interval,
        ..world.config.clone()
    };
    let tls = config.clone();
    let read: Read = Box::new(move || {
        Ok(Reread {
            tls: tls.clone(),
            files: Vec::new(),
            apply: Box::new(|| {}),
        })
    });
    Reloader::new(
        Arc::clone(&world.tls),
        loaded(world),
        config,
        Vec::new(),
        (Clock::system(), Chance::system()),
        read,
    )
}

fn loaded(world: &World) -> Certificates {
    certificates::load(&world.config, now()).unwrap()
}

#[tokio::test]
async fn what_cannot_be_served_is_not_and_live_connections_stay() {
    let world = World::echo(&Plan::default());
    let mut reloader = reloader(&world, Duration::ZERO);
    let mut live = world.connect(&Arc::new(world.client())).await.unwrap();
    let shown = world.leaf().await;
    let files = world.config.certificates[0].clone();
    let old = (
        fs::read(&files.certificate).unwrap(),
        fs::read(&files.key).unwrap(),
    );
    let two_years = Timestamp::from_millis(now().as_millis() - 2 * 365 * 86_400_000);

    let spoil: [(&str, &dyn Fn()); 4] = [
        ("mismatched", &|| {
            drop(fs::copy(
                world.folder.certificate("other.test", now()).leaf.key,
                &files.key,
            ));
        }),
        ("garbage", &|| {
            fs::write(&files.certificate, "garbage").unwrap();
        }),
        ("missing", &|| fs::remove_file(&files.certificate).unwrap()),
        ("expired", &|| {
            // Not by the authority beside it, which would renew it.
            let other = world.folder.certificate("old.test", two_years).leaf;
            fs::copy(other.certificate, &files.certificate).unwrap();
            fs::copy(other.key, &files.key).unwrap();
        }),
    ];
    for (how, spoil) in spoil {
        spoil();
        assert!(matches!(reloader.look(), Looked::Kept(_)), "{how}");
        assert_eq!(world.leaf().await, shown, "{how}");
        assert!(echoes(&mut live).await.unwrap(), "{how}");
        fs::write(&files.certificate, &old.0).unwrap();
        fs::write(&files.key, &old.1).unwrap();
        assert!(matches!(reloader.look(), Looked::Reloaded), "{how}");
    }

    world.folder.renew(HOST, now());
    assert!(matches!(reloader.look(), Looked::Reloaded));
    assert_ne!(world.leaf().await, shown);
    assert!(echoes(&mut live).await.unwrap());
}

#[tokio::test]
async fn a_changed_file_is_found_without_being_told() {
    let world = World::echo(&Plan::default());
    let (_stop, stopped) = watch::channel(false);
    let running = tokio::spawn(
        reloader(&world, Duration::from_millis(5))
            .run(stopped)
            .unwrap(),
    );
    let shown = world.leaf().await;
    world.folder.renew(HOST, now());
    let renewed = async { while world.leaf().await == shown {} };
    tokio::time::timeout(AT_MOST, renewed).await.unwrap();
    running.abort();
}

#[tokio::test]
async fn a_hangup_signal_reloads() {
    // Whatever the order of tasks is, the signal does not end this process.
    let _heard = signal(SignalKind::hangup()).unwrap();
    let world = World::echo(&Plan::default());
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(reloader(&world, Duration::ZERO).run(stopped).unwrap());
    let shown = world.leaf().await;
    world.folder.renew(HOST, now());
    let renewed = async {
        while world.leaf().await == shown {
            hang_up().await;
        }
    };
    tokio::time::timeout(AT_MOST, renewed).await.unwrap();
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
}

async fn hang_up() {
    let this = std::process::id().to_string();
    let kill = move || Command::new("kill").args(["-HUP", &this]).status();
    let status = tokio::task::spawn_blocking(kill).await.unwrap().unwrap();
    assert!(status.success());
}
