//! A receiver of webhooks: a server of its own authority that keeps what it is sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;
use testkit::{Folder, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// What the receiver was sent.
pub(super) struct Received {
    head: String,
    text: String,
    pub(super) body: Value,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value).unwrap()
    }

    /// Checks the signature as a receiver does, by the published scheme.
    #[track_caller]
    pub(super) fn is_signed_with(&self, secret: &str) {
        let secret = STANDARD.decode(secret.strip_prefix("whsec_").unwrap());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.unwrap());
        let (id, timestamp) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        assert!(timestamp.parse::<u64>().unwrap() > 1_700_000_000);
        let signature = self
            .header("webhook-signature")
            .strip_prefix("v1,")
            .unwrap();
        let signature = STANDARD.decode(signature).unwrap();
        let signed = format!("{id}.{timestamp}.{}", self.text);
        hmac::verify(&key, signed.as_bytes(), &signature).expect("the signature is right");
    }
}

/// The receiver, for as long as its test.
pub(super) struct Sink {
    port: u16,
    ca_file: std::path::PathBuf,
    received: mpsc::UnboundedReceiver<Received>,
}

impl Sink {
    /// Starts one that answers with these statuses, then with 200.
    pub(super) async fn start(folder: &Folder, answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &ca).unwrap();
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], private)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (sender, received) = mpsc::unbounded_channel();
        let answers: VecDeque<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
        let answers = Arc::new(Mutex::new(answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serve(
                    stream,
                    acceptor.clone(),
                    Arc::clone(&answers),
                    sender.clone(),
                );
                tokio::spawn(serving);
            }
        });
        Self {
            port,
            ca_file: folder.write(&format!("sink-{port}.pem"), &ca.pem()),
            received,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}/hook", self.port)
    }

    /// A configuration that ends with `[webhooks]`, and trusts this sink.
    pub(super) fn trusted(&self, config: &str) -> String {
        format!("{config}ca-file = \"{}\"\n", self.ca_file.display())
    }

    pub(super) async fn next(&mut self) -> Received {
        soon("a webhook", self.received.recv()).await.unwrap()
    }

    /// How many came that nobody took.
    pub(super) fn others(&mut self) -> usize {
        std::iter::from_fn(|| self.received.try_recv().ok()).count()
    }
}

/// Serves one request. Whoever does not finish it is not answered.
async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    answers: Arc<Mutex<VecDeque<String>>>,
    sender: mpsc::UnboundedSender<Received>,
) -> Option<()> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut read = Vec::new();
    let received = loop {
        let mut buffer = [0; 4096];
        let count = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|&count| count > 0)?;
        read.extend_from_slice(&buffer[..count]);
        if let Some(received) = parse(&read) {
            break received;
        }
    };
    let answer = answers.lock().unwrap().pop_front();
    let answer = answer.unwrap_or_else(|| "200 OK".to_owned());
    let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
    // Answered first, so that whoever saw the request may act on what the answer does.
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.shutdown().await.ok();
    sender.send(received).ok()
}

fn parse(read: &[u8]) -> Option<Received> {
    let text = String::from_utf8(read.to_vec()).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut received = Received {
        head: head.to_owned(),
        text: body.to_owned(),
        body: Value::Null,
    };
    let length: usize = received.header("content-length").parse().unwrap();
    (body.len() == length).then(|| {
        received.body = serde_json::from_str(body).unwrap();
        received
    })
}
