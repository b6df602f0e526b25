//! Bodies that are made while they are sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body::Frame;
use tokio::sync::mpsc;

/// Pieces that wait for a client: whoever makes them waits for it too.
const PIECES: usize = 4;

/// Why a body ends before it is whole. The connection is cut, so that nobody takes it for whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer could not be finished")]
pub(super) struct Unfinished;

/// Where the pieces of a body are put.
pub(super) type Pieces = mpsc::Sender<Result<Bytes, Unfinished>>;

/// A body of pieces that are put in at the other end.
pub(super) fn streamed() -> (Pieces, Body) {
    let (sender, receiver) = mpsc::channel(PIECES);
    (sender, Body::new(Streamed(receiver)))
}

struct Streamed(mpsc::Receiver<Result<Bytes, Unfinished>>);

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = Unfinished;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unfinished>>> {
        let next = self.0.poll_recv(context);
        next.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// An answer of a type about the state of a tick.
pub(super) fn answer(status: StatusCode, of: &'static str, tick: u64, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(of));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{tick}\"")) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// Says where the lock that was taken is released.
pub(super) fn located(mut response: Response, location: &str) -> Response {
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
