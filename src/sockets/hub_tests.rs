use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::ids::CloneId;
use crate::sockets::peer::{Overflow, Peer};
use crate::sockets::room::Holder;
use crate::sockets::session::Session;

const THREADS: usize = 8;
const ROUNDS: usize = 3000;

/// A receiver that counts what it is told after its greeting and its first presence.
#[derive(Debug, Default)]
struct Ear(Arc<AtomicUsize>);

impl Peer for Ear {
    fn offer(&self, _: &Outgoing) -> Result<(), Overflow> {
        self.0.fetch_add(1, Ordering::SeqCst);
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

pub(in crate::sockets) fn hub() -> Arc<Hub> {
    let config = config::Sockets {
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(20),
        max_payload: 1024,
        max_inflated: 1024,
        queue_packets: 10,
        queue_bytes: 1024,
        presence_delay: Duration::ZERO,
        clones_per_domain: THREADS,
        network_timeout: None,
        max_operation_size: None,
        log_level: None,
    };
    Arc::new(Hub::new(&config))
}

fn nobody() -> Holder {
    Holder {
        account: None,
        key: None,
        user: None,
    }
}

/// Joins as a clone; gives its session and the count of what it is told.
fn join(hub: &Arc<Hub>, id: &str) -> (Session, Arc<AtomicUsize>) {
    let (session, told) = (Session::default(), Arc::new(AtomicUsize::new(0)));
    assert!(session.begin_connecting());
    let nobody = nobody();
    let member = |room| {
        let ear = Box::new(Ear(Arc::clone(&told)));
        let id = CloneId::parse(id).unwrap();
        Arc::new(Member::new(id, nobody.clone(), room, ear))
    };
    hub.join(
        &DomainId::Gateway,
        member,
        &Outgoing::connected("sid"),
        &session,
    )
    .unwrap();
    (session, told)
}

/// Each thread comes and goes in one domain, whose room closes whenever the last one goes. Whoever is in must
/// be in the same room as all who are in at that time: two of them, who wait for each other, always are.
#[test]
fn whoever_joins_while_a_room_closes_meets_the_others() {
    let hub = hub();
    let meeting = Barrier::new(2);
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let (hub, meeting) = (&hub, &meeting);
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let (session, told) = join(hub, &format!("clone {number}"));
                    if number < 2 {
                        meet(&session, &told, meeting);
                    }
                    hub.leave(&session.end().unwrap());
                }
            });
        }
    });
    assert_eq!(hub.len(), 0);
    assert!(hub.rooms().is_empty(), "a room is left that nobody is in");
}

fn meet(session: &Session, told: &AtomicUsize, meeting: &Barrier) {
    meeting.wait();
    let member = session.member().unwrap();
    let packet = Outgoing::operation(bytes::Bytes::new());
    assert_eq!(member.room.broadcast(&member, &packet), Presence::Same);
    meeting.wait();
    let told = told.load(Ordering::SeqCst);
    assert!(told >= 3, "the other one's message went to another room");
}

#[test]
fn a_socket_that_is_over_before_it_is_in_leaves_no_room_behind() {
    let hub = hub();
    for _ in 0..ROUNDS {
        let session = Session::default();
        assert!(session.begin_connecting());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if let Some(member) = session.end() {
                    hub.leave(&member);
                }
            });
            let member = |room| {
                let ear = Box::new(Ear::default());
                let id = CloneId::parse("clone").unwrap();
                Arc::new(Member::new(id, nobody(), room, ear))
            };
            let greeting = Outgoing::connected("sid");
            hub.join(&DomainId::Gateway, member, &greeting, &session)
                .unwrap();
        });
        assert!(hub.rooms().is_empty());
    }
}
