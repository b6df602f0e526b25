//! A room of accounts for tests: nothing on disk, time by hand, chance from a seed.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::hasher::Cost;
use super::{Accounts, AccountsError, Credential, MintKeys, Principal, Proof, UserKey};
use crate::clock::{Chance, Clock, Hand, Timestamp};
use crate::config::{self, Config, Rate};
use crate::ids::{GatewayDomain, Name};
use crate::limits::{Limits, Lockouts, Source};
use crate::notify::{Notice, Notifier};
use crate::secret::{AccountKey, KeySecret};
use crate::store::Store;

/// A gateway's accounts and what stands around them.
pub(crate) struct World {
    pub(crate) accounts: Accounts,
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) notifier: Notifier,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    pub(crate) hand: Hand,
}

/// Accounts over a store that others use too.
pub(crate) async fn accounts_over(store: &Store, (clock, chance): (&Clock, &Chance)) -> Accounts {
    let config = config();
    let rooms = (
        Arc::new(Limits::new(&config.limits, clock)),
        Arc::new(
            Lockouts::open(store.clone(), &config.lockout, clock)
                .await
                .unwrap(),
        ),
        Notifier::recording(),
    );
    let opened =
        Accounts::open_at_cost(Cost::LEAST, store.clone(), &config, rooms, (clock, chance));
    opened.await.unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(config()).await.unwrap()
    }

    pub(crate) async fn with(config: Config) -> Result<Self, AccountsError> {
        let chance = Chance::seeded(1);
        Self::over(Store::memory(&chance), config, chance).await
    }

    /// The same store, opened again.
    pub(crate) async fn reopened(self, config: Config) -> Result<Self, AccountsError> {
        Self::over(self.store, config, Chance::seeded(2)).await
    }

    async fn over(store: Store, config: Config, chance: Chance) -> Result<Self, AccountsError> {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(1_800_000_000_000));
        let notifier = Notifier::recording();
        let rooms = (
            Arc::new(Limits::new(&config.limits, &clock)),
            Arc::new(Lockouts::open(store.clone(), &config.lockout, &clock).await?),
            notifier.clone(),
        );
        let accounts = Accounts::open_at_cost(
            Cost::LEAST,
            store.clone(),
            &config,
            rooms,
            (&clock, &chance),
        )
        .await?;
        Ok(Self {
            accounts,
            config,
            store,
            notifier,
            clock,
            chance,
            hand,
        })
    }

    /// Mints a key by root.
    pub(crate) async fn key(&self, account: &str) -> AccountKey {
        let permit = self
            .accounts
            .permit::<MintKeys>(&Principal::Root, &name(account))
            .unwrap();
        self.accounts.mint_key(&permit, false).await.unwrap().key
    }

    /// Changes an account by root.
    pub(crate) async fn patch(&self, account: &str, patch: serde_json::Value) {
        let permit = self
            .accounts
            .manage(&Principal::Root, &name(account))
            .unwrap();
        let patch = super::Patch::parse(&patch).unwrap();
        self.accounts.patch(&permit, &patch).await.unwrap();
    }

    /// The code that was mailed last, and to whom.
    pub(crate) fn mailed(&self) -> Option<(String, String)> {
        let (to, notice) = self.notifier.recorded().pop()?;
        let Notice::Activation { code, .. } = notice;
        Some((to.to_string(), code.expose().to_owned()))
    }
}

pub(crate) fn name(raw: &str) -> Name {
    Name::parse(raw).unwrap()
}

pub(crate) fn source() -> Source {
    Source::of([192, 0, 2, 1].into())
}

pub(crate) fn presented(account: &str, key: &AccountKey) -> Credential {
    Credential::Key {
        account: account.to_owned(),
        key: key.clone(),
    }
}

/// The principal that `key` proves.
pub(crate) fn owner(account: &str, key: &AccountKey) -> Principal {
    Principal::Account {
        name: name(account),
        key: key.id.clone(),
        proof: Proof::Secret,
        user: None,
    }
}

pub(crate) fn root_key() -> AccountKey {
    AccountKey::mint(&name("root"), &Chance::seeded(42)).unwrap()
}

/// The root pair of all tests: making one takes long.
pub(crate) fn root_pair() -> &'static UserKey {
    static PAIR: OnceLock<UserKey> = OnceLock::new();
    PAIR.get_or_init(|| UserKey::generate(&root_key().secret, &Chance::seeded(7)).unwrap())
}

pub(crate) fn config() -> Config {
    let hourly = |burst| Rate {
        burst,
        period: Duration::from_hours(1),
    };
    let domain = GatewayDomain::parse("gw.example.org").unwrap();
    let folder = std::path::Path::new("/nonexistent");
    let mut config = Config::development(folder, &domain, ([127, 0, 0, 1], 0).into()).unwrap();
    config.gateway.root_key = Some(root_key());
    config.gateway.root_pair = Some(config::RootPair {
        public: root_pair().public.to_base64(),
        private: KeySecret::new(root_pair().private.to_base64()),
    });
    config.sockets.network_timeout = Some(Duration::from_secs(5));
    config.sockets.max_operation_size = Some(65536);
    config.sockets.log_level = None;
    config.limits.activations_per_source = hourly(100);
    config.limits.activations_per_address = hourly(3);
    config.limits.mints_per_account = hourly(3);
    config.limits.connects_per_account = hourly(50);
    config.lockout.failures_per_source = 10;
    config.lockout.failures_per_account = 20;
    config.lockout.window = Duration::from_mins(15);
    config.lockout.first = Duration::from_mins(15);
    config.accounts = config::Accounts {
        activation_lifetime: Duration::from_mins(10),
        activation_attempts: 5,
        log_activation_codes: false,
        concurrent_hashes: 2,
        verified_keys: 100,
        verified_for: Duration::from_mins(10),
        jwt_lifetime: Duration::from_mins(10),
        key_age_limit: Duration::ZERO,
        key_age_warning: Duration::from_hours(24),
        keys_per_account: 4,
        subdomains_per_account: 3,
        reserved: vec![name("admin")],
    };
    config
}
