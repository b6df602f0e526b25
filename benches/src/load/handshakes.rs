//! TLS handshakes, full or resumed. Each thread makes one after the other.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, HandshakeKind};

use super::{Outcome, Target};
use crate::failure::{Failure, Result};
use crate::process::Stopwatch;
use crate::tls::{self, Groups};

const WARM_UP: Duration = Duration::from_secs(1);
/// A server that takes longer for anything does not take part.
const PATIENCE: Duration = Duration::from_secs(10);

/// Measures handshakes.
pub(super) fn measure(
    target: &Target,
    groups: Groups,
    resume: bool,
    threads: usize,
    window: Duration,
) -> Result<Outcome> {
    let made = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work(target, groups, resume, &made, &over)))
            .collect();
        thread::sleep(WARM_UP);
        let (watch, counted) = (Stopwatch::start(target.pid)?, made.load(Ordering::Relaxed));
        thread::sleep(window);
        let (spent, count) = (watch.look()?, made.load(Ordering::Relaxed) - counted);
        over.store(true, Ordering::Relaxed);
        for worker in workers {
            worker
                .join()
                .map_err(|_| Failure::new("a thread panicked"))??;
        }
        Ok(Outcome::new(count, spent))
    })
}

fn work(
    target: &Target,
    groups: Groups,
    resume: bool,
    made: &AtomicU64,
    over: &AtomicBool,
) -> Result<()> {
    // A configuration for each thread: a session is for one use
    let config = tls::client(&target.ca, groups, resume)?;
    let wanted = if resume {
        HandshakeKind::Resumed
    } else {
        HandshakeKind::Full
    };
    let first = shake(target, &config)?;
    if first == HandshakeKind::Resumed {
        return Err(Failure::new("the first handshake was resumed"));
    }
    while !over.load(Ordering::Relaxed) {
        let kind = shake(target, &config)?;
        // HelloRetryRequest is a full handshake too, one round trip longer
        if kind != wanted && (resume || kind == HandshakeKind::Resumed) {
            return Err(Failure::new(format!(
                "a handshake was {kind:?}, not {wanted:?}"
            )));
        }
        made.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// One handshake and a proper end. Sessions that the server offers behind it are taken.
fn shake(target: &Target, config: &Arc<ClientConfig>) -> Result<HandshakeKind> {
    let mut tcp = TcpStream::connect(("127.0.0.1", target.port))?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    let mut connection = ClientConnection::new(Arc::clone(config), tls::name()?)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp)?;
    }
    while connection.tls13_tickets_received() == 0 {
        if connection.read_tls(&mut tcp)? == 0 {
            return Err(Failure::new("the server hung up"));
        }
        connection.process_new_packets()?;
    }
    let kind = connection
        .handshake_kind()
        .ok_or_else(|| Failure::new("no handshake"))?;
    connection.send_close_notify();
    connection.complete_io(&mut tcp)?;
    Ok(kind)
}
