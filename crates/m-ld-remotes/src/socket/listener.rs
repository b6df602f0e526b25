//! What the server says on one connection.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::client::{Event, Lost, Told, Unheard, message_of};
use super::connection::Shared;
use super::packet::{Packet, Reader};

/// How many times the length of its text JSON takes in memory, at worst about.
const JSON_COST: usize = 16;

/// Reads until the connection is lost.
pub(super) struct Listener<'a, S> {
    pub(super) stream: S,
    pub(super) reader: Reader,
    pub(super) silence: Duration,
    pub(super) shared: &'a Shared,
    pub(super) told: &'a Told,
}

impl<S: futures_util::Stream<Item = Result<Message, Error>> + Unpin> Listener<'_, S> {
    pub(super) async fn run(mut self) -> Lost {
        loop {
            if let Err(lost) = self.frame().await {
                return lost;
            }
        }
    }

    async fn frame(&mut self) -> Result<(), Lost> {
        let frame = timeout(self.silence, self.stream.next()).await;
        match frame.map_err(|_| Lost::Silent)? {
            Some(Ok(Message::Text(text))) => self.text(text.as_str()).await,
            Some(Ok(Message::Binary(bytes))) => self.binary(bytes).await,
            Some(Ok(Message::Close(_))) | None => Err(Lost::Ended("closed".to_owned())),
            // Answered by the WebSocket itself; `Frame` is never read.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Err(error)) => Err(Lost::Ended(error.to_string())),
        }
    }

    async fn text(&mut self, text: &str) -> Result<(), Lost> {
        let (kind, rest) = text.split_at_checked(1).unwrap_or_default();
        match kind {
            "1" => Err(Lost::Ended("closed".to_owned())),
            "2" => {
                self.shared.pong.notify_one();
                Ok(())
            }
            "4" => {
                let packet = self
                    .reader
                    .text(rest)
                    .map_err(|why| Lost::Malformed(why.0))?;
                self.packet(packet, text.len().saturating_mul(JSON_COST))
                    .await
            }
            // A transport's own business, which there is none of on a WebSocket.
            "3" | "5" | "6" => Ok(()),
            _ => Err(Lost::Malformed("no Engine.IO packet")),
        }
    }

    async fn binary(&mut self, bytes: Bytes) -> Result<(), Lost> {
        let length = bytes.len();
        let packet = self
            .reader
            .binary(bytes)
            .map_err(|why| Lost::Malformed(why.0))?;
        self.packet(packet, length).await
    }

    async fn packet(&mut self, packet: Option<Packet>, bytes: usize) -> Result<(), Lost> {
        let event = match packet {
            None => return Ok(()),
            Some(Packet::Event {
                name,
                arguments,
                ack,
            }) => Event::Received {
                name,
                arguments,
                ack,
            },
            Some(Packet::Ack { id, arguments }) => {
                // Of one that is late, too, nobody wants to know any more.
                if !self.shared.waiting().settle(id) {
                    return Ok(());
                }
                Event::Acknowledged {
                    id,
                    arguments: Ok(arguments),
                }
            }
            Some(Packet::Disconnect) => return Err(Lost::ByServer),
            // What we said after we were let in was more than we may.
            Some(Packet::Refused(why)) if why.get("message").is_some() => {
                return Err(Lost::Refused(message_of(&why)));
            }
            Some(Packet::Connect(_) | Packet::Refused(_)) => {
                return Err(Lost::Malformed("a second answer to CONNECT"));
            }
        };
        self.told
            .tell(event, bytes)
            .await
            .map_err(|Unheard| Lost::ByUs)
    }
}
