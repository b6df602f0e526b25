//! Socket.IO packets: frames on one side, typed packets on the other.
//!
//! Only the default namespace is spoken. Attachments are arguments of an event; one that is deeper
//! in an argument's JSON is left there as its placeholder, as nobody in m-ld sends such.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod read;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde_json::{Value, json};

#[cfg(test)]
use read::Malformed;
pub(super) use read::Reader;

/// One argument of an event or an acknowledgement.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// JSON.
    Json(Value),
    /// Bytes, which travel in a frame of their own.
    Binary(Bytes),
}

impl Argument {
    /// The JSON, if it is that.
    pub fn as_json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            Self::Binary(_) => None,
        }
    }

    /// The bytes, if it is that.
    pub fn as_binary(&self) -> Option<&Bytes> {
        match self {
            Self::Json(_) => None,
            Self::Binary(bytes) => Some(bytes),
        }
    }
}

impl From<Value> for Argument {
    fn from(value: Value) -> Self {
        Self::Json(value)
    }
}

impl From<Bytes> for Argument {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

/// A packet of the default namespace.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Packet {
    /// CONNECT: from a client what it authenticates with, from a server that it is let in.
    Connect(Value),
    /// DISCONNECT.
    Disconnect,
    /// EVENT or `BINARY_EVENT`, with its name.
    Event {
        name: String,
        arguments: Vec<Argument>,
        /// The id of the acknowledgement that is asked for.
        ack: Option<u64>,
    },
    /// ACK or `BINARY_ACK`.
    Ack { id: u64, arguments: Vec<Argument> },
    /// `CONNECT_ERROR`.
    Refused(Value),
}

/// A packet as it is sent: the text of the first frame, and the attachments that follow.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frames {
    pub(super) text: String,
    pub(super) attachments: Vec<Bytes>,
}

impl Frames {
    /// Bytes of all frames.
    pub(super) fn len(&self) -> usize {
        let attachments = self.attachments.iter().map(Bytes::len);
        attachments.fold(self.text.len(), usize::saturating_add)
    }
}

impl Packet {
    /// As frames, with the Engine.IO type "message" on the text.
    pub(super) fn into_frames(self) -> Frames {
        let bare = |kind: &str, body: &Value| Frames {
            text: format!("4{kind}{}", text_of(body)),
            attachments: Vec::new(),
        };
        match self {
            Self::Connect(auth) => bare("0", &auth),
            Self::Disconnect => bare("1", &Value::Null),
            Self::Refused(why) => bare("4", &why),
            Self::Event {
                name,
                arguments,
                ack,
            } => {
                let name = Some(Argument::Json(Value::String(name)));
                frames(["2", "5"], ack, name.into_iter().chain(arguments))
            }
            Self::Ack { id, arguments } => frames(["3", "6"], Some(id), arguments.into_iter()),
        }
    }
}

/// JSON, or nothing for null: a packet with no payload has no text for it.
fn text_of(body: &Value) -> String {
    if body.is_null() {
        String::new()
    } else {
        body.to_string()
    }
}

fn frames(
    [plain, binary]: [&str; 2],
    ack: Option<u64>,
    arguments: impl Iterator<Item = Argument>,
) -> Frames {
    let mut attachments = Vec::new();
    let body: Vec<Value> = arguments
        .map(|argument| match argument {
            Argument::Json(value) => value,
            Argument::Binary(bytes) => {
                let placeholder = json!({"_placeholder": true, "num": attachments.len()});
                attachments.push(bytes);
                placeholder
            }
        })
        .collect();
    let kind = match attachments.len() {
        0 => plain.to_owned(),
        count => format!("{binary}{count}-"),
    };
    let ack = ack.map(|id| id.to_string()).unwrap_or_default();
    let text = format!("4{kind}{ack}{}", Value::Array(body));
    Frames { text, attachments }
}
