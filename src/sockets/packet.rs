//! Socket.IO packets: text and attachments on one side, typed packets on the other.
//!
//! The format is the parser crate's; this module fixes the limits, keeps to the default namespace and
//! knows the shapes of the few packets that the remotes protocol uses.
//!
//! Sources: Socket.IO protocol, revision 5; m-ld protocol, section 9.1.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use engineioxide::Str;
use serde::Serialize;
use socketioxide_core::Value;
use socketioxide_core::packet::{Packet, PacketData};
use socketioxide_core::parser::{Parse as _, ParseConfig, ParseError, ParserState};
use socketioxide_parser_common::CommonParser;

/// The JSON that stands for the one attachment that a packet of ours can have.
const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;
/// The packet that announces an operation, as every JavaScript client writes it.
const OPERATION: &str = r#"51-["operation",{"_placeholder":true,"num":0}]"#;
/// Attachments from this size on are shared with the buffer that they were read into; smaller ones would
/// keep much more alive than they are.
const SHARED_FROM: usize = 1024;
/// Longest parameters of a unicast: two clone ids with every character escaped, and as much again. The packet
/// count of a queue bounds its text by this.
const PARAMS_LIMIT: usize = 2048;
/// How long an attachment may lag behind the packet that announces it.
const ATTACHMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// What a client sent, as far as its form goes.
#[derive(Debug)]
pub(super) enum Incoming {
    /// CONNECT to the default namespace with the JSON text of `auth`, if any.
    Connect(Option<Str>),
    /// CONNECT to a namespace that there is not.
    ForeignNamespace(Str),
    /// DISCONNECT.
    Disconnect,
    /// An operation, announced in the one form that all known clients use.
    Operation(Bytes),
    /// An event with the JSON text of its arguments, its attachments, and the id of the acknowledgement
    /// that it wants.
    Event {
        arguments: Str,
        attachments: VecDeque<Bytes>,
        ack: Option<i64>,
    },
    /// An acknowledgement; the gateway asks for none.
    Ack,
}

/// Why bytes are no packet.
#[derive(Debug, thiserror::Error)]
pub(super) enum PacketError {
    #[error("not a Socket.IO packet")]
    Malformed(#[source] ParseError),
    #[error("a packet for another namespace")]
    Namespace,
    #[error("a packet that is too long")]
    TooLong,
}

/// Reads packets of one socket, remembering one that waits for its attachments.
#[derive(Debug, Default)]
pub(super) struct Reader {
    parser: ParserState,
    /// The next frame is an operation.
    announced: AtomicBool,
}

impl Reader {
    /// Takes a text frame. `None`: the packet waits for its attachments.
    pub(super) fn text(&self, limit: usize, text: Str) -> Result<Option<Incoming>, PacketError> {
        // A WebSocket's frame of the limit's length has the Engine.IO type in it; polling is to allow no more.
        if text.len() >= limit {
            return Err(PacketError::TooLong);
        }
        if self.announced.load(Ordering::Relaxed) {
            return Err(PacketError::Malformed(ParseError::UnexpectedStringPacket));
        }
        if text.as_str() == OPERATION && !self.is_waiting() {
            self.announced.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        Self::finish(CommonParser.decode_str(&config(limit), &self.parser, text))
    }

    /// Takes a binary frame. `None`: the packet waits for more of them.
    pub(super) fn binary(
        &self,
        limit: usize,
        data: Bytes,
    ) -> Result<Option<Incoming>, PacketError> {
        if !self.announced.swap(false, Ordering::Relaxed) {
            return Self::finish(CommonParser.decode_bin(&config(limit), &self.parser, data));
        }
        if data.len() > limit {
            let (current, max) = (data.len(), limit);
            return Err(PacketError::Malformed(ParseError::AttachmentsTooHeavy {
                current,
                max,
            }));
        }
        let shared = data.len() >= SHARED_FROM;
        let message = if shared {
            data
        } else {
            Bytes::copy_from_slice(&data)
        };
        Ok(Some(Incoming::Operation(message)))
    }

    fn is_waiting(&self) -> bool {
        let waiting = &self.parser.partial_bin_packet;
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    fn finish(decoded: Result<Packet, ParseError>) -> Result<Option<Incoming>, PacketError> {
        match decoded {
            Ok(packet) => typed(packet).map(Some),
            Err(ParseError::NeedsMoreBinaryData) => Ok(None),
            Err(error) => Err(PacketError::Malformed(error)),
        }
    }
}

fn config(limit: usize) -> ParseConfig {
    ParseConfig {
        max_incoming_binary_buf_size: limit,
        max_incoming_binaries: 1,
        packet_completion_timeout: ATTACHMENT_TIMEOUT,
    }
}

fn typed(packet: Packet) -> Result<Incoming, PacketError> {
    let home = packet.ns.as_str() == "/";
    match packet.inner {
        PacketData::Connect(_) if !home => Ok(Incoming::ForeignNamespace(packet.ns)),
        _ if !home => Err(PacketError::Namespace),
        PacketData::Connect(auth) => Ok(Incoming::Connect(
            auth.and_then(text_of).map(|(text, _)| text),
        )),
        PacketData::Disconnect => Ok(Incoming::Disconnect),
        PacketData::Event(value, ack) | PacketData::BinaryEvent(value, ack) => {
            let (arguments, attachments) = text_of(value).unwrap_or_default();
            Ok(Incoming::Event {
                arguments,
                attachments,
                ack,
            })
        }
        PacketData::EventAck(..) | PacketData::BinaryAck(..) | PacketData::ConnectError(_) => {
            Ok(Incoming::Ack)
        }
    }
}

fn text_of(value: Value) -> Option<(Str, VecDeque<Bytes>)> {
    match value {
        Value::Str(text, attachments) => Some((text, attachments.unwrap_or_default())),
        Value::Bytes(_) => None,
    }
}

/// A packet on its way out: shared text and at most one shared attachment.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    /// The text frame, without the Engine.IO type.
    pub(super) text: Str,
    /// The attachment, relayed as it came.
    pub(super) attachment: Option<Bytes>,
}

impl Outgoing {
    /// `operation` to a clone.
    pub(super) fn operation(message: Bytes) -> Self {
        Self {
            text: Str::from(OPERATION),
            attachment: Some(message),
        }
    }

    /// A unicast event with its parameters and payload.
    pub(super) fn unicast<P: Serialize>(event: &str, params: &P, payload: Bytes) -> Option<Self> {
        let params = serde_json::to_string(params)
            .ok()
            .filter(|params| params.len() <= PARAMS_LIMIT)?;
        let text = format!(r#"51-["{event}",{params},{PLACEHOLDER}]"#);
        Some(Self {
            text: Str::from(text),
            attachment: Some(payload),
        })
    }

    /// `presence` with the ids of the clones that are present.
    pub(super) fn presence<T: Serialize>(present: &[T]) -> Option<Self> {
        let ids = serde_json::to_string(present).ok()?;
        Some(Self {
            text: Str::from(format!(r#"2["presence",{ids}]"#)),
            attachment: None,
        })
    }

    /// The message, if this is an operation.
    pub(super) fn as_operation(&self) -> Option<&Bytes> {
        let message = self.attachment.as_ref()?;
        (self.text.as_str() == OPERATION).then_some(message)
    }

    /// The ids, if this is presence.
    pub(super) fn as_presence(&self) -> Option<Vec<String>> {
        let (name, ids): (String, Vec<String>) =
            serde_json::from_str(self.text.strip_prefix('2')?).ok()?;
        (name == "presence").then_some(ids)
    }

    /// The JSON text of the arguments, if this is an event with an attachment.
    pub(super) fn arguments(&self) -> Option<&str> {
        self.text.strip_prefix("51-")
    }

    /// The answer to an accepted CONNECT.
    pub(super) fn connected(session: &str) -> Self {
        Self {
            text: Str::from(format!(r#"0{{"sid":"{session}"}}"#)),
            attachment: None,
        }
    }

    /// The answer to a refused CONNECT: a class of reasons, never more.
    pub(super) fn refused(reason: &'static str) -> Self {
        Self {
            text: Str::from(format!(r#"4{{"message":"{reason}"}}"#)),
            attachment: None,
        }
    }

    /// The answer to a CONNECT to a namespace that there is not, as the JavaScript server gives it.
    pub(super) fn no_namespace(namespace: &str) -> Option<Self> {
        let namespace = namespace.split(',').next()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_');
        if namespace.len() > 64 || !namespace.chars().all(plain) {
            return None;
        }
        Some(Self {
            text: Str::from(format!(r#"4{namespace},{{"message":"Invalid namespace"}}"#)),
            attachment: None,
        })
    }

    /// An acknowledgement: `null` for success, else a short reason.
    pub(super) fn ack(id: i64, outcome: Result<(), &'static str>) -> Self {
        let text = match outcome {
            Ok(()) => format!("3{id}[null]"),
            Err(reason) => format!(r#"3{id}["{reason}"]"#),
        };
        Self {
            text: Str::from(text),
            attachment: None,
        }
    }

    /// DISCONNECT: the server wants no more of this client.
    pub(super) fn disconnect() -> Self {
        Self {
            text: Str::from("1"),
            attachment: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1000;

    fn event(
        reader: &Reader,
        text: &'static str,
        attachment: &'static [u8],
    ) -> (Str, usize, Option<i64>) {
        assert!(matches!(reader.text(LIMIT, Str::from(text)), Ok(None)));
        match reader.binary(LIMIT, Bytes::from_static(attachment)) {
            Ok(Some(Incoming::Event {
                arguments,
                attachments,
                ack,
            })) => (arguments, attachments.len(), ack),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_operation_is_read_as_every_client_writes_it() {
        let reader = Reader::default();
        for bytes in [vec![1; 10], vec![2; LIMIT]] {
            assert!(matches!(reader.text(LIMIT, Str::from(OPERATION)), Ok(None)));
            match reader.binary(LIMIT, Bytes::from(bytes.clone())) {
                Ok(Some(Incoming::Operation(message))) => assert_eq!(message, bytes),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_acknowledged_event_keeps_its_id() {
        let text = r#"51-7["send",{"toId":"b"},{"_placeholder":true,"num":0}]"#;
        assert_eq!(event(&Reader::default(), text, b"x").2, Some(7));
    }

    #[test]
    fn connect_carries_the_authentication_text() {
        let text = Str::from(r#"0{"user":"a"}"#);
        match Reader::default().text(LIMIT, text) {
            Ok(Some(Incoming::Connect(Some(auth)))) => assert_eq!(auth.as_str(), r#"{"user":"a"}"#),
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            Reader::default().text(LIMIT, Str::from("0")),
            Ok(Some(Incoming::Connect(None)))
        ));
    }

    #[test]
    fn what_is_no_packet_is_an_error_and_not_a_panic() {
        for bad in [
            "",
            "9",
            "x",
            "5",
            "5-",
            "52-[]",
            "51",
            "51-",
            "599999999999999999999-[]",
            "51-[\"a\"",
            "2",
            "é",
            "0/x",
        ] {
            let reader = Reader::default();
            let read = reader.text(LIMIT, Str::from(bad));
            assert!(!matches!(read, Ok(Some(Incoming::Operation(_)))), "{bad}");
        }
        assert!(
            Reader::default()
                .binary(LIMIT, Bytes::from_static(b"x"))
                .is_err()
        );
    }

    #[test]
    fn what_is_over_the_limit_is_refused() {
        let reader = Reader::default();
        for text in [OPERATION, r#"51-["other",{"_placeholder":true,"num":0}]"#] {
            assert!(reader.text(text.len(), Str::from(text)).is_err());
            assert!(matches!(
                reader.text(text.len() + 1, Str::from(text)),
                Ok(None)
            ));
            assert!(reader.binary(3, Bytes::from_static(b"1234")).is_err());
        }
    }

    #[test]
    fn a_packet_that_waits_for_its_attachment_is_not_interrupted() {
        let other = r#"51-["other",{"_placeholder":true,"num":0}]"#;
        for (first, second) in [
            (OPERATION, other),
            (other, OPERATION),
            (OPERATION, OPERATION),
        ] {
            let reader = Reader::default();
            assert!(matches!(reader.text(LIMIT, Str::from(first)), Ok(None)));
            assert!(
                reader.text(LIMIT, Str::from(second)).is_err(),
                "{first} {second}"
            );
        }
    }
}
