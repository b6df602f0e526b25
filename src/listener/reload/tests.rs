use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Mutex;

use super::*;
use crate::ids::GatewayDomain;
use crate::listener::testing::{DAY, Folder, NOW, tls};

/// A reloader whose configuration is what the test says, or an error.
struct World {
    folder: Folder,
    served: Arc<Tls>,
    next: Arc<Mutex<Option<config::Tls>>>,
    applied: Arc<Mutex<usize>>,
    reloader: Reloader<Box<dyn FnMut() -> Result<Reread, ReadError> + Send>>,
}

impl World {
    fn new() -> Self {
        let folder = Folder::new();
        let config = tls(&[folder.good("a", &["a.org"])]);
        Self::with(folder, config, Clock::manual(NOW).0)
    }

    fn with(folder: Folder, config: config::Tls, clock: Clock) -> Self {
        fs::write(folder.path("config"), "one").unwrap();
        let certificates = certificates::load(&config, NOW).unwrap();
        let served = Arc::new(Tls::new(&config, &certificates).unwrap());
        let next = Arc::new(Mutex::new(Some(config.clone())));
        let applied = Arc::new(Mutex::new(0));
        let files = vec![folder.path("config")];
        let read = reading(&next, &applied, &files);
        let reloader = Reloader::new(
            Arc::clone(&served),
            certificates,
            config,
            files,
            (clock, Chance::seeded(2)),
            read,
        );
        Self {
            folder,
            served,
            next,
            applied,
            reloader,
        }
    }

    fn serving(&self) -> *const rustls::ServerConfig {
        Arc::as_ptr(&self.served.serving().config)
    }

    fn applied(&self) -> usize {
        *self.applied.lock().unwrap()
    }
}

fn reading(
    next: &Arc<Mutex<Option<config::Tls>>>,
    applied: &Arc<Mutex<usize>>,
    files: &[PathBuf],
) -> Box<dyn FnMut() -> Result<Reread, ReadError> + Send> {
    let (next, applied, files) = (Arc::clone(next), Arc::clone(applied), files.to_vec());
    Box::new(move || {
        let tls = next
            .lock()
            .unwrap()
            .clone()
            .ok_or("unknown key `listn`; did you mean `listen`?")?;
        let applied = Arc::clone(&applied);
        let apply = Box::new(move || *applied.lock().unwrap() += 1);
        Ok(Reread {
            tls,
            files: files.clone(),
            apply,
        })
    })
}

#[test]
fn nothing_happens_while_nothing_changes() {
    let mut world = World::new();
    let before = world.serving();
    assert!(matches!(world.reloader.look(), Looked::Unchanged));
    assert_eq!(world.serving(), before);
}

#[test]
fn a_touched_file_is_no_change() {
    let mut world = World::new();
    let path = world.folder.path("a.pem");
    let text = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, text).unwrap();
    assert!(matches!(world.reloader.look(), Looked::Unchanged));
}

#[test]
fn a_new_certificate_is_served_without_reading_the_configuration() {
    let mut world = World::new();
    let before = world.serving();
    world.folder.good("a", &["a.org"]);
    assert!(matches!(world.reloader.look(), Looked::Reloaded));
    assert_ne!(world.serving(), before);
    assert_eq!(world.applied(), 0);
}

#[test]
fn a_swapped_link_is_a_change() {
    let mut world = World::new();
    let [old, new] = ["old", "new"].map(|stem| world.folder.good(stem, &["a.org"]));
    let place = world.folder.files("linked");
    let point = |to: &config::CertificateFiles| {
        for (from, to) in [(&place.certificate, &to.certificate), (&place.key, &to.key)] {
            drop(fs::remove_file(from));
            symlink(to, from).unwrap();
        }
    };
    point(&old);
    *world.next.lock().unwrap() = Some(tls(std::slice::from_ref(&place)));
    assert!(matches!(world.reloader.reload(), Looked::Reloaded));
    assert!(matches!(world.reloader.look(), Looked::Unchanged));
    point(&new);
    assert!(matches!(world.reloader.look(), Looked::Reloaded));
}

#[test]
fn a_bad_certificate_keeps_the_old_one_and_is_tried_again() {
    let mut world = World::new();
    let before = world.serving();
    let good = fs::read(world.folder.path("a-key.pem")).unwrap();
    let other = world.folder.good("b", &["b.org"]);
    fs::copy(other.key, world.folder.path("a-key.pem")).unwrap();
    for _ in 0..2 {
        let looked = world.reloader.look();
        assert!(matches!(
            looked,
            Looked::Kept(ReloadError::Certificate(
                CertificateError::Mismatched { .. }
            ))
        ));
    }
    assert_eq!(world.serving(), before);
    fs::write(world.folder.path("a-key.pem"), good).unwrap();
    assert!(matches!(world.reloader.look(), Looked::Reloaded));
}

#[test]
fn an_expired_certificate_keeps_the_old_one() {
    let mut world = World::new();
    let before = world.serving();
    world.folder.certificate("a", &["a.org"], -2 * DAY, -DAY);
    let looked = world.reloader.look();
    assert!(matches!(
        looked,
        Looked::Kept(ReloadError::Certificate(CertificateError::Expired { .. }))
    ));
    assert_eq!(world.serving(), before);
}

#[test]
fn a_changed_configuration_is_applied_with_its_certificates() {
    let mut world = World::new();
    let both = [world.folder.files("a"), world.folder.good("b", &["b.org"])];
    *world.next.lock().unwrap() = Some(tls(&both));
    fs::write(world.folder.path("config"), "two").unwrap();
    assert!(matches!(world.reloader.look(), Looked::Reloaded));
    assert_eq!(world.applied(), 1);
    world.folder.good("b", &["b.org"]);
    assert!(
        matches!(world.reloader.look(), Looked::Reloaded),
        "the new files are watched"
    );
}

#[test]
fn a_configuration_with_a_bad_certificate_is_not_applied() {
    let mut world = World::new();
    let before = world.serving();
    *world.next.lock().unwrap() = Some(tls(&[world.folder.files("missing")]));
    assert!(matches!(
        world.reloader.reload(),
        Looked::Kept(ReloadError::Certificate(_))
    ));
    assert_eq!((world.applied(), world.serving()), (0, before));
}

#[test]
fn a_slip_in_the_configuration_does_not_hold_up_a_certificate() {
    let mut world = World::new();
    let before = world.serving();
    *world.next.lock().unwrap() = None;
    world.folder.good("a", &["a.org"]);
    let Looked::Kept(error) = world.reloader.reload() else {
        panic!("a bad configuration was taken");
    };
    assert!(with_causes(&error).contains("did you mean `listen`?"));
    assert_eq!(world.applied(), 0);
    assert_ne!(world.serving(), before);
}

/// A gateway with an authority of its own, some time of looking after it, one look a day, and how often it then had
/// something new in force.
fn days_with_own_authority(days: usize, look: impl Fn(&mut World) -> Looked) -> (World, usize) {
    let (clock, hand) = Clock::manual(NOW);
    let folder = Folder::new();
    let domain = GatewayDomain::parse("gw.example.org").unwrap();
    let chance = Chance::seeded(1);
    let made = development::ensure(&folder.path("tls"), &domain, &[], &clock, &chance).unwrap();
    let mut world = World::with(folder, tls(&[made.leaf]), clock.clone());
    let mut renewals = 0;
    for day in 0..days {
        hand.advance(REMINDER);
        let before = world.serving();
        if matches!(look(&mut world), Looked::Reloaded) {
            assert_ne!(world.serving(), before);
            renewals += 1;
        }
        let current = world.reloader.current.warnings(clock.now());
        assert!(current.is_empty(), "on day {day}: {current:?}");
    }
    (world, renewals)
}

#[test]
fn a_leaf_of_the_gateway_s_own_authority_never_ends_while_it_serves() {
    let looks: [fn(&mut World) -> Looked; 2] = [
        |world| world.reloader.look(),
        |world| world.reloader.attend_only(),
    ];
    for look in looks {
        let (world, renewals) = days_with_own_authority(1000, look);
        assert_eq!(renewals, 2);
        assert_eq!(world.applied(), 0);
    }
}

#[test]
fn a_leaf_that_ended_while_nobody_looked_is_renewed_before_it_is_read() {
    let (mut world, _) = days_with_own_authority(1, |world| world.reloader.look());
    let (late, hand) = Clock::manual(NOW);
    hand.advance(REMINDER * 500);
    world.reloader.clock = late;
    assert!(matches!(world.reloader.reload(), Looked::Reloaded));
}

#[tokio::test]
async fn a_hangup_before_the_first_poll_is_neither_deadly_nor_lost() {
    let world = World::new();
    let (applied, stop) = (
        Arc::clone(&world.applied),
        tokio::sync::watch::Sender::new(false),
    );
    let running = world.reloader.run(stop.subscribe()).unwrap();
    let this = std::process::id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-HUP", &this])
        .status();
    assert!(kill.unwrap().success());
    let applying = async {
        while *applied.lock().unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
    };
    let both = async { tokio::join!(running, applying).0 };
    let ended = tokio::time::timeout(Duration::from_secs(10), both).await;
    ended.unwrap().unwrap();
}
