//! What the operator decides: file and environment to a checked [`Config`].
//!
//! # Invariants
//! 1. A [`Config`] that [`Config::load`] returns passed every check; no room checks again.
//! 2. Every key of the file types is in `config/meldgate.toml`, and every default there is the true one.
//! 3. No secret is ever a value of the file.
//!
//! # Sources: the API page of the gateway (`docs/api.md`), "Command line and configuration".

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::ids::{GatewayDomain, Name};
use crate::secret::{AccountKey, KeySecret};

mod check;
mod defaults;
mod environment;
mod error;
mod file;
mod forms;
pub mod guard;
mod layers;
mod legacy;
mod load;
mod network;
mod origin;
mod ranges;
mod restart;
mod schema;
mod secrets;
mod smtp;
#[cfg(test)]
mod tests;
mod text;
mod written;

pub use error::{ConfigError, Note, Problem};
pub use layers::{Key, Origin};
pub use load::{Loaded, Places, Purpose, Sources};
pub use network::Network;

/// Everything the daemon is told, checked. Cannot be built from an unchecked file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Who the gateway is.
    pub gateway: Gateway,
    /// Where it listens.
    pub listen: Listen,
    /// Certificates and protocol versions.
    pub tls: Tls,
    /// Time and size limits of a request.
    pub http: Http,
    /// The Socket.io remotes.
    pub sockets: Sockets,
    /// Rates and counts.
    pub limits: Limits,
    /// What happens to those who guess.
    pub lockout: Lockout,
    /// Accounts and activation.
    pub accounts: Accounts,
    /// The gateway's own clones.
    pub domains: Domains,
    /// How updates are sent to subscribers.
    pub webhooks: Webhooks,
    /// How mail leaves; without it, activation codes are only in the log and only in development.
    pub smtp: Option<Smtp>,
    /// What is logged.
    pub log: Log,
}

/// Who the gateway is and where its state is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Gateway {
    /// The host name under which subdomains are named.
    pub domain: GatewayDomain,
    /// What clients call it, `https://host[:port]`, without a trailing slash. `None`: made from the
    /// domain and the port that is listened to.
    pub origin: Option<String>,
    /// An absolute folder that only the daemon can read.
    pub state_dir: PathBuf,
    /// The root account's key; `None` until `meldgate init` or `dev` has made one.
    pub root_key: Option<AccountKey>,
    /// The root key pair of an existing public gateway, base64 DER (public SPKI; private PKCS#8
    /// encrypted under the root key's secret). `None`: generated at first start.
    pub root_pair: Option<RootPair>,
    /// The 32-byte key that seals the store. Not in `state_dir` in production.
    pub master_key_file: PathBuf,
}

/// A key pair that comes from elsewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RootPair {
    /// SPKI, DER, base64.
    pub public: String,
    /// PKCS#8, DER, encrypted (PBES2), base64.
    pub private: KeySecret,
}

/// Where the gateway listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listen {
    /// TLS addresses; port 0 lets the system choose.
    pub https: Vec<SocketAddr>,
    /// Plain addresses that only redirect to the origin.
    pub redirect: Vec<SocketAddr>,
    /// How many connections the kernel may hold before they are accepted.
    pub backlog: u32,
}

/// Certificates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tls {
    /// Certificate chains with their keys. The first one answers a client that names no known host.
    pub certificates: Vec<CertificateFiles>,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
    /// How many handshakes may be under way at once.
    pub handshakes: usize,
    /// How often files are looked at for a change; zero: only on SIGHUP.
    pub watch_interval: Duration,
    /// How long `Strict-Transport-Security` holds; zero: the header is not sent.
    pub hsts: Duration,
}

/// A certificate chain and its key, both PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The leaf's private key.
    pub key: PathBuf,
}

/// Limits of a request and of the connection that carries it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Http {
    /// How long a request's head may take to arrive.
    pub header_timeout: Duration,
    /// Bytes of a request's head.
    pub header_limit: usize,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// Bytes of a request's body.
    pub body_limit: usize,
    /// How long a connection may be idle between requests.
    pub idle_timeout: Duration,
    /// How long an answer may take in all, and again how long its client may take to take it.
    pub request_timeout: Duration,
    /// How long a peer may refuse to take bytes before its connection is cut.
    pub stall_timeout: Duration,
    /// Streams that one HTTP/2 connection may have open.
    pub streams: u32,
    /// How long a stopping daemon waits for requests under way.
    pub drain_timeout: Duration,
}

/// The Socket.io remotes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sockets {
    /// How often a client is asked whether it is alive.
    pub ping_interval: Duration,
    /// How long its answer may take.
    pub ping_timeout: Duration,
    /// How long a client may take from its transport's opening to its CONNECT packet.
    pub connect_timeout: Duration,
    /// Bytes of one message, on either transport.
    pub max_payload: usize,
    /// Bytes of one operation's update once inflated.
    pub max_inflated: usize,
    /// Packets that may wait for one receiver before it is cut off.
    pub queue_packets: usize,
    /// Bytes that may wait for one receiver before it is cut off.
    pub queue_bytes: usize,
    /// How long presence changes are gathered before they are told.
    pub presence_delay: Duration,
    /// Clones that may be connected to one domain.
    pub clones_per_domain: usize,
    /// Echoed to clones in their configuration: how long they wait for each other.
    pub network_timeout: Option<Duration>,
    /// Echoed to clones in their configuration: bytes of an operation.
    pub max_operation_size: Option<usize>,
    /// Echoed to clones in their configuration.
    pub log_level: Option<String>,
}

/// One rate, by the generic cell rate algorithm: `burst` at once, refilled evenly over `period`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// How many at once; also how many in each `period` in the long run. At least 1.
    pub burst: u32,
    /// How long an empty bucket takes to fill.
    pub period: Duration,
}

/// Rates and counts, per source prefix (IPv4 /32, IPv6 /64) or per account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one source.
    pub connections_per_source: usize,
    /// Socket.io sessions in all. One that polls can share connections with others, or have none.
    pub sessions: usize,
    /// Socket.io sessions of one source.
    pub sessions_per_source: usize,
    /// HTTP requests of one source.
    pub requests_per_source: Rate,
    /// HTTP requests of one account.
    pub requests_per_account: Rate,
    /// Activation requests of one source.
    pub activations_per_source: Rate,
    /// Activation mails to one address.
    pub activations_per_address: Rate,
    /// Keys minted by one account.
    pub mints_per_account: Rate,
    /// Socket connects of one source.
    pub connects_per_source: Rate,
    /// Socket connects of one account.
    pub connects_per_account: Rate,
    /// Socket messages of one socket.
    pub messages_per_socket: Rate,
    /// Socket messages of one account, all sockets together.
    pub messages_per_account: Rate,
    /// How many sources' worth of rates, connections and sessions one wider network (IPv4 /24, IPv6 /48) may use.
    pub sources_per_network: u32,
    /// How many sources or accounts each table remembers; the one longest unused is forgotten first.
    pub table_size: usize,
}

/// What happens to those who guess. An account's right key always passes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lockout {
    /// Wrong keys of one source within `window` before it is locked out.
    pub failures_per_source: u32,
    /// How many sources' worth of failures one IPv6 /48 may have before all of it is locked out.
    pub sources_per_network: u32,
    /// Wrong keys or codes against one account within `window` before guessable credentials of it are locked.
    pub failures_per_account: u32,
    /// How long failures are remembered.
    pub window: Duration,
    /// How long the first lock holds; each further one within a day holds twice as long.
    pub first: Duration,
    /// How long a lock can hold at most.
    pub longest: Duration,
    /// How many entries the tables hold.
    pub table_size: usize,
}

/// Accounts and activation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accounts {
    /// How long an activation code is good.
    pub activation_lifetime: Duration,
    /// Tries of one activation.
    pub activation_attempts: u32,
    /// Activation codes go to the log as well: development only.
    pub log_activation_codes: bool,
    /// Password hashes under way at once.
    pub concurrent_hashes: usize,
    /// Verified keys that are remembered, and for how long.
    pub verified_keys: usize,
    /// How long a verified key is remembered.
    pub verified_for: Duration,
    /// How long a JWT in a configuration is good.
    pub jwt_lifetime: Duration,
    /// How old a key may become; zero: as old as it likes.
    pub key_age_limit: Duration,
    /// How long before a key's end its use is warned of; zero: never.
    pub key_age_warning: Duration,
    /// Keys that one account can have.
    pub keys_per_account: usize,
    /// Named subdomains that one account can have.
    pub subdomains_per_account: usize,
    /// Names that nobody can register.
    pub reserved: Vec<Name>,
}

/// The gateway's own clones of named subdomains.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Domains {
    /// Clones that are open before those that nobody uses are let go of.
    pub open_clones: usize,
    /// How long nobody uses a clone before it closes.
    pub idle_timeout: Duration,
    /// How long a lock on a state lasts if nobody renews it.
    pub lock_lease: Duration,
    /// How long a request waits for a lock.
    pub lock_wait: Duration,
    /// How many steps a query may take.
    pub query_work: usize,
}

/// How updates are sent to those who subscribe by webhook.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Webhooks {
    /// Networks that webhooks may be in though they are not public; there, without TLS too.
    pub allow_networks: Vec<Network>,
    /// Authorities to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one delivery may take.
    pub timeout: Duration,
    /// How long the first wait after a failed delivery is; each further one is twice as long.
    pub retry_first: Duration,
    /// How long such a wait can be at most.
    pub retry_longest: Duration,
    /// How long deliveries may fail before the subscription is disabled.
    pub give_up_after: Duration,
}

/// A mail server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Smtp {
    /// Its host name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// The sender of the gateway's mail.
    pub from: String,
    /// A user and password, if the server wants them.
    pub login: Option<(String, KeySecret)>,
    /// A CA to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one mail may take.
    pub timeout: Duration,
}

/// How a connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SmtpSecurity {
    /// TLS from the first byte.
    Tls,
    /// STARTTLS, and no mail if the server does not offer it.
    StartTls,
    /// Nothing: for a relay on this machine.
    Plain,
}

/// What is logged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Log {
    /// The least severe level that is logged.
    pub level: log::LevelFilter,
    /// Whether each request is logged.
    pub access: bool,
}
