//! What each value may be, alone and beside the others.
//!
//! Times are bounded above as well, because a moment that lies a thousand years ahead cannot be told.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::check::Checks;
use super::forms::bytes;
use super::layers::Key;
use super::{Accounts, Config, Domains, Http, Limits, Listen, Lockout, Sockets, Tls, Webhooks};

const KIB: usize = 1 << 10;
const GIB: usize = 1 << 30;
const MILLI: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const DECADE: Duration = Duration::from_hours(24 * 3650);
/// How long something may take: not nothing, and not so long that it is no limit.
const WAIT: RangeInclusive<Duration> = MILLI..=DAY;
/// How long something may be remembered or be good.
const LIFE: RangeInclusive<Duration> = Duration::from_secs(1)..=DECADE;
const COUNT: RangeInclusive<usize> = 1..=1 << 30;
const COUNT_32: RangeInclusive<u32> = 1..=1 << 30;
const SIZE: RangeInclusive<usize> = KIB..=GIB;

/// Checks every value.
pub(super) fn check(config: &Config, checks: &mut Checks<'_>) {
    listen(&config.listen, checks);
    tls(&config.tls, &mut Section("tls", checks));
    http(&config.http, &mut Section("http", checks));
    sockets(&config.sockets, &mut Section("sockets", checks));
    limits(&config.limits, &mut Section("limits", checks));
    lockout(&config.lockout, &mut Section("lockout", checks));
    accounts(&config.accounts, &mut Section("accounts", checks));
    domains(&config.domains, &mut Section("domains", checks));
    webhooks(
        &config.webhooks,
        &config.domains,
        &mut Section("webhooks", checks),
    );
    if let Some(smtp) = &config.smtp {
        let mut checks = Section("smtp", checks);
        checks.time("timeout", smtp.timeout, WAIT);
        checks.number("port", smtp.port, 1..=u16::MAX);
    }
}

struct Section<'a, 'b>(&'static str, &'a mut Checks<'b>);

impl Section<'_, '_> {
    fn require(&mut self, name: &'static str, right: bool, wrong: &str) {
        self.1.require(right, Key::new(self.0, name), wrong);
    }

    fn within<T: PartialOrd>(
        &mut self,
        name: &'static str,
        value: &T,
        range: &RangeInclusive<T>,
        shown: impl Fn(&T) -> String,
    ) {
        if !range.contains(value) {
            let (least, most) = (shown(range.start()), shown(range.end()));
            let wrong = format!("is {}: it must be from {least} to {most}", shown(value));
            self.1.wrong(Key::new(self.0, name), wrong);
        }
    }

    fn time(&mut self, name: &'static str, value: Duration, range: RangeInclusive<Duration>) {
        self.within(name, &value, &range, |time| {
            humantime::format_duration(*time).to_string()
        });
    }

    fn number<T: Copy + PartialOrd + Display>(
        &mut self,
        name: &'static str,
        value: T,
        range: RangeInclusive<T>,
    ) {
        self.within(name, &value, &range, T::to_string);
    }

    fn size(&mut self, name: &'static str, value: usize, range: RangeInclusive<usize>) {
        self.within(name, &value, &range, |size| bytes(*size));
    }
}

fn listen(listen: &Listen, checks: &mut Checks<'_>) {
    let mut section = Section("listen", checks);
    section.require(
        "https",
        !listen.https.is_empty(),
        "is empty: it must have at least one address, such as \"[::]:443\"",
    );
    section.number("backlog", listen.backlog, 1..=65_535);
    let all: Vec<_> = listen.https.iter().chain(&listen.redirect).collect();
    let twice = (1..all.len()).any(|at| {
        let (before, rest) = all.split_at(at);
        rest.first()
            .is_some_and(|address| address.port() != 0 && before.contains(address))
    });
    section.require("redirect", !twice, "or listen.https names an address twice");
}

fn tls(tls: &Tls, checks: &mut Section<'_, '_>) {
    checks.time("handshake-timeout", tls.handshake_timeout, WAIT);
    checks.number("handshakes", tls.handshakes, COUNT);
    checks.time("watch-interval", tls.watch_interval, Duration::ZERO..=DAY);
    checks.time("hsts", tls.hsts, Duration::ZERO..=DECADE);
}

fn http(http: &Http, checks: &mut Section<'_, '_>) {
    checks.time("header-timeout", http.header_timeout, WAIT);
    // The reader of HTTP/1.1 heads needs 8 KiB to work in.
    checks.size("header-limit", http.header_limit, 8 * KIB..=KIB * KIB);
    checks.time("body-timeout", http.body_timeout, WAIT);
    checks.size("body-limit", http.body_limit, SIZE);
    checks.time("idle-timeout", http.idle_timeout, WAIT);
    checks.time("request-timeout", http.request_timeout, WAIT);
    checks.time("stall-timeout", http.stall_timeout, WAIT);
    checks.number("streams", http.streams, 1..=10_000);
    checks.time("drain-timeout", http.drain_timeout, Duration::ZERO..=HOUR);
    checks.require(
        "request-timeout",
        http.request_timeout >= http.body_timeout,
        "must not be shorter than http.body-timeout, which is a part of it",
    );
}

fn sockets(sockets: &Sockets, checks: &mut Section<'_, '_>) {
    checks.time("ping-interval", sockets.ping_interval, WAIT);
    checks.time("ping-timeout", sockets.ping_timeout, WAIT);
    checks.time("connect-timeout", sockets.connect_timeout, WAIT);
    checks.size("max-payload", sockets.max_payload, SIZE);
    checks.size("max-inflated", sockets.max_inflated, SIZE);
    checks.number("queue-packets", sockets.queue_packets, COUNT);
    checks.size("queue-bytes", sockets.queue_bytes, SIZE);
    let presence = Duration::ZERO..=Duration::from_secs(10);
    checks.time("presence-delay", sockets.presence_delay, presence);
    checks.number("clones-per-domain", sockets.clones_per_domain, COUNT);
    checks.require(
        "queue-bytes",
        sockets.queue_bytes >= sockets.max_payload,
        "must not be less than sockets.max-payload: one message would fill it",
    );
    checks.require(
        "max-inflated",
        sockets.max_inflated >= sockets.max_payload,
        "must not be less than sockets.max-payload",
    );
    echoed(sockets, checks);
}

/// What clones are told in their configuration.
fn echoed(sockets: &Sockets, checks: &mut Section<'_, '_>) {
    const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "silent"];
    if let Some(timeout) = sockets.network_timeout {
        checks.time("network-timeout", timeout, WAIT);
    }
    if let Some(size) = sockets.max_operation_size {
        checks.size("max-operation-size", size, 1..=sockets.max_payload.max(1));
    }
    let level = sockets.log_level.as_deref();
    checks.require(
        "log-level",
        level.is_none_or(|level| LEVELS.contains(&level)),
        "must be \"trace\", \"debug\", \"info\", \"warn\", \"error\" or \"silent\"",
    );
}

fn limits(limits: &Limits, checks: &mut Section<'_, '_>) {
    checks.number("connections", limits.connections, COUNT);
    checks.number(
        "connections-per-source",
        limits.connections_per_source,
        COUNT,
    );
    checks.number("sessions", limits.sessions, COUNT);
    checks.number("sessions-per-source", limits.sessions_per_source, COUNT);
    checks.number("table-size", limits.table_size, COUNT);
    let networks = limits.sources_per_network;
    checks.number("sources-per-network", networks, 1..=1 << 16);
    checks.require(
        "connections-per-source",
        limits.connections_per_source <= limits.connections,
        "must not be more than limits.connections, which is for all sources together",
    );
    checks.require(
        "sessions-per-source",
        limits.sessions_per_source <= limits.sessions,
        "must not be more than limits.sessions, which is for all sources together",
    );
    for (name, rate) in [
        ("requests-per-source", limits.requests_per_source),
        ("requests-per-account", limits.requests_per_account),
        ("activations-per-source", limits.activations_per_source),
        ("activations-per-address", limits.activations_per_address),
        ("mints-per-account", limits.mints_per_account),
        ("connects-per-source", limits.connects_per_source),
        ("connects-per-account", limits.connects_per_account),
        ("messages-per-socket", limits.messages_per_socket),
        ("messages-per-account", limits.messages_per_account),
    ] {
        let right = rate.burst >= 1 && rate.period <= 365 * DAY;
        checks.require(name, right, "must not be refilled over more than 365 days");
    }
}

fn lockout(lockout: &Lockout, checks: &mut Section<'_, '_>) {
    checks.number("failures-per-source", lockout.failures_per_source, COUNT_32);
    checks.number(
        "failures-per-account",
        lockout.failures_per_account,
        COUNT_32,
    );
    let networks = lockout.sources_per_network;
    checks.number("sources-per-network", networks, 1..=1 << 16);
    checks.time("window", lockout.window, LIFE);
    checks.time("first", lockout.first, LIFE);
    checks.time("longest", lockout.longest, LIFE);
    checks.number("table-size", lockout.table_size, COUNT);
    checks.require(
        "longest",
        lockout.longest >= lockout.first,
        "must not be shorter than lockout.first",
    );
}

fn domains(domains: &Domains, checks: &mut Section<'_, '_>) {
    checks.number("open-clones", domains.open_clones, COUNT);
    checks.time("idle-timeout", domains.idle_timeout, LIFE);
    checks.time("lock-lease", domains.lock_lease, LIFE);
    checks.time("lock-wait", domains.lock_wait, LIFE);
    checks.number("query-work", domains.query_work, 1000..=usize::MAX);
}

fn webhooks(webhooks: &Webhooks, domains: &Domains, checks: &mut Section<'_, '_>) {
    checks.time("timeout", webhooks.timeout, WAIT);
    checks.time("retry-first", webhooks.retry_first, WAIT);
    checks.time("retry-longest", webhooks.retry_longest, WAIT);
    checks.time("give-up-after", webhooks.give_up_after, LIFE);
    checks.require(
        "retry-longest",
        webhooks.retry_longest >= webhooks.retry_first,
        "must not be shorter than webhooks.retry-first",
    );
    checks.require(
        "timeout",
        webhooks.timeout <= domains.lock_lease,
        "must not be longer than domains.lock-lease: a batch would end before its delivery",
    );
}

fn accounts(accounts: &Accounts, checks: &mut Section<'_, '_>) {
    checks.time("activation-lifetime", accounts.activation_lifetime, LIFE);
    // A code has a million values: more tries would make guessing worth while.
    checks.number("activation-attempts", accounts.activation_attempts, 1..=100);
    checks.number("concurrent-hashes", accounts.concurrent_hashes, 1..=1024);
    checks.number("verified-keys", accounts.verified_keys, COUNT);
    checks.time("verified-for", accounts.verified_for, LIFE);
    checks.time("jwt-lifetime", accounts.jwt_lifetime, LIFE);
    checks.time(
        "key-age-limit",
        accounts.key_age_limit,
        Duration::ZERO..=DECADE,
    );
    checks.time(
        "key-age-warning",
        accounts.key_age_warning,
        Duration::ZERO..=DECADE,
    );
    checks.number("keys-per-account", accounts.keys_per_account, COUNT);
    checks.number(
        "subdomains-per-account",
        accounts.subdomains_per_account,
        COUNT,
    );
}
