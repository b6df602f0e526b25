use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// A receiver that remembers what it was told.
#[derive(Debug, Default)]
struct Ear {
    heard: Mutex<Vec<String>>,
    full: AtomicBool,
    ended: AtomicBool,
}

/// The room's end of an [`Ear`].
#[derive(Debug)]
struct Line(Arc<Ear>);

impl Peer for Line {
    fn offer(&self, packet: &Outgoing) -> Result<(), Overflow> {
        if self.0.full.load(Ordering::Relaxed) {
            return Err(Overflow);
        }
        assert!(
            !self.0.ended.load(Ordering::Relaxed),
            "told something after its end"
        );
        let attachment = packet.attachment.as_deref().unwrap_or_default();
        let text = format!(
            "{}{}",
            packet.text.as_str(),
            String::from_utf8_lossy(attachment)
        );
        self.0.heard.lock().unwrap().push(text);
        Ok(())
    }

    fn close(&self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }

    fn cut(&self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }

    fn has_room(&self) -> bool {
        true
    }

    fn refused(&self) -> Option<Sid> {
        None
    }
}

impl Ear {
    fn last(&self) -> String {
        self.heard
            .lock()
            .unwrap()
            .last()
            .cloned()
            .unwrap_or_default()
    }

    fn operations(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .filter_map(|text| {
                text.split_once("\"num\":0}]")
                    .map(|(_, bytes)| bytes.to_owned())
            })
            .collect()
    }
}

fn room() -> Arc<Room> {
    Arc::new(Room::new(DomainId::Gateway))
}

fn holder(key: &str) -> Holder {
    Holder {
        account: Some(Name::parse("acme").unwrap()),
        key: Some(KeyId::parse(key).unwrap()),
        user: None,
    }
}

fn member(room: &Arc<Room>, id: &str, key: &str) -> (Arc<Member>, Arc<Ear>) {
    let ear = Arc::new(Ear::default());
    let line = Box::new(Line(Arc::clone(&ear)));
    (
        Arc::new(Member::new(
            CloneId::parse(id).unwrap(),
            holder(key),
            Arc::clone(room),
            line,
        )),
        ear,
    )
}

fn join(room: &Arc<Room>, id: &str) -> (Arc<Member>, Arc<Ear>) {
    let (member, ear) = member(room, id, "keyid");
    assert_eq!(
        room.join(&member, Some(&Outgoing::connected("sid")), 100),
        Ok(Presence::Same)
    );
    (member, ear)
}

fn operation(text: &str) -> Outgoing {
    Outgoing::operation(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn a_newcomer_is_greeted_and_then_told_who_is_present() {
    let room = room();
    let (a, _) = join(&room, "a");
    assert_eq!(room.set_present(&a, true), Presence::Changed);
    let (_, ear) = join(&room, "b");
    assert_eq!(
        *ear.heard.lock().unwrap(),
        [r#"0{"sid":"sid"}"#, r#"2["presence",["a"]]"#]
    );
}

#[test]
fn an_operation_reaches_everybody_else_and_a_message_only_its_addressee() {
    let room = room();
    let ((a, ear_a), (_, ear_b), (_, ear_c)) =
        (join(&room, "a"), join(&room, "b"), join(&room, "c"));
    assert_eq!(room.broadcast(&a, &operation("op")), Presence::Same);
    assert_eq!(room.unicast("b", &operation("for b")), Presence::Same);
    assert_eq!(room.unicast("nobody", &operation("lost")), Presence::Same);
    assert_eq!(ear_a.operations(), Vec::<String>::new());
    assert_eq!(ear_b.operations(), ["op", "for b"]);
    assert_eq!(ear_c.operations(), ["op"]);
}

/// A receiver that answers the first operation at once, on a thread of its own.
struct Prompt {
    answer: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    answering: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt").finish_non_exhaustive()
    }
}

impl Peer for Prompt {
    fn offer(&self, packet: &Outgoing) -> Result<(), Overflow> {
        let is_operation = packet.attachment.is_some();
        let answer = is_operation.then(|| self.answer.lock().unwrap().take());
        if let Some(answer) = answer.flatten() {
            let (out, is_out) = mpsc::channel();
            let answering = thread::spawn(move || {
                answer();
                out.send(()).ok();
            });
            *self.answering.lock().unwrap() = Some(answering);
            // Whoever is told next would hear the answer first, if it could be out by now: this waits in vain.
            is_out.recv_timeout(Duration::from_millis(200)).ok();
        }
        Ok(())
    }

    fn close(&self) {}

    fn cut(&self) {}

    fn has_room(&self) -> bool {
        true
    }

    fn refused(&self) -> Option<Sid> {
        None
    }
}

#[test]
fn nobody_hears_an_answer_before_what_it_answers() {
    let room = room();
    let (a, _) = join(&room, "a");
    let answering = Arc::default();
    let b = Arc::new_cyclic(|b: &std::sync::Weak<Member>| {
        let (b, answered) = (b.clone(), Arc::clone(&room));
        let answer = move || {
            let said = answered.broadcast(&b.upgrade().unwrap(), &operation("answer"));
            assert_eq!(said, Presence::Same);
        };
        let prompt = Box::new(Prompt {
            answer: Mutex::new(Some(Box::new(answer))),
            answering: Arc::clone(&answering),
        });
        let id = CloneId::parse("b").unwrap();
        Member::new(id, holder("keyid"), Arc::clone(&room), prompt)
    });
    assert_eq!(room.join(&b, None, 100), Ok(Presence::Same));
    let (_, ear) = join(&room, "c");
    assert_eq!(room.broadcast(&a, &operation("question")), Presence::Same);
    let answering: JoinHandle<()> = answering.lock().unwrap().take().unwrap();
    answering.join().unwrap();
    assert_eq!(ear.operations(), ["question", "answer"]);
}

#[test]
fn presence_is_told_in_the_order_of_becoming_present() {
    let room = room();
    let ((a, _), (b, ear)) = (join(&room, "a"), join(&room, "b"));
    assert_eq!(room.set_present(&b, true), Presence::Changed);
    assert_eq!(room.set_present(&a, true), Presence::Changed);
    assert_eq!(room.set_present(&a, true), Presence::Same);
    assert!(room.begin_announcing());
    assert!(!room.begin_announcing(), "one announcement is enough");
    assert_eq!(room.announce(), Presence::Same);
    assert_eq!(ear.last(), r#"2["presence",["b","a"]]"#);
    assert_eq!(room.leave(&b), Presence::Changed);
    assert!(room.begin_announcing(), "the one before is over");
}

#[test]
fn whoever_falls_behind_is_cut_and_no_longer_present() {
    let room = room();
    let ((a, _), (b, ear)) = (join(&room, "a"), join(&room, "b"));
    assert_eq!(room.set_present(&b, true), Presence::Changed);
    ear.full.store(true, Ordering::Relaxed);
    assert_eq!(room.broadcast(&a, &operation("op")), Presence::Changed);
    assert!(ear.ended.load(Ordering::Relaxed));
    assert_eq!(room.len(), 1);
    assert_eq!(room.leave(&b), Presence::Same, "it has left already");
}

#[test]
fn a_clone_that_reconnects_replaces_itself_and_nobody_else_can() {
    let room = room();
    let (old, old_ear) = join(&room, "a");
    assert_eq!(room.set_present(&old, true), Presence::Changed);
    let (thief, _) = member(&room, "a", "other");
    assert_eq!(
        room.join(&thief, Some(&Outgoing::connected("sid")), 100),
        Err(JoinError::Taken)
    );
    let (new, new_ear) = member(&room, "a", "keyid");
    assert_eq!(
        room.join(&new, Some(&Outgoing::connected("sid")), 100),
        Ok(Presence::Changed)
    );
    assert!(old_ear.ended.load(Ordering::Relaxed));
    assert_eq!(
        room.leave(&old),
        Presence::Same,
        "its place belongs to the new one"
    );
    assert_eq!(room.len(), 1);
    assert_eq!(new_ear.last(), r#"2["presence",[]]"#);
}

#[test]
fn a_full_or_closed_room_lets_nobody_in() {
    let room = room();
    let (a, _) = join(&room, "a");
    let (b, _) = member(&room, "b", "keyid");
    assert_eq!(
        room.join(&b, Some(&Outgoing::connected("sid")), 1),
        Err(JoinError::Full)
    );
    assert!(!room.close_if_empty());
    assert_eq!(room.leave(&a), Presence::Same);
    assert!(room.close_if_empty());
    assert_eq!(
        room.join(&b, Some(&Outgoing::connected("sid")), 100),
        Err(JoinError::Closed)
    );
}

#[derive(Clone, Debug)]
enum Step {
    Join(usize),
    Leave(usize),
    Present(usize, bool),
    Send(usize),
    Fill(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..5_usize;
    prop_oneof![
        3 => who.clone().prop_map(Step::Join),
        1 => who.clone().prop_map(Step::Leave),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, present)| Step::Present(who, present)),
        6 => who.clone().prop_map(Step::Send),
        1 => who.prop_map(Step::Fill),
    ]
}

/// One place that members of one id come to and go from, with what they ought to have heard.
#[derive(Default)]
struct Seat {
    now: Option<(Arc<Member>, Arc<Ear>, Vec<String>)>,
    present: bool,
}

proptest! {
    /// The model is five seats; the room must agree with it after every step.
    #[test]
    fn what_a_member_hears_is_all_that_was_sent_while_it_was_there_in_order(script in prop::collection::vec(step(), 1..80)) {
        let room = room();
        let mut seats: [Seat; 5] = Default::default();
        for (number, step) in script.into_iter().enumerate() {
            match step {
                Step::Join(who) => {
                    let (new, ear) = member(&room, &format!("clone{who}"), "keyid");
                    let replaces_present = seats[who].now.is_some() && seats[who].present;
                    let joined = room.join(&new, Some(&Outgoing::connected("sid")), 100);
                    prop_assert_eq!(joined, Ok(Presence::of(replaces_present)));
                    seats[who] = Seat { now: Some((new, ear, Vec::new())), present: false };
                }
                Step::Leave(who) => if let Some((member, ..)) = seats[who].now.take() {
                    prop_assert_eq!(room.leave(&member), Presence::of(seats[who].present));
                    seats[who].present = false;
                },
                Step::Present(who, present) => if let Some((member, ..)) = &seats[who].now {
                    let changed = seats[who].present != present;
                    prop_assert_eq!(room.set_present(member, present), Presence::of(changed));
                    seats[who].present = present;
                },
                Step::Send(who) => if let Some((sender, ..)) = &seats[who].now {
                    let sender = Arc::clone(sender);
                    let text = format!("op{number}");
                    let _same_or_not = room.broadcast(&sender, &operation(&text));
                    for (other, seat) in seats.iter_mut().enumerate().filter(|(other, _)| *other != who) {
                        let Some((_, ear, expected)) = &mut seat.now else { continue };
                        if ear.full.load(Ordering::Relaxed) {
                            prop_assert!(ear.ended.load(Ordering::Relaxed), "clone{} stays and misses {}", other, text);
                            *seat = Seat::default();
                        } else {
                            expected.push(text.clone());
                        }
                    }
                },
                Step::Fill(who) => if let Some((_, ear, _)) = &seats[who].now {
                    ear.full.store(true, Ordering::Relaxed);
                },
            }
            for (_, ear, expected) in seats.iter().filter_map(|seat| seat.now.as_ref()) {
                prop_assert_eq!(&ear.operations(), expected);
            }
            prop_assert_eq!(room.len(), seats.iter().filter(|seat| seat.now.is_some()).count());
        }
    }
}
