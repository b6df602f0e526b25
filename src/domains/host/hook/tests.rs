use super::*;
use crate::ids::Name;

const MINUTE: Duration = Duration::from_mins(1);
const GIVE_UP: Duration = Duration::from_hours(72);

fn terms() -> config::Webhooks {
    config::Webhooks {
        allow_networks: vec![],
        ca_file: None,
        timeout: Duration::from_secs(10),
        retry_first: MINUTE,
        retry_longest: 8 * MINUTE,
        give_up_after: GIVE_UP,
    }
}

/// A hook, its time, and what it was noted to be.
struct Scene {
    hook: Hook,
    chance: Chance,
    passed: Duration,
}

impl Scene {
    fn new() -> Self {
        let name = |text| Name::parse(text).unwrap();
        let domain = DomainId::Subdomain {
            account: name("ada"),
            name: name("notes"),
        };
        let hook = Hook {
            domain,
            name: "notes.ada.gw.example.org".to_owned(),
            terms: terms(),
            active: None,
            lock: None,
            delivery: None,
            pending: false,
            try_at: Duration::ZERO,
        };
        Self {
            hook,
            chance: Chance::seeded(1),
            passed: Duration::ZERO,
        }
    }

    fn subscribed() -> Self {
        let mut scene = Self::new();
        scene.subscribe("https://a.example/hook");
        scene
    }

    fn subscribe(&mut self, url: &str) -> Subscribed {
        let owner = Owner::Account(Name::parse("ada").unwrap());
        let who = (&owner, HookUrl::parse(url).unwrap());
        let when = (self.today(), &self.chance);
        self.hook.subscribe(who, when).unwrap().0
    }

    fn today(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).after(self.passed)
    }

    fn wants(&mut self) -> bool {
        self.hook.wants(true, self.passed)
    }

    /// Hands out updates of these ticks under a lock.
    fn pack(&mut self, lock: u64, ticks: &[u64]) -> Parcel {
        assert!(self.wants());
        let waiting = ticks.iter().map(|&tick| Waiting {
            tick,
            update: json!({"@ticks": tick, "@emitCount": 1}),
        });
        let time = (9, self.today());
        self.hook.pack(lock, time, waiting.collect()).unwrap()
    }

    fn fails(&mut self, error: &WebhookError) -> Option<u64> {
        let time = (self.passed, self.today());
        let failed = self.hook.undelivered(error, time, &self.chance).unwrap();
        failed.map(|(lock, notes)| {
            assert!(!notes.is_empty());
            lock
        })
    }

    /// How long until the next batch may go.
    fn waits(&self) -> Duration {
        let at = self.hook.wake_at().unwrap();
        at.checked_sub(self.passed).unwrap()
    }

    fn state(&self) -> SubscriptionState {
        self.hook.shown().unwrap().state
    }

    /// Closes the hook and opens it again on what was noted.
    fn restart(&mut self) {
        let record = &self.hook.active.as_ref().unwrap().record;
        let noted = serde_json::to_vec(record).unwrap();
        self.hook.active = Active::read(serde_json::from_slice(&noted).unwrap());
        self.hook.end();
        self.hook.try_at = Duration::ZERO;
    }
}

const REFUSED: WebhookError = WebhookError::Refused { status: 500 };

#[test]
fn nobody_is_told_where_nobody_subscribed() {
    let mut scene = Scene::new();
    assert!(!scene.wants());
    assert_eq!(scene.hook.wake_at(), None);
    assert_eq!((scene.hook.is_busy(), scene.hook.shown()), (false, None));
    assert!(scene.hook.unsubscribe().is_none());
}

#[test]
fn one_batch_is_out_at_a_time_until_it_is_acknowledged() {
    let mut scene = Scene::subscribed();
    assert!(!scene.hook.wants(false, scene.passed) && !scene.hook.is_busy());
    let parcel = scene.pack(7, &[3, 5]);
    let id = scene.hook.shown().unwrap().id;
    assert_eq!(parcel.id, format!("{id}_3_5"));
    let body: serde_json::Value = serde_json::from_slice(&parcel.body).unwrap();
    assert_eq!(
        body,
        json!({
            "type": "m-ld.updates",
            "timestamp": "2023-11-14T22:13:20.000Z",
            "data": {
                "@domain": "notes.ada.gw.example.org",
                "@ticks": 9,
                "updates": [{"@ticks": 3, "@emitCount": 1}, {"@ticks": 5, "@emitCount": 1}],
            },
        })
    );
    assert!(!scene.wants() && scene.hook.is_busy());
    assert_eq!((scene.hook.lock(), scene.hook.wake_at()), (Some(7), None));
    // Nothing had failed, so nothing is noted.
    assert!(scene.hook.acknowledged().unwrap().is_empty());
    assert!(scene.wants());
}

#[tokio::test]
async fn the_next_batch_waits_for_the_end_of_the_delivery_though_the_last_is_acknowledged() {
    let mut scene = Scene::subscribed();
    scene.pack(1, &[1]);
    scene.hook.delivery = Some(tokio::spawn(std::future::ready(Err(REFUSED))));
    scene.hook.acknowledged().unwrap();
    assert!(!scene.wants() && scene.hook.is_busy());
    let outcome = scene.hook.delivered().await;
    // It was acknowledged: that its answer says otherwise changes nothing.
    assert_eq!(scene.fails(&outcome.unwrap_err()), None);
    assert_eq!(scene.state(), SubscriptionState::Active);
    assert!(scene.wants());
}

#[test]
fn each_failure_waits_twice_as_long_within_its_bounds() {
    let mut scene = Scene::subscribed();
    for full in [1, 2, 4, 8, 8, 8].map(|minutes| minutes * MINUTE) {
        scene.pack(1, &[1]);
        assert_eq!(scene.fails(&REFUSED), Some(1));
        assert!(!scene.wants());
        let wait = scene.waits();
        assert!((full / 2..=full).contains(&wait), "{wait:?} of {full:?}");
        scene.passed += wait.checked_sub(Duration::from_millis(1)).unwrap();
        assert!(!scene.wants());
        scene.passed += Duration::from_millis(1);
    }
    scene.pack(1, &[1]);
    assert!(!scene.hook.acknowledged().unwrap().is_empty());
    assert_eq!(scene.state(), SubscriptionState::Active);
    scene.pack(2, &[2]);
    scene.fails(&REFUSED);
    assert!(scene.waits() <= MINUTE);
}

#[test]
fn waits_differ_from_one_to_another() {
    let chance = Chance::seeded(3);
    let waits: std::collections::BTreeSet<_> =
        (0..20).map(|_| wait(&terms(), 1, &chance)).collect();
    assert!(waits.len() > 15, "{waits:?}");
    // However many there were, nothing overflows.
    assert!(wait(&terms(), u32::MAX, &chance) <= 8 * MINUTE);
}

#[test]
fn a_batch_that_is_not_acknowledged_is_a_failure_though_it_was_accepted() {
    let mut scene = Scene::subscribed();
    scene.pack(1, &[1]);
    let time = (scene.passed, scene.today());
    let notes = scene.hook.unacknowledged(time, &scene.chance).unwrap();
    assert!(!notes.is_empty() && scene.hook.lock().is_none() && !scene.wants());
    let SubscriptionState::Failing {
        deliveries,
        because,
        ..
    } = scene.state()
    else {
        panic!("{:?}", scene.state());
    };
    assert_eq!(deliveries, 1);
    assert_eq!(because, "the batch was not acknowledged in time");
}

#[test]
fn a_subscription_that_failed_for_too_long_is_disabled_over_a_restart_too() {
    let mut scene = Scene::subscribed();
    scene.pack(1, &[1]);
    scene.fails(&REFUSED);
    scene.passed += GIVE_UP.checked_sub(Duration::from_millis(1)).unwrap();
    scene.restart();
    scene.pack(1, &[1]);
    scene.fails(&REFUSED);
    assert!(scene.hook.is_active());
    scene.passed += MINUTE;
    scene.restart();
    scene.pack(1, &[1]);
    scene.fails(&REFUSED);
    assert!(!scene.hook.is_active() && !scene.wants() && !scene.hook.is_busy());
    let because = REFUSED.to_string();
    let since = scene.today().to_rfc3339();
    assert_eq!(
        scene.state(),
        SubscriptionState::Disabled { since, because }
    );
    scene.restart();
    assert!(!scene.wants());
    scene.subscribe("https://a.example/again");
    assert!(scene.wants());
}

#[test]
fn whoever_wants_no_more_is_sent_no_more() {
    let mut scene = Scene::subscribed();
    scene.pack(1, &[1]);
    assert_eq!(scene.fails(&WebhookError::Gone), Some(1));
    assert!(!scene.hook.is_active());
}

#[test]
fn another_subscription_takes_the_place_of_the_first_with_a_secret_of_its_own() {
    let mut scene = Scene::new();
    let first = scene.subscribe("https://a.example/");
    scene.pack(1, &[1]);
    let second = scene.subscribe("https://b.example/");
    assert_eq!(scene.hook.lock(), None);
    assert_ne!(first.secret.expose(), second.secret.expose());
    assert_ne!(first.subscription.id, second.subscription.id);
    assert!(second.secret.expose().starts_with("whsec_"));
    assert_eq!(scene.pack(2, &[1]).url.host(), "b.example");
    assert!(scene.hook.unsubscribe().is_some());
    assert_eq!((scene.hook.shown(), scene.hook.lock()), (None, None));
}

#[test]
fn the_secret_is_not_in_what_is_shown() {
    let mut scene = Scene::new();
    let subscribed = scene.subscribe("https://a.example/");
    let shown = json!(scene.hook.shown()).to_string()
        + &format!("{subscribed:?} {:?}", scene.pack(1, &[1]));
    let secret = subscribed.secret.expose();
    assert!(!shown.contains(secret), "{shown}");
    assert!(!format!("{:?}", scene.hook).contains(&secret[6..]));
}
