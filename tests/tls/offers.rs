//! What is offered, and what is not.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use meldgate::listener::Alpn;
use rustls::crypto::aws_lc_rs::{cipher_suite as suite, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, NamedGroup, ProtocolVersion, SupportedCipherSuite};
use tokio::sync::mpsc;

use super::world::{HOST, Plan, World, echoes, now};

fn only(
    suites: &[SupportedCipherSuite],
    groups: &[&'static dyn SupportedKxGroup],
) -> CryptoProvider {
    CryptoProvider {
        cipher_suites: suites.to_vec(),
        kx_groups: groups.to_vec(),
        ..default_provider()
    }
}

#[tokio::test]
async fn a_modern_client_gets_tls_1_3_and_the_hybrid_group() {
    let world = World::echo(&Plan::default());
    let mut stream = world.connect(&Arc::new(world.client())).await.unwrap();
    let session = stream.get_ref().1;
    assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let group = session.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
    assert!(echoes(&mut stream).await.unwrap());
}

#[tokio::test]
async fn every_suite_with_every_classical_group_is_spoken() {
    let world = World::echo(&Plan::default());
    let groups = [kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    for (version, suites) in [
        (
            &TLS13,
            [
                suite::TLS13_AES_128_GCM_SHA256,
                suite::TLS13_AES_256_GCM_SHA384,
                suite::TLS13_CHACHA20_POLY1305_SHA256,
            ],
        ),
        (
            &TLS12,
            [
                suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            ],
        ),
    ] {
        for (suite, group) in suites
            .iter()
            .flat_map(|&suite| groups.map(|group| (suite, group)))
        {
            let client = world.client_with(only(&[suite], &[group]), &[version]);
            let stream = world.connect(&Arc::new(client)).await.unwrap();
            let chosen = stream.get_ref().1.negotiated_cipher_suite().unwrap();
            assert_eq!(chosen.suite(), suite.suite(), "{group:?}");
        }
    }
}

/// Whether `openssl s_client` finishes a handshake.
async fn openssl_connects(world: &World, arguments: &'static [&'static str]) -> bool {
    let address = world.address.to_string();
    let run = move || {
        let mut client = Command::new("openssl")
            .args(["s_client", "-connect", &address, "-servername", HOST])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the openssl command line tool is installed");
        // Whoever refuses may be gone before it is told to leave.
        drop(client.stdin.take().unwrap().write_all(b"Q\n"));
        let output = client.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("CONNECTED"), "openssl did not try: {told}");
        !text.contains("Cipher is (NONE)") && text.contains("Cipher is ")
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn old_versions_and_weak_suites_are_refused() {
    let world = World::echo(&Plan::default());
    for accepted in [
        &["-tls1_3"][..],
        &["-tls1_2"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
    ] {
        assert!(openssl_connects(&world, accepted).await, "{accepted:?}");
    }
    for refused in [
        &["-tls1", "-cipher", "ALL:@SECLEVEL=0"][..],
        &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-CCM"],
        &["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
        &["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"],
        &["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"],
        &["-tls1_3", "-groups", "X448"],
    ] {
        assert!(!openssl_connects(&world, refused).await, "{refused:?}");
    }
}

#[tokio::test]
async fn the_protocol_is_agreed_on_and_told() {
    let (told, mut tellings) = mpsc::unbounded_channel();
    let world = World::serve(&Plan::default(), move |connection| {
        told.send(connection.alpn).unwrap();
        std::future::ready(())
    });
    for (offer, expected) in [
        (&[&b"h2"[..], b"http/1.1"][..], Alpn::Http2),
        (&[b"http/1.1", b"h2"], Alpn::Http2),
        (&[b"http/1.1"], Alpn::Http1),
        (&[], Alpn::Http1),
    ] {
        let mut client = world.client();
        client.alpn_protocols = offer.iter().map(|name| name.to_vec()).collect();
        world.connect(&Arc::new(client)).await.unwrap();
        assert_eq!(tellings.recv().await, Some(expected), "{offer:?}");
    }
    let mut client = world.client();
    client.alpn_protocols = vec![b"ftp".to_vec()];
    assert!(world.connect(&Arc::new(client)).await.is_err());
}

#[tokio::test]
async fn each_host_shows_its_own_certificate() {
    let world = World::echo(&Plan {
        hosts: &[HOST, "other.test"],
        ..Plan::default()
    });
    let client = Arc::new(world.client());
    // The client checks the name, so that a connection is the proof.
    for host in [
        HOST,
        "sub.gw.test",
        "other.test",
        "sub.other.test",
        "localhost",
    ] {
        assert!(world.connect_to(&client, host).await.is_ok(), "{host}");
    }
    assert!(world.connect_to(&client, "elsewhere.test").await.is_err());
}

#[tokio::test]
async fn sessions_are_resumed_in_both_versions() {
    let world = World::echo(&Plan::default());
    for version in [&TLS13, &TLS12] {
        let client = Arc::new(world.client_with(default_provider(), &[version]));
        assert_eq!(kind(&world, &client).await, HandshakeKind::Full);
        assert_eq!(
            kind(&world, &client).await,
            HandshakeKind::Resumed,
            "{version:?}"
        );
        assert_eq!(
            kind(&world, &client).await,
            HandshakeKind::Resumed,
            "a resumed session brings a ticket"
        );
    }
}

#[tokio::test]
async fn a_session_survives_a_reload_but_not_a_new_key() {
    let world = World::echo(&Plan::default());
    let client = Arc::new(world.client());
    let reload = || {
        let loaded = meldgate::listener::certificates::load(&world.config, now()).unwrap();
        world.tls.replace(&world.config, &loaded).unwrap();
    };
    assert_eq!(kind(&world, &client).await, HandshakeKind::Full);
    reload();
    assert_eq!(kind(&world, &client).await, HandshakeKind::Resumed);
    world.folder.renew(HOST, now());
    reload();
    assert_eq!(kind(&world, &client).await, HandshakeKind::Full);
}

/// How a new connection of this client came about; its tickets have arrived when this returns.
async fn kind(world: &World, client: &Arc<rustls::ClientConfig>) -> HandshakeKind {
    let mut stream = world.connect(client).await.unwrap();
    assert!(echoes(&mut stream).await.unwrap());
    stream.get_ref().1.handshake_kind().unwrap()
}
