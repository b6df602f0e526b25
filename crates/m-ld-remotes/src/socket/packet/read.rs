//! Reading packets that somebody else wrote.

use bytes::Bytes;
use serde_json::Value;

use super::{Argument, Packet};
use crate::socket::Limits;

/// Why frames are no packet. Their connection is of no use any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(in crate::socket) struct Malformed(pub(in crate::socket) &'static str);

/// Reads packets, remembering one that waits for its attachments.
#[derive(Debug)]
pub(in crate::socket) struct Reader {
    limits: Limits,
    waiting: Option<Waiting>,
}

/// A packet with attachments, some of which have not come yet.
#[derive(Debug)]
struct Waiting {
    head: Head,
    body: Value,
    attachments: Vec<Bytes>,
    bytes: usize,
}

/// What stands before the JSON of a packet.
#[derive(Debug)]
struct Head {
    kind: Kind,
    attachments: usize,
    ack: Option<u64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    Refused,
}

impl Reader {
    pub(in crate::socket) fn new(limits: Limits) -> Self {
        Self {
            limits,
            waiting: None,
        }
    }

    /// Takes the text of a message, without its Engine.IO type. `None`: it waits for attachments.
    pub(in crate::socket) fn text(&mut self, text: &str) -> Result<Option<Packet>, Malformed> {
        if self.waiting.is_some() {
            return Err(Malformed("text in the place of an attachment"));
        }
        if text.len() > self.limits.text {
            return Err(Malformed("text beyond the limit"));
        }
        let (head, body) = Head::read(text)?;
        if head.attachments > self.limits.attachments {
            return Err(Malformed("more attachments than the limit"));
        }
        let body = parse(body)?;
        if head.attachments == 0 {
            return packet(&head, body, &[]).map(Some);
        }
        self.waiting = Some(Waiting {
            head,
            body,
            attachments: Vec::new(),
            bytes: text.len(),
        });
        Ok(None)
    }

    /// Takes an attachment. `None`: the packet waits for more.
    pub(in crate::socket) fn binary(&mut self, bytes: Bytes) -> Result<Option<Packet>, Malformed> {
        let Some(mut waiting) = self.waiting.take() else {
            return Err(Malformed("an attachment without a packet"));
        };
        waiting.bytes = waiting.bytes.saturating_add(bytes.len());
        if waiting.bytes > self.limits.message {
            return Err(Malformed("attachments beyond the limit"));
        }
        waiting.attachments.push(bytes);
        if waiting.attachments.len() < waiting.head.attachments {
            self.waiting = Some(waiting);
            return Ok(None);
        }
        packet(&waiting.head, waiting.body, &waiting.attachments).map(Some)
    }
}

impl Head {
    /// Reads `≪type≫[≪attachments≫-][≪namespace≫,][≪ack≫]`, and gives what follows too.
    fn read(text: &str) -> Result<(Self, &str), Malformed> {
        let mut rest = text.chars();
        let (kind, binary) = match rest.next() {
            Some('0') => (Kind::Connect, false),
            Some('1') => (Kind::Disconnect, false),
            Some('2') => (Kind::Event, false),
            Some('3') => (Kind::Ack, false),
            Some('4') => (Kind::Refused, false),
            Some('5') => (Kind::Event, true),
            Some('6') => (Kind::Ack, true),
            _ => return Err(Malformed("a packet of no known type")),
        };
        let mut rest = rest.as_str();
        let mut attachments = 0;
        if binary {
            let (count, after) = rest
                .split_once('-')
                .ok_or(Malformed("a binary packet without a count"))?;
            attachments = number(count)?;
            rest = after;
        }
        if rest.starts_with('/') {
            rest = default_namespace(rest)?;
        }
        let digits = rest.len().saturating_sub(
            rest.trim_start_matches(|digit: char| digit.is_ascii_digit())
                .len(),
        );
        let (ack, body) = rest.split_at(digits);
        let head = Self {
            kind,
            attachments: usize::try_from(attachments)
                .map_err(|_| Malformed("more attachments than the limit"))?,
            ack: if ack.is_empty() {
                None
            } else {
                Some(number(ack)?)
            },
        };
        Ok((head, body))
    }
}

/// What follows the namespace, if that is the only one we speak, said in full.
fn default_namespace(text: &str) -> Result<&str, Malformed> {
    match text.split_once(',') {
        Some(("/", rest)) => Ok(rest),
        None if text == "/" => Ok(""),
        _ => Err(Malformed("a packet for another namespace")),
    }
}

fn number(digits: &str) -> Result<u64, Malformed> {
    let strange = Malformed("a number that is none");
    if digits.bytes().all(|digit| digit.is_ascii_digit()) {
        digits.parse().map_err(|_| strange)
    } else {
        Err(strange)
    }
}

fn parse(body: &str) -> Result<Value, Malformed> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(body).map_err(|_| Malformed("a body that is no JSON"))
}

fn packet(head: &Head, body: Value, attachments: &[Bytes]) -> Result<Packet, Malformed> {
    match head.kind {
        Kind::Connect => Ok(Packet::Connect(body)),
        Kind::Disconnect => Ok(Packet::Disconnect),
        Kind::Refused => Ok(Packet::Refused(body)),
        Kind::Ack => Ok(Packet::Ack {
            id: head.ack.ok_or(Malformed("an acknowledgement of nothing"))?,
            arguments: arguments(body, attachments)?,
        }),
        Kind::Event => {
            let mut arguments = arguments(body, attachments)?.into_iter();
            let Some(Argument::Json(Value::String(name))) = arguments.next() else {
                return Err(Malformed("an event without a name"));
            };
            Ok(Packet::Event {
                name,
                arguments: arguments.collect(),
                ack: head.ack,
            })
        }
    }
}

/// The members of an array, with attachments in their places.
fn arguments(body: Value, attachments: &[Bytes]) -> Result<Vec<Argument>, Malformed> {
    let Value::Array(members) = body else {
        return Err(Malformed("arguments that are no array"));
    };
    members
        .into_iter()
        .map(|member| match placeholder(&member)? {
            None => Ok(Argument::Json(member)),
            Some(number) => attachments
                .get(number)
                .map(|bytes| Argument::Binary(bytes.clone()))
                .ok_or(Malformed("a placeholder of no attachment")),
        })
        .collect()
}

/// The number of the attachment that a member stands for, if it does.
fn placeholder(member: &Value) -> Result<Option<usize>, Malformed> {
    if member.get("_placeholder") != Some(&Value::Bool(true)) {
        return Ok(None);
    }
    let number = member.get("num").and_then(Value::as_u64);
    let number = number.and_then(|number| usize::try_from(number).ok());
    number
        .map(Some)
        .ok_or(Malformed("a placeholder of no attachment"))
}
