//! What holds when nothing says otherwise: careful in production, generous in development.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{
    Accounts, Domains, Http, Limits, Listen, Lockout, Log, Network, Rate, Sockets, Tls, Webhooks,
};
use crate::ids::{GatewayDomain, Name};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// How long a mail may take.
pub(super) const SMTP_TIMEOUT: Duration = secs(30);

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn mins(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

const fn rate(burst: u32, period: Duration) -> Rate {
    Rate { burst, period }
}

/// Everything that has a default.
#[derive(Debug)]
pub(super) struct Defaults {
    pub(super) domain: Option<GatewayDomain>,
    pub(super) state_dir: PathBuf,
    pub(super) root_key_file: PathBuf,
    pub(super) master_key_file: PathBuf,
    pub(super) listen: Listen,
    pub(super) tls: Tls,
    pub(super) http: Http,
    pub(super) sockets: Sockets,
    pub(super) limits: Limits,
    pub(super) lockout: Lockout,
    pub(super) accounts: Accounts,
    pub(super) domains: Domains,
    pub(super) webhooks: Webhooks,
    pub(super) log: Log,
}

impl Defaults {
    /// Of `meldgate serve`.
    pub(super) fn serve() -> Self {
        Self {
            domain: None,
            state_dir: "/var/lib/meldgate".into(),
            root_key_file: "/etc/meldgate/keys/root.key".into(),
            master_key_file: "/etc/meldgate/keys/master.key".into(),
            listen: listen(),
            tls: tls(),
            http: http(),
            sockets: sockets(),
            limits: limits(),
            lockout: lockout(),
            accounts: accounts(),
            domains: domains(),
            webhooks: webhooks(),
            log: Log {
                level: log::LevelFilter::Info,
                access: true,
            },
        }
    }

    /// Of `meldgate dev` with its data in `folder`.
    pub(super) fn development(folder: &Path) -> Self {
        let mut defaults = Self {
            domain: GatewayDomain::parse("gw.local").ok(),
            state_dir: folder.into(),
            root_key_file: folder.join("root.key"),
            master_key_file: folder.join("master.key"),
            limits: generous_limits(),
            lockout: gentle_lockout(),
            ..Self::serve()
        };
        defaults.listen.https = vec![([127, 0, 0, 1], 8443).into()];
        // A browser would remember it for the whole host, every other port of `localhost` included.
        defaults.tls.hsts = Duration::ZERO;
        defaults.http.drain_timeout = secs(2);
        defaults.webhooks.allow_networks = Network::this_machine();
        defaults.sockets.clones_per_domain = 10_000;
        defaults.accounts.log_activation_codes = true;
        defaults.accounts.keys_per_account = 10_000;
        defaults.accounts.subdomains_per_account = 100_000;
        defaults
    }
}

fn listen() -> Listen {
    Listen {
        // Both families: IPv4 arrives here as well.
        https: vec![([0; 8], 443).into()],
        redirect: vec![],
        backlog: 1024,
    }
}

fn tls() -> Tls {
    Tls {
        certificates: vec![],
        handshake_timeout: secs(10),
        handshakes: 256,
        watch_interval: secs(30),
        hsts: days(365),
    }
}

fn http() -> Http {
    Http {
        header_timeout: secs(10),
        header_limit: 16 * KIB,
        body_timeout: secs(30),
        body_limit: MIB,
        idle_timeout: secs(75),
        request_timeout: mins(2),
        stall_timeout: secs(30),
        streams: 100,
        drain_timeout: secs(20),
    }
}

fn sockets() -> Sockets {
    Sockets {
        ping_interval: secs(25),
        ping_timeout: secs(20),
        connect_timeout: secs(20),
        max_payload: MIB,
        max_inflated: 16 * MIB,
        queue_packets: 4096,
        queue_bytes: 8 * MIB,
        presence_delay: Duration::from_millis(50),
        clones_per_domain: 2000,
        network_timeout: None,
        max_operation_size: None,
        log_level: None,
    }
}

fn limits() -> Limits {
    Limits {
        connections: 10_000,
        connections_per_source: 500,
        sessions: 10_000,
        sessions_per_source: 500,
        // A long-polling clone makes a request for each batch of messages.
        requests_per_source: rate(600, secs(10)),
        requests_per_account: rate(600, secs(10)),
        activations_per_source: rate(10, mins(60)),
        activations_per_address: rate(5, mins(60)),
        mints_per_account: rate(20, mins(60)),
        connects_per_source: rate(120, mins(1)),
        connects_per_account: rate(600, mins(1)),
        messages_per_socket: rate(1000, secs(10)),
        messages_per_account: rate(10_000, secs(10)),
        sources_per_network: 16,
        table_size: 100_000,
    }
}

fn generous_limits() -> Limits {
    let plenty = rate(1_000_000, secs(1));
    Limits {
        connections: 20_000,
        connections_per_source: 20_000,
        sessions: 20_000,
        sessions_per_source: 20_000,
        requests_per_source: plenty,
        requests_per_account: plenty,
        activations_per_source: plenty,
        activations_per_address: plenty,
        mints_per_account: plenty,
        connects_per_source: plenty,
        connects_per_account: plenty,
        messages_per_socket: plenty,
        messages_per_account: plenty,
        sources_per_network: 1000,
        table_size: 100_000,
    }
}

fn lockout() -> Lockout {
    Lockout {
        failures_per_source: 20,
        sources_per_network: 16,
        failures_per_account: 20,
        window: mins(10),
        first: mins(1),
        longest: days(1),
        table_size: 100_000,
    }
}

fn gentle_lockout() -> Lockout {
    Lockout {
        failures_per_source: 1000,
        sources_per_network: 1000,
        failures_per_account: 1000,
        window: mins(1),
        first: secs(1),
        longest: secs(10),
        table_size: 100_000,
    }
}

fn accounts() -> Accounts {
    Accounts {
        activation_lifetime: mins(10),
        activation_attempts: 5,
        log_activation_codes: false,
        concurrent_hashes: 2,
        verified_keys: 10_000,
        verified_for: mins(10),
        jwt_lifetime: mins(10),
        key_age_limit: Duration::ZERO,
        key_age_warning: Duration::from_hours(14 * 24),
        keys_per_account: 100,
        subdomains_per_account: 1000,
        reserved: reserved(),
    }
}

fn domains() -> Domains {
    Domains {
        open_clones: 1000,
        idle_timeout: mins(5),
        lock_lease: secs(30),
        lock_wait: secs(10),
        query_work: 50_000_000,
    }
}

fn webhooks() -> Webhooks {
    Webhooks {
        allow_networks: vec![],
        ca_file: None,
        timeout: secs(10),
        retry_first: secs(5),
        retry_longest: mins(60),
        give_up_after: days(3),
    }
}

/// Names that would look like the gateway itself, and the mailboxes of RFC 2142.
fn reserved() -> Vec<Name> {
    const RESERVED: [&str; 15] = [
        "abuse",
        "admin",
        "administrator",
        "api",
        "gateway",
        "hostmaster",
        "m-ld",
        "meldgate",
        "noreply",
        "postmaster",
        "root",
        "security",
        "support",
        "webmaster",
        "www",
    ];
    RESERVED
        .iter()
        .filter_map(|name| Name::parse(name).ok())
        .collect()
}
