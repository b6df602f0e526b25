//! From an address to a WebSocket.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::Options;

/// Bytes either way, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(super) type WebSocket = WebSocketStream<Box<dyn Stream>>;

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("{0}")]
    Network(#[from] io::Error),
    #[error("no TLS configuration for an address with TLS")]
    NoTls,
    #[error("a host that cannot be in a certificate")]
    Host,
    #[error("no WebSocket: {0}")]
    WebSocket(#[from] Box<tungstenite::Error>),
}

/// Buffer for reading; allocated for each connection, filled by the kernel at once if there is so much.
const READ_BUFFER: usize = 32 << 10;
/// Bytes gathered before they are written although more may come.
const WRITE_BUFFER: usize = 32 << 10;

/// Opens a WebSocket, and says nothing on it yet.
pub(super) async fn open(options: &Options) -> Result<WebSocket, OpenError> {
    let stream = Box::pin(connect(options)).await?;
    let uri = options.address.web_socket(&options.query);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(options.limits.message))
        .max_frame_size(Some(options.limits.message));
    let upgrade = tokio_tungstenite::client_async_with_config(uri, stream, Some(config));
    let (socket, _) = Box::pin(upgrade).await.map_err(Box::new)?;
    Ok(socket)
}

async fn connect(options: &Options) -> Result<Box<dyn Stream>, OpenError> {
    let address = &options.address;
    let host = address.bare_host();
    let stream = TcpStream::connect((host, address.port)).await?;
    // Messages are small and waited for.
    stream.set_nodelay(true)?;
    if !address.is_secure() {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|_| OpenError::Host)?;
    let mut tls = rustls::ClientConfig::clone(options.tls.as_ref().ok_or(OpenError::NoTls)?);
    // WebSockets are HTTP/1.1.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TlsConnector::from(Arc::new(tls))
        .connect(name, stream)
        .await?;
    Ok(Box::new(stream))
}
