//! What we say on one connection.

use std::time::Duration;

use futures_util::SinkExt as _;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::client::{Event, Lost, NotAcknowledged, Order, Told, Unheard};
use super::connection::Shared;
use super::packet::Packet;

/// How long the server has to take what is left when we go.
const FAREWELL: Duration = Duration::from_secs(2);

/// Sends until the connection is lost, or the client gone.
pub(super) struct Speaker<'a, S> {
    pub(super) sink: S,
    pub(super) session: u64,
    pub(super) shared: &'a Shared,
    pub(super) told: &'a Told,
}

impl<S: futures_util::Sink<Message, Error = Error> + Unpin> Speaker<'_, S> {
    pub(super) async fn run(mut self, orders: &mut UnboundedReceiver<Order>) -> Lost {
        loop {
            let deadline = self.shared.waiting().deadline();
            let said = tokio::select! {
                biased;
                () = self.shared.pong.notified() => self.say("3".to_owned()).await,
                () = overdue(deadline) => self.give_up().await,
                order = orders.recv() => match order {
                    Some(order) => self.orders(order, orders).await,
                    None => return self.leave().await,
                },
            };
            if let Err(lost) = said {
                return lost;
            }
        }
    }

    async fn say(&mut self, text: String) -> Result<(), Lost> {
        self.sink
            .send(Message::text(text))
            .await
            .map_err(|error| ended(&error))
    }

    /// Sends an order, and those that wait behind it.
    async fn orders(
        &mut self,
        first: Order,
        orders: &mut UnboundedReceiver<Order>,
    ) -> Result<(), Lost> {
        let mut next = Some(first);
        while let Some(order) = next {
            self.order(order).await?;
            next = orders.try_recv().ok();
        }
        self.sink.flush().await.map_err(|error| ended(&error))
    }

    async fn order(&mut self, order: Order) -> Result<(), Lost> {
        if order.session != self.session {
            return Ok(());
        }
        let Order {
            frames, ack, room, ..
        } = order;
        let _until_written = match ack {
            None => Some(room),
            Some(id) => {
                self.shared.waiting().expect(id, room, Instant::now());
                None
            }
        };
        self.sink
            .feed(Message::text(frames.text))
            .await
            .map_err(|error| ended(&error))?;
        for attachment in frames.attachments {
            self.sink
                .feed(Message::Binary(attachment))
                .await
                .map_err(|error| ended(&error))?;
        }
        Ok(())
    }

    /// Tells of what the server did not acknowledge in time.
    async fn give_up(&mut self) -> Result<(), Lost> {
        loop {
            let overdue = self.shared.waiting().overdue(Instant::now());
            let Some(id) = overdue else {
                return Ok(());
            };
            let arguments = Err(NotAcknowledged);
            let told = self
                .told
                .tell(Event::Acknowledged { id, arguments }, 0)
                .await;
            told.map_err(|Unheard| Lost::ByUs)?;
        }
    }

    /// Says good-bye. All orders have been sent before.
    async fn leave(&mut self) -> Lost {
        let farewell = async {
            self.say(Packet::Disconnect.into_frames().text).await?;
            self.sink.close().await.map_err(|error| ended(&error))
        };
        match timeout(FAREWELL, farewell).await {
            Ok(Ok(())) | Err(_) => Lost::ByUs,
            Ok(Err(lost)) => lost,
        }
    }
}

fn ended(error: &Error) -> Lost {
    Lost::Ended(error.to_string())
}

async fn overdue(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
