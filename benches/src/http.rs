//! One HTTP/1.1 connection over TLS that is kept alive: as little as a client can do, so that what is measured is the
//! server.

use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::failure::{Failure, Result};
use crate::tls;

const BUFFER: usize = 16 * 1024;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";
const END_OF_LINE: &[u8] = b"\r\n";
/// What an answer may have at most: more is no answer to what is asked here.
const LONGEST: usize = 64 * 1024 * 1024;

/// A connection that is open.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    /// What has come and was not looked at yet.
    buffer: BytesMut,
}

/// What a request was answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Connection {
    /// Connects to a port of this machine.
    pub(crate) async fn open(port: u16, config: &Arc<ClientConfig>) -> Result<Self> {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
        tcp.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(config));
        Ok(Self {
            stream: connector.connect(tls::name()?, tcp).await?,
            buffer: BytesMut::with_capacity(BUFFER),
        })
    }

    /// Sends a request and takes its whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let end = self.until(END_OF_HEAD).await?;
        let head = self.buffer.split_to(end + END_OF_HEAD.len());
        let (status, framing) = read_head(&head)?;
        let body = match framing {
            Framing::Length(length) => self.take(length).await?,
            Framing::Chunked => self.chunks().await?,
        };
        Ok(Answer { status, body })
    }

    async fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = self.until(END_OF_LINE).await?;
            let line = self.buffer.split_to(end + END_OF_LINE.len());
            let length = std::str::from_utf8(&line)?.trim();
            let length = usize::from_str_radix(length, 16)?;
            if length == 0 {
                self.take(END_OF_LINE.len()).await?;
                return Ok(body);
            }
            body.extend(self.take(length).await?);
            self.take(END_OF_LINE.len()).await?;
        }
    }

    /// Reads until the buffer has `end` in it; says where.
    async fn until(&mut self, end: &[u8]) -> Result<usize> {
        let mut looked = 0;
        loop {
            let mut windows = self.buffer[looked..].windows(end.len());
            if let Some(found) = windows.position(|window| window == end) {
                return Ok(looked + found);
            }
            looked = self.buffer.len().saturating_sub(end.len() - 1);
            self.more().await?;
        }
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        if length > LONGEST {
            return Err(Failure::new("an answer is too long"));
        }
        while self.buffer.len() < length {
            self.more().await?;
        }
        let taken = self.buffer[..length].to_vec();
        self.buffer.advance(length);
        Ok(taken)
    }

    async fn more(&mut self) -> Result<()> {
        self.buffer.reserve(BUFFER);
        if self.buffer.len() > LONGEST || self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(Failure::new("the server hung up"));
        }
        Ok(())
    }
}

/// A request as it goes out; `body` is JSON.
pub(crate) fn request(method: &str, path: &str, authorization: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        tls::NAME,
        body.len(),
    )
    .into_bytes()
}

fn read_head(head: &[u8]) -> Result<(u16, Framing)> {
    let text = std::str::from_utf8(head)?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.ok_or_else(|| Failure::new("no HTTP"))?.parse()?;
    let mut framing = Framing::Length(0);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            framing = Framing::Length(value.trim().parse()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Framing::Chunked;
        }
    }
    Ok((status, framing))
}

/// Text as it can be in the query of a path.
pub(crate) fn escaped(text: &str) -> String {
    let stays = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escape = |byte: u8| {
        if stays(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_an_answer_says_how_long_its_body_is() {
        let head = |rest: &str| read_head(format!("HTTP/1.1 200 OK\r\n{rest}\r\n").as_bytes());
        let read = |rest: &str| head(rest).ok();
        assert_eq!(read(""), Some((200, Framing::Length(0))));
        assert_eq!(
            read("content-length: 12\r\n"),
            Some((200, Framing::Length(12)))
        );
        assert_eq!(
            read("Transfer-Encoding: chunked\r\n"),
            Some((200, Framing::Chunked))
        );
        assert!(head("content-length: x\r\n").is_err());
    }

    #[test]
    fn what_a_query_string_cannot_have_is_escaped() {
        assert_eq!(escaped(r#"{"a":1}"#), "%7B%22a%22%3A1%7D");
    }
}
