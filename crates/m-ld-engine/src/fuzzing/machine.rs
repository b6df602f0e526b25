//! What must hold of a clone, whatever others and its transport do to it.

mod forge;
mod known;
mod member;

use std::collections::VecDeque;
use std::time::Duration;

use super::script::Script;
use crate::clone::Input;
use crate::operation::Codec;
use known::Known;
use member::{Letter, Member, Parcel};

const DOMAIN: &str = "fuzz.example.org";
/// The clones, and others who are none of ours.
const IDS: [&str; 4] = ["a", "b", "x", "y"];
/// Steps of a script; what comes after them is left out.
const STEPS: usize = 150;
/// Letters that are under way, and that are remembered.
const LETTERS: usize = 64;
/// Letters that a step delivers.
const DELIVERED: usize = 24;

/// Two clones of a domain do what a script says, with letters that are delivered, lost, repeated,
/// changed and forged, and a transport that comes and goes. Nothing of that fails or stops them, what
/// they answer is bounded, and what they keep is sound.
///
/// # Panics
/// If it does not hold.
pub fn machine(bytes: &[u8]) {
    let Some(mut world) = World::new() else {
        return;
    };
    let mut script = Script::new(bytes);
    for _ in 0..STEPS {
        if script.is_over() {
            break;
        }
        world.step(&mut script);
    }
    world.members.iter().for_each(Member::check);
    // What they keep is good for another beginning.
    for at in 0..world.members.len() {
        world.with(at, Member::reopen);
    }
}

struct World {
    now: Duration,
    members: [Member; 2],
    codec: Codec,
    under_way: VecDeque<Letter>,
    /// Letters of before, delivered or not.
    heard: VecDeque<Letter>,
    known: Known,
}

impl World {
    /// A clone that has begun the domain, and one that has joined it.
    fn new() -> Option<Self> {
        let now = Duration::ZERO;
        let mut world = Self {
            now,
            members: [Member::new("a", now), Member::new("b", now)],
            codec: member::codec()?,
            under_way: VecDeque::new(),
            heard: VecDeque::new(),
            known: Known::default(),
        };
        for at in [0, 1] {
            world.hand(at, Input::Connected);
            let before = world.members.iter().take(at);
            let present = before.map(|member| member.id.to_owned()).collect();
            world.hand(at, Input::Presence(present));
        }
        // The one that joins cannot be seen yet, and speaks first.
        world.settle(usize::MAX);
        world.tell_presence(0b11);
        world.settle(usize::MAX);
        Some(world)
    }

    /// Does what comes next in a script.
    fn step(&mut self, script: &mut Script<'_>) {
        let at = script.below(self.members.len());
        match script.below(16) {
            0 | 1 => self.settle(DELIVERED),
            2 => self.deliver(script.below(LETTERS)),
            3 => {
                let place = script.below(LETTERS);
                self.under_way.remove(place);
            }
            4 | 5 => self.repeat(at, script),
            6 | 7 => self.write(at, script),
            8 | 9 => self.forge_operation(at, script),
            10 | 11 => self.forge_control(at, script),
            12 => self.raw(at, script),
            13 => self.pass_time(script),
            14 => self.transport(at, script),
            _ => self.process(at, script),
        }
    }

    /// Does something with a clone, and takes in what comes of it.
    fn with(&mut self, at: usize, act: impl FnOnce(&mut Member, Duration) -> Vec<Letter>) {
        let Some(member) = self.members.get_mut(at) else {
            return;
        };
        for letter in act(member, self.now) {
            self.known.learn(&letter);
            self.heard.push_back(letter.clone());
            self.under_way.push_back(letter);
        }
        for letters in [&mut self.heard, &mut self.under_way] {
            let over = letters.len().saturating_sub(LETTERS);
            letters.drain(..over);
        }
    }

    fn hand(&mut self, at: usize, input: Input<'_>) {
        self.with(at, |member, now| member.hand(input, now));
    }

    /// Delivers what is under way in order, and lets streams go on, for so many letters.
    fn settle(&mut self, most: usize) {
        for _ in 0..most {
            if self.under_way.is_empty() {
                for at in 0..self.members.len() {
                    self.with(at, Member::pump);
                }
            }
            if self.under_way.is_empty() {
                return;
            }
            self.deliver(0);
        }
    }

    fn deliver(&mut self, place: usize) {
        if let Some(letter) = self.under_way.remove(place) {
            self.post(&letter);
        }
    }

    /// Hands a letter to all whom it is for.
    fn post(&mut self, letter: &Letter) {
        for (at, id) in self
            .members
            .each_ref()
            .map(|member| member.id)
            .iter()
            .enumerate()
        {
            let is_for = letter.to.as_deref().is_none_or(|to| to == *id);
            if is_for && letter.from != *id {
                self.hand(at, letter.parcel.input(&letter.from));
            }
        }
    }

    /// Hands over a letter of before once more, perhaps to somebody else, and perhaps changed.
    fn repeat(&mut self, at: usize, script: &mut Script<'_>) {
        let place = script.below(self.heard.len());
        let Some(mut letter) = self.heard.get(place).cloned() else {
            return;
        };
        if let Some(id) = script.one_of(&IDS) {
            (*id).clone_into(&mut letter.from);
        }
        letter.parcel.change(script);
        self.hand(at, letter.parcel.input(&letter.from));
    }

    fn write(&mut self, at: usize, script: &mut Script<'_>) {
        let request = forge::request(script);
        self.with(at, |member, now| member.write(&request, now));
    }

    fn forge_operation(&mut self, at: usize, script: &mut Script<'_>) {
        let (prev, operation) = forge::operation(&self.known, script);
        let message = crate::operation::message(prev, &self.codec.encode(&operation), None);
        self.hand(at, Input::Operation(&message));
    }

    fn forge_control(&mut self, at: usize, script: &mut Script<'_>) {
        let from = script.one_of(&IDS).copied().unwrap_or("x");
        let parcel = forge::control(&self.known, &self.codec, script);
        let letter = Letter {
            from: from.to_owned(),
            to: None,
            parcel,
        };
        self.known.learn(&letter);
        self.hand(at, letter.parcel.input(from));
    }

    /// Hands over bytes as they are in the script.
    fn raw(&mut self, at: usize, script: &mut Script<'_>) {
        let from = script.one_of(&IDS).copied().unwrap_or("x");
        let parcel = Parcel::raw(&self.known, script);
        self.hand(at, parcel.input(from));
    }

    fn pass_time(&mut self, script: &mut Script<'_>) {
        let step = Duration::from_millis(1 << script.below(40));
        self.now = self.now.saturating_add(step);
        for at in 0..self.members.len() {
            self.with(at, Member::wake);
        }
    }

    fn transport(&mut self, at: usize, script: &mut Script<'_>) {
        match script.below(4) {
            0 => self.hand(at, Input::Disconnected),
            1 => self.hand(at, Input::Connected),
            2 => {
                let message_id = self.known.id(script);
                self.hand(
                    at,
                    Input::SendFailed {
                        message_id: &message_id,
                    },
                );
            }
            _ => self.tell_presence(script.byte()),
        }
    }

    /// Tells both who is there.
    fn tell_presence(&mut self, who: u8) {
        let present = IDS.iter().enumerate();
        let present = present.filter(|(bit, _)| who & (1 << bit) != 0);
        let present: Vec<_> = present.map(|(_, id)| (*id).to_owned()).collect();
        for at in 0..self.members.len() {
            self.hand(at, Input::Presence(present.clone()));
        }
    }

    fn process(&mut self, at: usize, script: &mut Script<'_>) {
        match script.below(4) {
            0 => self.with(at, Member::reopen),
            1 => self.members.iter().for_each(Member::check),
            _ => self.with(at, Member::pump),
        }
    }
}
