//! The daemon at its limits: who asks too often, guesses, dawdles; a reload, an end, a start on what was there.
//!
//! Amounts are small here; that they are counted right is tested where they are, with a driven clock. What is tested
//! here is what a client and an operator see of it.

mod dawdlers;
mod ending;
mod frames;
mod limits;
mod lockout;
mod protocols;
mod reload;
mod times;
mod windows;

use testkit::{Folder, Gateway, Https, Reply};

use crate::bad_input::BINARY;

fn fresh(config: &str) -> Gateway {
    Gateway::fresh(BINARY, config)
}

fn on(folder: &Folder, config: &str) -> Gateway {
    Gateway::on(BINARY, folder, config)
}

/// Asks until the answer has this status; others before it have to be `before`.
async fn until(
    https: &mut Https,
    request: (&str, &str, Option<&str>),
    before: u16,
    status: u16,
) -> Reply {
    let (method, path, authorization) = request;
    for _ in 0..60 {
        let reply = https.json(method, path, authorization, None).await;
        if reply.status == status {
            return reply;
        }
        assert_eq!(reply.status, before, "{reply:?}");
    }
    panic!("{method} {path} was never answered by {status}");
}

/// Sees that an answer is a 429 in its whole form. Gives the seconds to wait.
fn too_many(reply: &Reply) -> u64 {
    assert_eq!(reply.status, 429, "{reply:?}");
    assert_eq!(reply.value()["code"], "TooManyRequests");
    let seconds = reply.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds >= 1);
    seconds
}
