//! What a clone says once its transport is open: packets, events and their arguments. Whatever is wrong is the
//! sender's problem; a witness in the same domain must notice nothing.

use testkit::{Auth, Event, Poller, Socket, Writer};

use super::Party;

const DOMAIN: &str = "ckzz0abcdefgh0123456789ab.ACCOUNT.gw.local";
const MARK: &str = r#"{"_placeholder":true,"num":0}"#;

/// Texts that are no packet, or none that a client may send; each ends its sender's transport.
fn no_packets() -> Vec<String> {
    let many = format!("45{}-[\"operation\",{MARK}]", "9".repeat(30));
    let id = format!("42{}[\"present\",true]", "9".repeat(30));
    let deep = format!("42[\"present\",{}{}]", "[".repeat(3000), "]".repeat(3000));
    let mut texts: Vec<String> = [
        "",
        "9",
        "x",
        "é",
        "4",
        "49",
        "4x",
        "47",
        "45",
        "45-",
        "452-",
        "42",
        "42{",
        "42[",
        "42[]",
        "42{}",
        "42null",
        "42[null]",
        "42[1]",
        "42[{}]",
        "42[\"\"]",
        "42[\"present\"",
        "42[\"unknown\"]",
        "42[\"unknown\",true]",
        "42[\"connect\"]",
        "42[\"disconnect\"]",
        "42[\"presence\",[\"a\"]]",
        "42/other,[\"present\",true]",
        "41/other",
        "42[\"present\"]",
        "42[\"present\",null]",
        "42[\"present\",1]",
        "42[\"present\",\"true\"]",
        "42[\"present\",[true]]",
        "42[\"present\",true,true]",
        "42[\"operation\"]",
        "42[\"operation\",null]",
        "42[\"operation\",\"text\"]",
        "42[\"operation\",{\"_placeholder\":true,\"num\":0}]",
        "42[\"send\",{},{}]",
        "42[\"Operation\",{}]",
        "40",
        "40{}",
        "4\u{1e}4",
        "b",
        "bAAAA",
    ]
    .map(str::to_owned)
    .into();
    texts.extend([many, id, deep]);
    texts
}

/// Arguments of events that want an acknowledgement and come with one attachment; each is acknowledged by an
/// error.
fn bad_arguments(own: &str) -> Vec<String> {
    let long = "x".repeat(1025);
    let wide: Vec<_> = (0..20).map(|n| format!("\"p{n}\":\"x\",")).collect();
    let wide = wide.concat();
    let with = |params: &str| format!(r#"["send",{params},{MARK}]"#);
    let mut all = vec![
        r#"["send"]"#.to_owned(),
        format!(r#"["send",{MARK}]"#),
        format!(r#"["operation",{MARK},{MARK}]"#),
        format!(r#"["operation",null,{MARK}]"#),
        format!(r#"["unknown",{MARK}]"#),
        format!(r#"["present",true,{MARK}]"#),
        r#"["operation",{"_placeholder":true,"num":1}]"#.into(),
        r#"["operation",{"_placeholder":true,"num":-1}]"#.into(),
        r#"["operation",{"_placeholder":true,"num":1e99}]"#.into(),
        r#"["operation",{"_placeholder":false,"num":0}]"#.into(),
        r#"["operation",{"_placeholder":true}]"#.into(),
        format!(r#"["send",{{"toId":"{own}","fromId":"{own}"}},"text",{MARK}]"#),
    ];
    all.extend(
        [
            "null",
            "true",
            "1",
            "\"text\"",
            "[]",
            "{}",
            r#"{"toId":"witness"}"#,
            r#"{"toId":"witness","fromId":"witness"}"#,
            r#"{"toId":"witness","fromId":null}"#,
            r#"{"toId":"witness","fromId":1}"#,
            r#"{"toId":"witness","fromId":["OWN"]}"#,
            r#"{"toId":"witness","fromId":"OWN","fromId":"OWN"}"#,
            r#"{"fromId":"OWN"}"#,
            r#"{"toId":null,"fromId":"OWN"}"#,
            r#"{"toId":1,"fromId":"OWN"}"#,
            r#"{"toId":{"a":"b"},"fromId":"OWN"}"#,
            r#"{"toId":"witness","toId":"witness","fromId":"OWN"}"#,
            r#"{"toId":"witness","fromId":"OWN","messageId":1}"#,
            r#"{"toId":"witness","fromId":"OWN","messageId":{"a":[]}}"#,
        ]
        .map(|params| with(&params.replace("OWN", own))),
    );
    all.push(with(&format!(r#"{{"toId":"{long}","fromId":"{own}"}}"#)));
    all.push(with(&format!(
        r#"{{"{long}":"x","toId":"witness","fromId":"{own}"}}"#
    )));
    all.push(with(&format!(
        r#"{{{wide}"toId":"witness","fromId":"{own}"}}"#
    )));
    all
}

async fn join(party: &Party, id: &str) -> Socket {
    let domain = party.path(DOMAIN);
    Socket::join(party.gateway, id, &domain, &Auth::None)
        .await
        .unwrap()
}

/// Sees that the next operation that `witness` gets, after all that others said, is the one of a clone that is right.
async fn noticed_nothing(party: &Party, witness: &mut Socket) {
    let mut right = join(party, "right").await;
    let message = Writer::default().next(100);
    right.operation(&message).await;
    loop {
        match witness.next().await {
            Event::Event(arguments, None) if arguments[0] == "presence" => {}
            Event::Event(_, Some(bytes)) => {
                assert_eq!(bytes, message);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn what_is_no_packet_ends_its_sender_and_nobody_else() {
    let party = Party::new("packets").await;
    let mut witness = join(&party, "witness").await;
    for text in no_packets() {
        let mut sender = join(&party, "sender").await;
        sender.send_text(&text).await;
        // It may be waiting for an attachment that never comes; what comes next is not one.
        sender.send_text("42[\"unknown\"]").await;
        sender.ended().await;
    }
    for bytes in [vec![], vec![0xff; 100], vec![4; 1000]] {
        let mut sender = join(&party, "sender").await;
        sender.send_binary(bytes).await;
        sender.ended().await;
    }
    noticed_nothing(&party, &mut witness).await;
}

#[tokio::test]
async fn bad_arguments_are_acknowledged_as_such() {
    let party = Party::new("arguments").await;
    let mut witness = join(&party, "witness").await;
    let mut sender = join(&party, "sender").await;
    for (ack, arguments) in (1..).zip(bad_arguments("sender")) {
        sender.send_text(&format!("451-{ack}{arguments}")).await;
        sender.send_binary(b"payload".to_vec()).await;
        let answer = loop {
            match sender.next().await {
                Event::Event(arguments, None) if arguments[0] == "presence" => {}
                other => break other,
            }
        };
        let Event::Ack(id, reason) = answer else {
            panic!("{arguments:.200}: {answer:?}");
        };
        let known = ["Bad arguments", "Unknown event", "Forbidden"];
        assert_eq!(id, ack, "{arguments:.200}");
        assert!(
            known.iter().any(|known| reason[0] == *known),
            "{arguments:.200}: {reason}"
        );
    }
    noticed_nothing(&party, &mut witness).await;
}

#[tokio::test]
async fn without_an_acknowledgement_bad_arguments_end_their_sender() {
    let party = Party::new("silent").await;
    let mut witness = join(&party, "witness").await;
    for arguments in bad_arguments("sender") {
        let mut sender = join(&party, "sender").await;
        sender.send_text(&format!("451-{arguments}")).await;
        sender.send_binary(b"payload".to_vec()).await;
        sender.ended().await;
    }
    noticed_nothing(&party, &mut witness).await;
}

#[tokio::test]
async fn too_large_a_message_ends_its_sender() {
    let party = Party::new("large").await;
    let mut witness = join(&party, "witness").await;
    let mut sender = join(&party, "sender").await;
    sender.operation(&vec![0; 70_000]).await;
    sender.ended().await;
    let mut sender = join(&party, "sender").await;
    sender
        .send_text(&format!("42[\"present\",\"{}\"]", "x".repeat(70_000)))
        .await;
    sender.ended().await;
    noticed_nothing(&party, &mut witness).await;
}

#[tokio::test]
async fn a_polled_payload_is_packets_or_a_bad_request() {
    let party = Party::new("polls").await;
    let mut witness = join(&party, "witness").await;
    let domain = party.path(DOMAIN);
    let large = format!("42[\"present\",\"{}\"]", "x".repeat(200_000));
    for (what, payload, status) in [
        ("nothing", b"".as_slice(), 200),
        ("no packet", b"x", 400),
        ("no text", b"4\xff\xfe", 400),
        ("no base64", b"b!!!!", 400),
        ("half base64", b"bA", 400),
        ("separators", b"\x1e\x1e\x1e", 400),
        ("too much", large.as_bytes(), 413),
    ] {
        let poller = Poller::join(party.gateway, "poller", &domain, &Auth::None).await;
        let got = poller.unwrap().post(payload).await;
        assert_eq!(got, status, "{what}");
    }
    noticed_nothing(&party, &mut witness).await;
}
