//! What passes between a clone and the others, for whoever looks for a fault.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use super::Message;

/// Where it is told.
pub(super) struct Trace(Box<dyn FnMut(Value) + Send>);

impl Trace {
    pub(super) fn to(tell: impl FnMut(Value) + Send + 'static) -> Self {
        Self(Box::new(tell))
    }

    /// Tells what came.
    pub(super) fn came(&mut self, message: &Message) {
        (self.0)(json!({"in": value(message)}));
    }

    /// Tells what goes, if there is a connection.
    pub(super) fn goes(&mut self, event: &str, params: &Value, payload: &[u8]) {
        (self.0)(json!({"out": {"event": event, "params": params, "payload": hex(payload)}}));
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").finish_non_exhaustive()
    }
}

fn value(message: &Message) -> Value {
    match message {
        Message::Connected => json!("connected"),
        Message::Disconnected(why) => json!({"disconnected": why}),
        Message::Presence(ids) => json!({"presence": ids}),
        Message::Operation(payload) => json!({"operation": hex(payload)}),
        Message::Request {
            from,
            message_id,
            payload,
        } => json!({"request": hex(payload), "from": from, "messageId": message_id}),
        Message::Reply {
            from,
            message_id,
            sent_message_id,
            payload,
        } => json!({
            "reply": hex(payload), "from": from, "messageId": message_id, "sentMessageId": sent_message_id
        }),
        Message::Notification {
            from,
            channel,
            payload,
        } => json!({"notification": hex(payload), "from": from, "channelId": channel}),
        Message::SendFailed { message_id } => json!({"sendFailed": message_id}),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing to a string does not fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}
