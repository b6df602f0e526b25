#![expect(clippy::indexing_slicing, reason = "test code")]

use super::*;

fn limits() -> Limits {
    Limits::default()
}

fn clock() -> TreeClock {
    TreeClock::genesis().ticked().unwrap()
}

fn requests() -> [Request; 2] {
    [
        Request::Snapshot { new_clock: true },
        Request::Revup { time: clock() },
    ]
}

fn responses() -> [Response; 4] {
    let gwc = GlobalClock::genesis();
    [
        Response::Snapshot {
            clock: Some(clock()),
            gwc: gwc.clone(),
            agreed: TreeClock::genesis(),
            data_address: "data".to_owned(),
            updates_address: "updates".to_owned(),
        },
        Response::Revup {
            gwc: Some(gwc),
            updates_address: "updates".to_owned(),
        },
        Response::Revup {
            gwc: None,
            updates_address: "me".to_owned(),
        },
        Response::Rejected { status: 5004 },
    ]
}

#[test]
fn what_is_asked_and_answered_comes_back_with_its_attribution() {
    let attribution = Some(Attribution {
        principal: "http://d.example.org/#me",
        signature: &[1, 2, 3],
    });
    for request in requests() {
        let enc = request.encode();
        let payload = wrap(&enc, attribution);
        let signed = Request::decode(&payload, &limits()).unwrap();
        assert_eq!((signed.body, signed.enc), (request, enc.as_slice()));
        assert_eq!(signed.attribution, attribution);
        assert!(Response::decode(&payload, &limits()).is_err());
    }
    for response in responses() {
        let payload = wrap(&response.encode(), None);
        let signed = Response::decode(&payload, &limits()).unwrap();
        assert_eq!((signed.body, signed.attribution), (response, None));
        assert!(Request::decode(&payload, &limits()).is_err());
    }
}

#[test]
fn a_snapshot_without_a_clock_has_something_in_its_place() {
    let [mut response, ..] = responses();
    if let Response::Snapshot { clock, .. } = &mut response {
        *clock = None;
    }
    let payload = wrap(&response.encode(), None);
    let Response::Snapshot { clock, .. } = Response::decode(&payload, &limits()).unwrap().body
    else {
        panic!("not a snapshot");
    };
    assert!(clock.is_some_and(|clock| !clock.has_id()));
}

#[test]
fn an_undefined_clock_is_none() {
    let mut enc = Vec::new();
    let mut out = Writer::new(&mut enc);
    out.map(6);
    write_kind(&mut out, RESPONSE_SNAPSHOT, "clock");
    out.undefined();
    out.str("gwc");
    GlobalClock::genesis().write(&mut out);
    out.str("agreed");
    TreeClock::genesis().write(&mut out);
    out.str("dataAddress");
    out.str("d");
    out.str("updatesAddress");
    out.str("u");
    let payload = wrap(&enc, None);
    let response = Response::decode(&payload, &limits()).unwrap().body;
    assert!(matches!(response, Response::Snapshot { clock: None, .. }));
}

#[test]
fn an_acknowledgement_is_a_null_and_nothing_else() {
    assert!(is_ack(&ACK));
    assert!(!is_ack(&[]));
    assert!(!is_ack(&[0xc0, 0xc0]));
    assert!(Response::decode(&ACK, &limits()).is_err());
}

#[test]
fn notifications_come_back() {
    for notification in [
        Notification::Next(&[1, 2, 3]),
        Notification::Complete,
        Notification::Error {
            status: 5000,
            message: "broken".to_owned(),
        },
    ] {
        let payload = notification.encode();
        assert_eq!(Notification::decode(&payload, &limits()), Ok(notification));
    }
}

#[test]
fn a_notification_is_of_one_kind() {
    for payload in [
        &[0x80][..],
        b"\x82\xa4next\xc4\x00\xa8complete\xc3",
        b"\x81\xa8complete\xc2",
        b"\x81\xa4next\xa0",
        b"\x81\xa4next\xc4\x00\x00",
        b"\xc0",
    ] {
        assert!(
            Notification::decode(payload, &limits()).is_err(),
            "{payload:?}"
        );
    }
    let bare = b"\x82\xa5error\x80\xa4next\xc0";
    assert!(matches!(
        Notification::decode(bare, &limits()),
        Ok(Notification::Error { status: 0, .. })
    ));
}

#[test]
fn a_message_cut_short_or_changed_anywhere_does_no_harm() {
    let requests = requests().map(|request| wrap(&request.encode(), None));
    let responses = responses().map(|response| wrap(&response.encode(), None));
    for mut payload in requests.into_iter().chain(responses) {
        for end in 0..payload.len() {
            assert!(Request::decode(&payload[..end], &limits()).is_err());
            assert!(Response::decode(&payload[..end], &limits()).is_err());
        }
        for at in 0..payload.len() {
            for flip in [0x01, 0x80, 0xff, 0x5a] {
                payload[at] ^= flip;
                drop(Request::decode(&payload, &limits()));
                drop(Response::decode(&payload, &limits()));
                drop(Notification::decode(&payload, &limits()));
                payload[at] ^= flip;
            }
        }
    }
}
