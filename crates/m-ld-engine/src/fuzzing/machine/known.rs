//! What can be known from letters, to make others of.

use std::collections::VecDeque;

use super::super::script::Script;
use super::member::{Letter, Parcel};
use crate::clock::{GlobalClock, Tid, TreeClock};
use crate::wire::control::{Notification, Request, Response};
use crate::wire::{Limits, judge};

/// How much is remembered of each kind.
const MOST: usize = 12;

/// What was seen last.
#[derive(Default)]
pub(super) struct Known {
    clocks: VecDeque<TreeClock>,
    global: VecDeque<GlobalClock>,
    ids: VecDeque<String>,
    channels: VecDeque<String>,
}

impl Known {
    pub(super) fn learn(&mut self, letter: &Letter) {
        match &letter.parcel {
            Parcel::Operation(message) => self.learn_operation(message),
            Parcel::Request(id, payload) => {
                push(&mut self.ids, id.clone());
                if let Ok(request) = Request::decode(payload, &Limits::default())
                    && let Request::Revup { time } = request.body
                {
                    push(&mut self.clocks, time);
                }
            }
            Parcel::Reply(id, _, payload) => {
                push(&mut self.ids, id.clone());
                if let Ok(response) = Response::decode(payload, &Limits::default()) {
                    self.learn_response(response.body);
                }
            }
            Parcel::Notify(_, payload) => {
                if let Ok(Notification::Next(message)) =
                    Notification::decode(payload, &Limits::default())
                {
                    self.learn_operation(message);
                }
            }
        }
    }

    fn learn_operation(&mut self, message: &[u8]) {
        let time = judge(message, &Limits::default()).and_then(|envelope| envelope.time());
        if let Ok(time) = time {
            push(&mut self.clocks, time);
        }
    }

    fn learn_response(&mut self, response: Response) {
        match response {
            Response::Snapshot {
                clock,
                gwc,
                data_address,
                updates_address,
                ..
            } => {
                if let Some(clock) = clock {
                    push(&mut self.clocks, clock);
                }
                push(&mut self.global, gwc);
                push(&mut self.channels, data_address);
                push(&mut self.channels, updates_address);
            }
            Response::Revup {
                gwc,
                updates_address,
            } => {
                if let Some(gwc) = gwc {
                    push(&mut self.global, gwc);
                }
                push(&mut self.channels, updates_address);
            }
            Response::Rejected { .. } => {}
        }
    }

    /// The id of a request or reply; of the latest, if the script says nothing.
    pub(super) fn id(&self, script: &mut Script<'_>) -> String {
        latest(&self.ids, script).cloned().unwrap_or_default()
    }

    pub(super) fn channel(&self, script: &mut Script<'_>) -> String {
        latest(&self.channels, script).cloned().unwrap_or_default()
    }

    /// A clock that was seen, or what can be made of such.
    pub(super) fn clock(&self, script: &mut Script<'_>) -> TreeClock {
        let seen = |script: &mut Script<'_>| {
            latest(&self.clocks, script)
                .cloned()
                .unwrap_or_else(TreeClock::genesis)
        };
        let clock = seen(script);
        let made = match script.below(8) {
            0 | 1 => clock.ticked(),
            2 => clock.ticked_to(script.ticks()),
            3 => clock.update(&seen(script)),
            4 => clock.ticked_for(&seen(script)),
            5 => clock.forked().map(|(left, _)| left),
            6 => clock.forked().map(|(_, right)| right),
            _ => TreeClock::decode(script.bytes()),
        };
        made.unwrap_or(clock)
    }

    pub(super) fn global(&self, script: &mut Script<'_>) -> GlobalClock {
        let mut gwc = match script.below(4) {
            0 => GlobalClock::decode(script.bytes()).ok(),
            _ => latest(&self.global, script).cloned(),
        }
        .unwrap_or_else(GlobalClock::genesis);
        for _ in 0..script.below(4) {
            gwc = gwc.set(&self.clock(script)).unwrap_or(gwc);
        }
        gwc
    }

    pub(super) fn tid(&self, script: &mut Script<'_>) -> Tid {
        match script.below(4) {
            0 => Tid::parse("!blocked!").unwrap_or(Tid::NONE),
            1 => self.clock(script).tid(),
            _ => latest(&self.clocks, script).map_or(Tid::NONE, TreeClock::tid),
        }
    }
}

fn push<T>(seen: &mut VecDeque<T>, next: T) {
    if seen.len() == MOST {
        seen.pop_front();
    }
    seen.push_back(next);
}

/// One of some things, counted from the last.
fn latest<'s, T>(seen: &'s VecDeque<T>, script: &mut Script<'_>) -> Option<&'s T> {
    let back = script.below(seen.len());
    seen.iter().rev().nth(back)
}
