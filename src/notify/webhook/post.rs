//! One request and its answer.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Signed, WebhookError};

/// Bytes of an answer's head, and its headers.
const HEAD: usize = 16 * 1024;
const HEADERS: usize = 64;
/// Bytes of an answer's body that are read so that its sender can end well; the rest is not.
const BODY: usize = 64 * 1024;
/// How long that may take.
const LINGER: Duration = Duration::from_secs(1);

const AGENT: &str = concat!("meldgate/", env!("CARGO_PKG_VERSION"));

/// Sends a message on a new connection, and gives the status of the answer.
pub(super) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin,
    message: &Signed,
) -> Result<u16, WebhookError> {
    let request = request(message)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD)
        .max_headers(HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(no_answer)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(no_answer)?;
        let status = response.status().as_u16();
        // Whether it is all read or not, the message was answered.
        drop(tokio::time::timeout(LINGER, drain(response.into_body())).await);
        Ok(status)
    };
    // What the connection fails of, the answer fails of.
    let driven = async {
        drop(connection.await);
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        answer = answer => answer,
        never = driven => match never {},
    }
}

fn request(message: &Signed) -> Result<Request<Full<Bytes>>, WebhookError> {
    let text = |text: &str| HeaderValue::from_str(text).map_err(no_answer);
    let mut request = Request::new(Full::new(message.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = message.url.target().parse().map_err(no_answer)?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, text(message.url.authority())?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    for (name, value) in [
        ("webhook-id", text(&message.id)?),
        ("webhook-timestamp", HeaderValue::from(message.timestamp)),
        ("webhook-signature", text(&message.signature)?),
    ] {
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(request)
}

/// Reads what an answer says beside its status, and forgets it.
async fn drain(mut body: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > BODY {
            return;
        }
    }
}

fn no_answer(cause: impl Into<super::super::Cause>) -> WebhookError {
    WebhookError::NoAnswer(cause.into())
}
