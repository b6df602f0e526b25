//! What events of Socket.io mean to a clone.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use bytes::Bytes;
use serde_json::Value;

use crate::socket::Argument;

/// What came from the others, or from the connection to them.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// There is a connection.
    Connected,
    /// There is no connection any more; another attempt will be made.
    Disconnected(String),
    /// The clones that are present, in the order in which they should be asked.
    Presence(Vec<String>),
    /// An operation message, for everybody.
    Operation(Bytes),
    /// A request.
    Request {
        /// The clone that asks.
        from: String,
        /// The request's id.
        message_id: String,
        /// The request.
        payload: Bytes,
    },
    /// A response to a request, or the acknowledgement of a response.
    Reply {
        /// The clone that replies.
        from: String,
        /// The reply's id.
        message_id: String,
        /// The id of what it replies to.
        sent_message_id: String,
        /// The reply.
        payload: Bytes,
    },
    /// A notification on a channel.
    Notification {
        /// The clone that notifies.
        from: String,
        /// The channel.
        channel: String,
        /// The notification.
        payload: Bytes,
    },
    /// A request or reply that we sent did not reach the server.
    SendFailed {
        /// The request's or the reply's id.
        message_id: String,
    },
}

impl Message {
    /// Reads an event of the protocol that is meant for us.
    pub(super) fn read(name: &str, arguments: &[Argument], clone_id: &str) -> Option<Self> {
        match name {
            "presence" => presence(arguments.first()?.as_json()?),
            "operation" => Some(Message::Operation(arguments.first()?.as_binary()?.clone())),
            "send" | "reply" | "notify" => {
                let params = arguments.first()?.as_json()?;
                let payload = arguments.get(1)?.as_binary()?.clone();
                let text = |key: &str| params.get(key)?.as_str().map(str::to_owned);
                let from = text("fromId")?;
                if params.get("toId")?.as_str()? != clone_id {
                    return None;
                }
                match name {
                    "send" => Some(Message::Request {
                        from,
                        message_id: text("messageId")?,
                        payload,
                    }),
                    "reply" => Some(Message::Reply {
                        from,
                        message_id: text("messageId")?,
                        sent_message_id: text("sentMessageId")?,
                        payload,
                    }),
                    _ => Some(Message::Notification {
                        from,
                        channel: text("channelId")?,
                        payload,
                    }),
                }
            }
            _ => None,
        }
    }
}

fn presence(ids: &Value) -> Option<Message> {
    let ids = ids.as_array()?.iter();
    let ids: Option<Vec<String>> = ids.map(|id| id.as_str().map(str::to_owned)).collect();
    ids.map(Message::Presence)
}

#[cfg(test)]
mod tests;
