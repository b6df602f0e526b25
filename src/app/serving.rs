//! The edges, joined, and what runs beside them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::base::Base;
use super::reloading::{Again, reloading};
use super::signals::Signals;
use super::{AppError, Ready};
use crate::clock::{Chance, Clock};
use crate::config::Config;
use crate::http::{Answering, Edge, Remotes, Rooms};
use crate::listener::{self, Certificates, Listener, Tls};
use crate::sockets::Sockets;

/// The edges know nothing of each other; here they are joined.
impl Remotes for Sockets {
    fn owns(&self, path: &str) -> bool {
        Sockets::owns(path)
    }

    fn answer(&self, request: http::Request<axum::body::Body>) -> Answering<'_> {
        Box::pin(self.answer(request))
    }
}

/// The edges, serving.
pub(super) struct Serving {
    sockets: Sockets,
    accepting: Vec<JoinHandle<listener::Open>>,
    beside: Vec<JoinHandle<()>>,
}

impl Serving {
    pub(super) fn start(
        config: &Config,
        (certificates, bound, again): (Certificates, listener::Sockets, Again),
        ready: &Ready,
        base: &Base,
        (clock, chance): (&Clock, &Chance),
        stop: &watch::Sender<bool>,
    ) -> Result<Self, AppError> {
        let tls = Arc::new(Tls::new(&config.tls, &certificates)?);
        let sockets = Sockets::new(config, base.sockets_need(clock));
        base.domains.join(Arc::new(sockets.clone()));
        let rooms = Rooms {
            accounts: base.accounts.clone(),
            domains: base.domains.clone(),
            limits: Arc::clone(&base.limits),
            sockets: Arc::new(sockets.clone()),
            ready: Arc::clone(&base.ready),
        };
        let edge = Edge::new(
            config,
            &ready.origin,
            rooms,
            clock,
            chance,
            stop.subscribe(),
        );
        let reloading = reloading(
            config,
            (Arc::clone(&tls), certificates),
            again,
            base,
            (clock, chance),
            stop.subscribe(),
        )?;
        let (domains, own) = (base.domains.clone(), base.domains.clone());
        let lockouts = Arc::clone(&base.lockouts);
        let beside = vec![
            tokio::spawn(sockets.clone().run()),
            tokio::spawn(reloading),
            tokio::spawn(own.keep_own()),
            tokio::spawn(async move { domains.resume_webhooks().await }),
            tokio::spawn(async move { lockouts.watch().await }),
        ];
        let accepting = accept(config, bound, tls, &edge, base, stop);
        Ok(Self {
            sockets,
            accepting,
            beside,
        })
    }

    /// Stops accepting, tells sockets to reconnect, waits for requests under way; gives up after `patience`
    /// or at a second signal.
    pub(super) async fn stop(
        self,
        stop: &watch::Sender<bool>,
        patience: Duration,
        signals: &mut Signals,
    ) {
        stop.send_replace(true);
        let dismissed = self.sockets.drain();
        log::info!(target: "meldgate", sockets = dismissed; "sockets are told to reconnect");
        let sockets = self.sockets.clone();
        let accepting = self.accepting;
        let gone = async {
            for listener in accepting {
                if let Ok(open) = listener.await {
                    open.closed().await;
                }
            }
            sockets.closed().await;
        };
        tokio::select! {
            () = gone => log::info!(target: "meldgate", signal = "none"; "all connections are finished"),
            () = tokio::time::sleep(patience) => {
                log::warn!(target: "meldgate", seconds = patience.as_secs(); "some connections did not finish in time");
            }
            signal = signals.wait() => log::warn!(target: "meldgate", signal; "a second signal: stopping at once"),
        }
        for task in self.beside {
            task.abort();
        }
    }
}

fn accept(
    config: &Config,
    bound: listener::Sockets,
    tls: Arc<Tls>,
    edge: &Edge,
    base: &Base,
    stop: &watch::Sender<bool>,
) -> Vec<JoinHandle<listener::Open>> {
    let listener = Listener::new(Arc::clone(&base.limits), config.http.stall_timeout);
    let (secure, plain) = (edge.clone(), edge.clone());
    let (listener_plain, stop_secure, stop_plain) =
        (listener.clone(), stop.subscribe(), stop.subscribe());
    vec![
        tokio::spawn(async move {
            let serve = move |connection| secure.clone().serve(connection);
            listener.serve(bound.https, tls, stop_secure, serve).await
        }),
        tokio::spawn(async move {
            let redirect = move |connection| plain.clone().redirect(connection);
            listener_plain
                .serve_plain(bound.redirect, stop_plain, redirect)
                .await
        }),
    ]
}
