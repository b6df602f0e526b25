use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::domains::InboxFull;
use crate::sockets::hub::tests::hub;

#[derive(Debug, Default)]
struct Kept {
    arrived: Mutex<Vec<Arriving>>,
    full: AtomicBool,
    cut: AtomicBool,
}

impl Inbox for Kept {
    fn deliver(&self, arriving: Arriving) -> Result<(), InboxFull> {
        if self.full.load(Ordering::Relaxed) {
            return Err(InboxFull);
        }
        self.arrived.lock().unwrap().push(arriving);
        Ok(())
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

impl Kept {
    fn last(&self) -> Option<Arriving> {
        self.arrived.lock().unwrap().last().cloned()
    }
}

fn clone(hub: &Arc<Hub>, id: &str) -> (Box<dyn Line>, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let inbox: Arc<dyn Inbox> = Arc::<Kept>::clone(&kept);
    let id = CloneId::parse(id).unwrap();
    let line = connect(Arc::clone(hub), &DomainId::Gateway, &id, &inbox).unwrap();
    (line, kept)
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test]
async fn a_clone_in_this_process_hears_who_is_present_and_what_the_others_do() {
    let hub = hub();
    let (here, heard_here) = clone(&hub, "here");
    let (there, told_there) = clone(&hub, "there");
    assert_eq!(heard_here.last(), Some(Arriving::Presence(vec![])));
    here.operation(bytes("changed"));
    assert_eq!(
        told_there.last(),
        Some(Arriving::Operation(bytes("changed")))
    );
    assert_eq!(heard_here.last(), Some(Arriving::Presence(vec![])));
    assert_eq!((here.others(), there.others()), (1, 1));
}

#[tokio::test]
async fn each_kind_of_message_arrives_as_it_was_sent() {
    let hub = hub();
    let (here, _) = clone(&hub, "here");
    let (_there, kept) = clone(&hub, "there");
    let kinds = [
        UnicastKind::Send {
            message: "m1".to_owned(),
        },
        UnicastKind::Reply {
            message: "m2".to_owned(),
            to: "m1".to_owned(),
        },
        UnicastKind::Notify {
            channel: "c\"1".to_owned(),
        },
    ];
    for kind in kinds {
        let message = Unicast {
            kind,
            payload: bytes("payload"),
        };
        here.unicast("there", message.clone());
        let from = "here".to_owned();
        assert_eq!(kept.last(), Some(Arriving::Unicast { from, message }));
    }
}

#[tokio::test]
async fn a_clone_that_is_present_is_told_of_to_whoever_comes() {
    let hub = hub();
    let (here, _) = clone(&hub, "here");
    here.present(true);
    let (_there, kept) = clone(&hub, "there");
    let present = Arriving::Presence(vec!["here".to_owned()]);
    assert_eq!(kept.last(), Some(present));
}

#[tokio::test]
async fn a_clone_whose_inbox_is_full_is_cut_off_and_sends_no_more() {
    let hub = hub();
    let (here, heard_here) = clone(&hub, "here");
    let (there, kept) = clone(&hub, "there");
    kept.full.store(true, Ordering::Relaxed);
    here.operation(bytes("too much"));
    assert!(kept.cut.load(Ordering::Relaxed));
    assert_eq!(here.others(), 0);
    let before = heard_here.last();
    there.operation(bytes("late"));
    let message = Unicast {
        kind: UnicastKind::Notify {
            channel: "c".to_owned(),
        },
        payload: bytes("late"),
    };
    there.unicast("here", message);
    assert_eq!(heard_here.last(), before);
}

#[tokio::test]
async fn dropping_the_line_takes_the_clone_out() {
    let hub = hub();
    let (first, _) = clone(&hub, "here");
    let (there, _) = clone(&hub, "there");
    assert_eq!(there.others(), 1);
    drop(first);
    assert_eq!(there.others(), 0);
}
