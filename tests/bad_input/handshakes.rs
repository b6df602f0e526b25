//! How a socket is opened: the engine's part of the query, who wants to join what, and what is shown for it.

use testkit::{Auth, Event, Socket};

use super::{Party, status_of};

/// A UUID name.
const UUID: &str = "ckzz0abcdefgh0123456789ab";

#[tokio::test]
async fn a_transport_is_opened_as_the_protocol_says_or_refused() {
    let party = Party::new("transports").await;
    let long = format!("EIO=4&transport=polling&sid={}", "A".repeat(4000));
    let whole = format!("@id=a&@domain={UUID}.transports.gw.local");
    for query in [
        "",
        "?",
        "EIO=4",
        "transport=polling",
        "EIO=&transport=polling",
        "EIO=3&transport=polling",
        "EIO=5&transport=polling",
        "EIO=44&transport=polling",
        "EIO=-4&transport=polling",
        "EIO=four&transport=polling",
        "EIO=%34&transport=polling",
        "EIO=%FF&transport=polling",
        "EIO=4&EIO=4&transport=polling",
        "EIO=4&EIO=3&transport=polling",
        "EIO=4&transport=",
        "EIO=4&transport=Polling",
        "EIO=4&transport=flashsocket",
        "EIO=4&transport=webtransport",
        "EIO=4&transport=%FF",
        "EIO=4&transport=polling&transport=websocket",
        // A WebSocket without an upgrade.
        "EIO=4&transport=websocket",
        "EIO=4&transport=polling&sid=",
        "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA",
        "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA&sid=AAAAAAAAAAAAAAAA",
        "EIO=4&transport=polling&sid=../../../../etc",
        "EIO=4&transport=polling&sid=%FF%FE",
        "EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAA",
        &long,
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let path = format!("/socket.io/?{query}&{whole}");
            let reply = party.ask(method, &path, None, &[], b"").await;
            assert_eq!(reply.status, 400, "{method} {query}: {reply:?}");
        }
    }
    let opening = "/socket.io/?EIO=4&transport=polling";
    for method in ["POST", "PUT", "DELETE", "PATCH", "HEAD"] {
        let reply = party.ask(method, opening, None, &[], b"").await;
        assert_eq!(reply.status, 400, "{method}: {reply:?}");
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn an_upgrade_is_whole_or_refused() {
    let party = Party::new("upgrades").await;
    let target =
        format!("/socket.io/?EIO=4&transport=websocket&@id=a&@domain={UUID}.upgrades.gw.local");
    let (upgrade, version) = (
        "Connection: Upgrade\r\nUpgrade: websocket",
        "Sec-WebSocket-Version: 13",
    );
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    for (what, headers) in [
        ("no key", format!("{upgrade}\r\n{version}")),
        ("no version", format!("{upgrade}\r\n{key}")),
        (
            "two versions",
            format!("{upgrade}\r\n{key}\r\n{version}\r\n{version}"),
        ),
        (
            "a short key",
            format!("{upgrade}\r\nSec-WebSocket-Key: AAAA\r\n{version}"),
        ),
        (
            "two keys",
            format!("{upgrade}\r\n{key}\r\n{key}\r\n{version}"),
        ),
        (
            "another version",
            format!("{upgrade}\r\n{key}\r\nSec-WebSocket-Version: 8"),
        ),
        ("no upgrade", format!("{key}\r\n{version}")),
        (
            "another upgrade",
            format!("Connection: Upgrade\r\nUpgrade: h2c\r\n{key}\r\n{version}"),
        ),
        (
            "no connection",
            format!("Upgrade: websocket\r\n{key}\r\n{version}"),
        ),
        (
            "another connection",
            format!("Connection: close\r\nUpgrade: websocket\r\n{key}\r\n{version}"),
        ),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n");
        let status = status_of(party.gateway, request.as_bytes()).await;
        let due = if what == "another version" { 426 } else { 400 };
        assert_eq!(status, Some(due), "{what}");
    }
    let old = format!("GET {target} HTTP/1.0\r\n{upgrade}\r\n{key}\r\n{version}\r\n\r\n");
    assert_eq!(status_of(party.gateway, old.as_bytes()).await, Some(400));
    party.is_unharmed().await;
}

/// Opens a WebSocket with this query, shows `auth`, and gives the message of the refusal.
async fn refusal(party: &Party, query: &str, auth: &Auth) -> String {
    let query = format!("EIO=4&transport=websocket&{query}");
    let mut socket = Socket::open_with(party.gateway, &query).await;
    socket.connect(auth).await;
    match socket.next().await {
        Event::Refused(message) => message,
        other => panic!("{query} {auth:?}: {other:?}"),
    }
}

#[tokio::test]
async fn a_clone_says_who_it_is_and_what_it_joins_or_is_refused() {
    let party = Party::new("joins").await;
    let root = Auth::Key("root".into(), party.gateway.ready.root_key.clone());
    let right = format!("@domain={UUID}.joins.gw.local");
    let long = "x".repeat(256);
    for id in [
        "",
        "@id",
        "@id=",
        "id=a",
        "@ID=a",
        "@id=present",
        "@id=a/b",
        "@id=a%2Fb",
        "@id=%00",
        "@id=a%0Ab",
        "@id=a%7F",
        "@id=%FF",
        "@id=%C3",
        "@id=a&@id=a",
        "@id=a&%40id=b",
        &format!("@id={long}"),
    ] {
        let message = refusal(&party, &format!("{id}&{right}"), &root).await;
        assert_eq!(message, "Forbidden", "{id}");
    }
    let long = format!("{}.joins.gw.local", "x".repeat(64));
    let longer = format!("{}.gw.local", "x.".repeat(2000));
    for domain in [
        "",
        ".",
        "gw",
        "local",
        ".gw.local",
        "gw.local.",
        "joins.gw.local",
        "a.b.joins.gw.local",
        "evil-gw.local",
        "a.joins.evilgw.local",
        "a.joins.gw.local.evil.org",
        "a.joins.GW.LOCAL",
        "A.joins.gw.local",
        "a.Joins.gw.local",
        "..gw.local",
        "a..gw.local",
        ".joins.gw.local",
        "*.joins.gw.local",
        "a/b.joins.gw.local",
        "a.joins.gw.local/",
        "a.joins.gw.local:443",
        "https://a.joins.gw.local",
        "%FF.joins.gw.local",
        "%C3.joins.gw.local",
        "a%00.joins.gw.local",
        "a%20.joins.gw.local",
        "%C3%A9.joins.gw.local",
        &long,
        &longer,
    ] {
        let message = refusal(&party, &format!("@id=a&@domain={domain}"), &root).await;
        assert_eq!(message, "Bad gateway", "{domain}");
    }
    for query in [
        "@id=a".to_owned(),
        format!("@id=a&{right}&{right}"),
        format!("@id=a&{right}&%40domain=gw.local"),
    ] {
        assert_eq!(
            refusal(&party, &query, &root).await,
            "Bad gateway",
            "{query}"
        );
    }
    let named = refusal(&party, "@id=a&@domain=unmade.joins.gw.local", &root).await;
    assert_eq!(named, "NotFound");
    party.is_unharmed().await;
}

#[tokio::test]
async fn what_is_shown_is_a_credential_or_refused() {
    let party = Party::new("shown").await;
    let (user, key) = (&party.account, &party.key);
    let long = "x".repeat(20_000);
    let deep = "[".repeat(5000) + &"]".repeat(5000);
    let raw = [
        String::new(),
        "null".into(),
        "true".into(),
        "1".into(),
        r#""text""#.into(),
        "[]".into(),
        "{}".into(),
        "{".into(),
        format!(r#"["{user}","{key}",null]"#),
        format!(r#"{{"user":"{user}"}}"#),
        format!(r#"{{"key":"{key}"}}"#),
        format!(r#"{{"user":null,"key":"{key}"}}"#),
        format!(r#"{{"user":"{user}","key":null}}"#),
        format!(r#"{{"user":1,"key":"{key}"}}"#),
        format!(r#"{{"user":["{user}"],"key":"{key}"}}"#),
        format!(r#"{{"user":{{"a":{deep}}},"key":"{key}"}}"#),
        format!(r#"{{"user":"{user}","key":"{key}","jwt":"a.b.c"}}"#),
        format!(r#"{{"user":"{user}","user":"{user}","key":"{key}"}}"#),
        format!(r#"{{"user":"{user}","key":"{key}","key":"{key}"}}"#),
        format!(r#"{{"user":"{user}","key":"{long}"}}"#),
        format!(r#"{{"user":"{long}","key":"{key}"}}"#),
        format!(r#"{{"user":"{user}\u0000","key":"{key}"}}"#),
        format!(r#"{{"user":"{user}","key":"{key}\n"}}"#),
        format!(r#"{{"user":"{user}","key":"{key}b"}}"#),
        format!(r#"{{"user":"somebody","key":"{key}"}}"#),
        format!(r#"{{"user":"{}","key":"{key}"}}"#, user.to_uppercase()),
        r#"{"user":"","key":""}"#.into(),
        r#"{"jwt":null}"#.into(),
        r#"{"jwt":""}"#.into(),
        r#"{"jwt":1e400}"#.into(),
        r#"{"jwt":["a.b.c"]}"#.into(),
        r#"{"jwt":"a.b"}"#.into(),
        r#"{"jwt":"a.b.c"}"#.into(),
        r#"{"jwt":"a.b.c","jwt":"a.b.c"}"#.into(),
        r#"{"jwt":"e30.e30.AAAA"}"#.into(),
        format!(r#"{{"jwt":"{long}.b.c"}}"#),
        format!(r#"{{"jwt":"{key}"}}"#),
    ];
    for auth in raw {
        // Nobody joins a named subdomain without a credential.
        let message = refusal(
            &party,
            "@id=a&@domain=kept.shown.gw.local",
            &Auth::Raw(auth.clone()),
        )
        .await;
        assert_eq!(message, "Unauthorized", "{auth:.200}");
    }
    let own = Auth::Key(user.clone(), key.clone());
    let foreign = refusal(&party, "@id=a&@domain=kept.transports.gw.local", &own).await;
    assert_eq!(foreign, "Forbidden");
    let gateways = refusal(&party, "@id=a&@domain=gw.local", &own).await;
    assert_eq!(gateways, "Forbidden");
    let joined = Socket::join(party.gateway, "a", "kept.shown.gw.local", &own).await;
    assert!(joined.is_ok(), "{joined:?}");
    party.is_unharmed().await;
}
