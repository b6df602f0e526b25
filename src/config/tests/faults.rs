//! What is refused, and how it is told.

use super::*;

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_right_one() {
    let folder = Folder::new();
    assert_eq!(
        folder.refusal("[listen]\nhtps = ['[::]:443']", &[]),
        "FILE:9: unknown key `listen.htps`: did you mean `listen.https`?"
    );
    assert_eq!(
        folder.refusal("[limit]", &[]),
        "FILE:8: unknown section `limit`: did you mean `limits`?"
    );
    assert_eq!(
        folder
            .refusal("[accounts]\nlog-activation-codes = true", &[])
            .split(": ")
            .nth(1),
        Some("unknown key `accounts.log-activation-codes`")
    );
}

#[test]
fn every_fault_is_told_at_once() {
    let folder = Folder::new();
    let refusal = folder.refusal(
        "[http]\nbody-limit = 'lots'\nstreams = true\nheader-limit = 12\n[log]\nlevel = 'loud'",
        &[("MELDGATE_HTTP__BODY_TIMEOUT", "soon")],
    );
    let lines: Vec<&str> = refusal.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "5 faults in the configuration",
            "FILE:9: `http.body-limit` is \"lots\": it must be a number of bytes, or a size such as \"64 KiB\" or \"1 MiB\"",
            "MELDGATE_HTTP__BODY_TIMEOUT: `http.body-timeout` is \"soon\": it must be a time such as \"30s\", \"5m\" or \"1h 30m\"",
            "FILE:10: `http.streams` is true: it must be a whole number",
            "FILE:13: `log.level` is \"loud\": it must be \"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
            "FILE:11: `http.header-limit` is 12 B: it must be from 8 KiB to 1 MiB",
        ]
    );
}

#[test]
fn values_are_checked_beside_each_other() {
    let folder = Folder::new();
    for (text, told) in [
        (
            "[sockets]\nqueue-bytes = '512 KiB'",
            "`sockets.queue-bytes` must not be less",
        ),
        (
            "[sockets]\nping-timeout = '0s'",
            "`sockets.ping-timeout` is 0s: it must be from 1ms to 1day",
        ),
        (
            "[limits]\nconnections = 10",
            "`limits.connections-per-source` must not be more",
        ),
        (
            "[limits]\nsessions = 10",
            "`limits.sessions-per-source` must not be more",
        ),
        (
            "[lockout]\nfirst = '2d'",
            "`lockout.longest` must not be shorter",
        ),
        ("[listen]\nhttps = []", "`listen.https` is empty"),
        (
            "[listen]\nredirect = ['[::]:443']",
            "names an address twice",
        ),
        (
            "[http]\nrequest-timeout = '1s'",
            "`http.request-timeout` must not be shorter",
        ),
        ("[tls]\nhsts = '1000y'", "`tls.hsts` is"),
        (
            "[limits]\nmints-per-account = '1 per 2y'",
            "`limits.mints-per-account` must not",
        ),
        (
            "[sockets]\nlog-level = 'loud'",
            "`sockets.log-level` must be",
        ),
        (
            "[sockets]\nmax-operation-size = '2 MiB'",
            "`sockets.max-operation-size` is 2 MiB",
        ),
        (
            "[webhooks]\ntimeout = '31s'",
            "`webhooks.timeout` must not be longer than domains.lock-lease",
        ),
        (
            "[webhooks]\nretry-first = '2h'",
            "`webhooks.retry-longest` must not be shorter",
        ),
        (
            "[webhooks]\nallow-networks = ['10.0.0.1/8']",
            "`webhooks.allow-networks` is \"10.0.0.1/8\": it must be a network",
        ),
        (
            "[webhooks]\ngive-up-after = '0s'",
            "`webhooks.give-up-after` is 0s",
        ),
        ("[smtp]\nuser = 'x'", "`smtp.host` is missing"),
        ("[smtp]\nhost = 'mail'", "`smtp.from` is missing"),
        (
            "[smtp]\nhost = 'mail'\nfrom = 'nobody'",
            "`smtp.from` must be a mail address",
        ),
        (
            "[smtp]\nhost = 'mail'\nfrom = 'a@b'\nuser = 'u'",
            "`smtp.password-file` is missing",
        ),
    ] {
        let refusal = folder.refusal(text, &[]);
        assert!(refusal.contains(told), "{text}: {refusal}");
    }
}

#[test]
fn a_password_does_not_travel_in_clear_to_another_machine() {
    let folder = Folder::new();
    let plain = |host: &str| {
        format!(
            "[smtp]\nhost = '{host}'\nfrom = 'a@b'\nuser = 'u'\npassword-file = '{}'\nsecurity = 'plain'",
            folder.path("smtp")
        )
    };
    let refusal = folder.refusal(&plain("mail.example.org"), &[]);
    assert!(
        refusal.contains("`smtp.security` is \"plain\""),
        "{refusal}"
    );
    let smtp = folder.config(&plain("localhost"), &[]).smtp.unwrap();
    assert_eq!((smtp.port, smtp.security), (25, SmtpSecurity::Plain));
    assert_eq!(smtp.login.unwrap().1.expose(), "swordfish");
}

#[test]
fn a_domain_that_clones_refuse_is_told() {
    let folder = Folder::new();
    for (domain, notes) in [
        ("gw.example.org", 1),
        ("localhost", 2),
        ("gw.example.technology", 2),
    ] {
        let loaded = folder
            .load("", &[("MELDGATE_GATEWAY__DOMAIN", domain)])
            .unwrap();
        // One of them is that no mail is sent.
        assert_eq!(loaded.notes.len(), notes, "{domain}: {:?}", loaded.notes);
    }
}

#[test]
fn networks_that_webhooks_may_be_in_are_only_those_that_are_named() {
    let folder = Folder::new();
    assert_eq!(folder.config("", &[]).webhooks.allow_networks, []);
    let text = "[webhooks]\nallow-networks = ['10.1.0.0/16', 'fd00::/8']\ntimeout = '30s'";
    let named = ["10.1.0.0/16", "fd00::/8"].map(|raw| Network::parse(raw).unwrap());
    assert_eq!(folder.config(text, &[]).webhooks.allow_networks, named);
    let variable = ("MELDGATE_WEBHOOKS__ALLOW_NETWORKS", "10.1.0.0/16, fd00::/8");
    let config = folder.config("", &[variable]);
    assert_eq!(config.webhooks.allow_networks, named);
}
