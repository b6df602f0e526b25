//! What a running gateway cannot take.

use super::{Config, Lockout, Log, Tls};

impl Config {
    /// What differs in `next` and takes effect only when the gateway is started again, as the file names it: whole
    /// sections, and single keys of those that a running gateway takes otherwise.
    pub fn needs_restart(&self, next: &Self) -> Vec<&'static str> {
        // Named one by one, so that a new section cannot be forgotten here.
        let Self {
            gateway,
            listen,
            tls: Tls { hsts, .. },
            http,
            sockets,
            limits: _,
            lockout: Lockout { table_size, .. },
            accounts,
            domains,
            webhooks,
            smtp,
            log: Log { level: _, access },
        } = self;
        let kept = [
            ("gateway", *gateway != next.gateway),
            ("listen", *listen != next.listen),
            ("tls.hsts", *hsts != next.tls.hsts),
            ("http", *http != next.http),
            ("sockets", *sockets != next.sockets),
            ("lockout.table-size", *table_size != next.lockout.table_size),
            ("accounts", *accounts != next.accounts),
            ("domains", *domains != next.domains),
            ("webhooks", *webhooks != next.webhooks),
            ("smtp", *smtp != next.smtp),
            ("log.access", *access != next.log.access),
        ];
        let differing = kept.into_iter().filter(|(_, differs)| *differs);
        differing.map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::ids::GatewayDomain;

    fn config() -> Config {
        let domain = GatewayDomain::parse("gw.example.org").unwrap();
        let address = ([127, 0, 0, 1], 0).into();
        Config::development(Path::new("/nonexistent"), &domain, address).unwrap()
    }

    #[test]
    fn what_a_running_gateway_takes_needs_no_restart() {
        let (old, mut new) = (config(), config());
        assert!(old.needs_restart(&new).is_empty());
        new.tls.watch_interval += Duration::from_secs(1);
        new.tls.handshakes += 1;
        new.limits.connections += 1;
        new.limits.table_size += 1;
        new.lockout.window += Duration::from_secs(1);
        new.log.level = log::LevelFilter::Off;
        assert!(old.needs_restart(&new).is_empty());
    }

    #[test]
    fn what_it_cannot_take_is_named() {
        let (old, mut new) = (config(), config());
        new.gateway.origin = Some("https://elsewhere.example.org".into());
        new.listen.backlog += 1;
        new.tls.hsts += Duration::from_secs(1);
        new.http.body_limit += 1;
        new.sockets.max_payload += 1;
        new.lockout.table_size += 1;
        new.accounts.keys_per_account += 1;
        new.log.access = !new.log.access;
        let named = old.needs_restart(&new);
        assert_eq!(
            named,
            [
                "gateway",
                "listen",
                "tls.hsts",
                "http",
                "sockets",
                "lockout.table-size",
                "accounts",
                "log.access"
            ]
        );
    }
}
