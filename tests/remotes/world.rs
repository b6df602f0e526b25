//! A gateway with one account, and what every test does with it.

use testkit::{Auth, Event, Folder, Gateway, Poller, Socket, Writer, soon};

const BINARY: &str = env!("CARGO_BIN_EXE_meldgate");

/// The account whose domains the tests use; anybody may join those with a UUID name.
pub(super) const ACCOUNT: &str = "app";

/// A gateway, with its files.
#[derive(Debug)]
pub(super) struct World {
    pub(super) gateway: Gateway,
    folder: Folder,
}

impl World {
    /// A gateway with a configuration of this text, and the account.
    pub(super) async fn with(config: &str) -> Self {
        let folder = Folder::new();
        let gateway = Gateway::on(BINARY, &folder, config);
        gateway.mint(ACCOUNT).await;
        let details = r#"{"naming":"uuid","remotesAuth":["anon","key","jwt"]}"#;
        gateway.allow(ACCOUNT, details).await;
        Self { gateway, folder }
    }

    /// The gateway is gone; another one takes over its data.
    pub(super) fn again(self, config: &str) -> Self {
        let Self { gateway, folder } = self;
        drop(gateway);
        Self {
            gateway: Gateway::on(BINARY, &folder, config),
            folder,
        }
    }

    /// As [`again`](Self::again), after a polite end. Gives the exit code too.
    pub(super) async fn restarted(self, config: &str) -> (Self, Option<i32>) {
        let Self { gateway, folder } = self;
        let code = gateway.stop().await;
        let gateway = Gateway::on(BINARY, &folder, config);
        (Self { gateway, folder }, code)
    }

    /// The UUID domain of a number.
    pub(super) fn domain(number: u32) -> String {
        format!("c{number:024}.{ACCOUNT}.gw.local")
    }

    /// An anonymous clone on a WebSocket, in a domain.
    pub(super) async fn socket_in(&self, number: u32, id: &str) -> Socket {
        let domain = Self::domain(number);
        let joining = Socket::join(&self.gateway, id, &domain, &Auth::None);
        joining.await.unwrap()
    }

    /// An anonymous clone on a WebSocket, in the first domain.
    pub(super) async fn socket(&self, id: &str) -> Socket {
        self.socket_in(0, id).await
    }

    /// Who is present in the first domain, by what a newcomer is told.
    pub(super) async fn present(&self) -> Vec<String> {
        let mut newcomer = Socket::open(&self.gateway, "newcomer", &Self::domain(0)).await;
        newcomer.connect(&Auth::None).await;
        let present = newcomer.joined().await.unwrap();
        newcomer.close().await;
        present
    }

    /// Waits until those are present.
    pub(super) async fn presence_becomes(&self, expected: &[&str]) {
        soon(&format!("presence of {expected:?}"), async {
            while self.present().await != expected {}
        })
        .await;
    }

    /// An anonymous clone that polls, in the first domain.
    pub(super) async fn poller(&self, id: &str) -> Poller {
        let domain = Self::domain(0);
        let joining = Poller::join(&self.gateway, id, &domain, &Auth::None);
        joining.await.unwrap()
    }
}

/// What a receiver that hears of one sender got up to its end: everything from the first on, or up to some point.
#[track_caller]
pub(super) fn assert_prefix(numbers: &[u64]) {
    let whole: Vec<_> = (1..=numbers.len() as u64).collect();
    assert_eq!(
        numbers, whole,
        "something is missing, repeated or out of order"
    );
}

/// Reads operations until the one of this number, and checks that they are all that come from `first` on.
pub(super) async fn hears(socket: &mut Socket, first: u64, last: u64) {
    for expected in first..=last {
        let number = Writer::number(&socket.next_operation().await);
        assert_eq!(number, expected, "at {}", socket.id);
    }
}

/// A clone that does as a clone does, until its transport ends; then it tells what it has heard.
pub(super) fn live(mut socket: Socket) -> tokio::task::JoinHandle<(Vec<u64>, bool)> {
    tokio::spawn(async move { socket.until_closed().await })
}

/// Whether an end came, within the usual patience, and no DISCONNECT, which would end the clone for good.
pub(super) async fn assert_reconnectable(socket: &mut Socket) {
    let disconnected = soon("the transport's end", socket.ended()).await;
    assert!(!disconnected, "{} was told never to come back", socket.id);
}

/// Passes over everything up to the end of a session that polls.
pub(super) async fn session_ends(poller: &mut Poller) {
    soon("the session's end", async {
        while poller.next().await != Event::Closed {}
    })
    .await;
}
