use std::sync::mpsc::channel;

use bytes::Bytes;

use super::*;

#[tokio::test]
async fn an_inbox_is_full_of_bytes_before_it_is_full_of_messages() {
    let (entrance, mut arrivals) = inbox();
    let large = Arriving::Operation(Bytes::from(vec![0; BYTES / 2]));
    assert_eq!(entrance.deliver(large.clone()), Ok(()));
    assert_eq!(entrance.deliver(large.clone()), Err(InboxFull));
    assert_eq!(arrivals.next().await, Some(large.clone()));
    assert_eq!(entrance.deliver(large), Ok(()));
}

#[tokio::test]
async fn an_inbox_holds_so_many_messages() {
    let (entrance, mut arrivals) = inbox();
    let small = || Arriving::Operation(Bytes::new());
    for _ in 0..MESSAGES {
        assert_eq!(entrance.deliver(small()), Ok(()));
    }
    assert_eq!(entrance.deliver(small()), Err(InboxFull));
    assert_eq!(arrivals.next_now(), Some(small()));
    assert_eq!(entrance.deliver(small()), Ok(()));
}

#[tokio::test]
async fn the_end_is_told_after_everything_before_it() {
    let (entrance, mut arrivals) = inbox();
    assert_eq!(entrance.deliver(Arriving::Presence(vec![])), Ok(()));
    entrance.cut();
    assert_eq!(entrance.deliver(Arriving::Presence(vec![])), Err(InboxFull));
    assert_eq!(arrivals.next().await, Some(Arriving::Presence(vec![])));
    assert_eq!(arrivals.next().await, None);
}

fn present(ids: &[&str]) -> Arriving {
    Arriving::Presence(ids.iter().map(|&id| id.to_owned()).collect())
}

fn said(text: &'static str) -> Arriving {
    Arriving::Operation(Bytes::from_static(text.as_bytes()))
}

#[test]
fn a_message_calls_a_clone_that_dozes_once_and_waits_behind_who_is_present() {
    let (entrance, mut arrivals) = inbox();
    let (bell, heard) = channel();
    assert!(entrance.doze(Bell::new(move |stir| bell.send(stir).unwrap())));
    entrance.deliver(present(&["own", "a"])).unwrap();
    entrance.deliver(present(&["own", "a", "b"])).unwrap();
    assert!(arrivals.next_now().is_none(), "that alone wakes nobody");
    entrance.deliver(said("1")).unwrap();
    entrance.deliver(said("2")).unwrap();
    entrance.deliver(present(&["own"])).unwrap();
    let arrived: Vec<_> = std::iter::from_fn(|| arrivals.next_now()).collect();
    let latest = present(&["own", "a", "b"]);
    assert_eq!(arrived, [latest, said("1"), said("2"), present(&["own"])]);
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [Stir::Called]);
}

#[test]
fn a_clone_that_dozes_is_told_that_nobody_else_is_present() {
    let (entrance, mut arrivals) = inbox();
    let (bell, heard) = channel();
    assert!(entrance.doze(Bell::new(move |stir| bell.send(stir).unwrap())));
    entrance.deliver(present(&["own"])).unwrap();
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [Stir::Deserted]);
    entrance.wake();
    assert_eq!(arrivals.next_now(), Some(present(&["own"])));
    entrance.wake();
    assert!(arrivals.next_now().is_none());
}

#[test]
fn a_clone_does_not_doze_over_what_has_come_already() {
    let (entrance, mut arrivals) = inbox();
    entrance.deliver(said("1")).unwrap();
    assert!(!entrance.doze(Bell::new(|_| ())));
    assert_eq!(arrivals.next_now(), Some(said("1")));
    assert!(entrance.doze(Bell::new(|_| ())));
    entrance.cut();
    assert_eq!(entrance.deliver(said("2")), Err(InboxFull));
    assert!(!entrance.doze(Bell::new(|_| ())), "the line is cut");
}
