//! The file as written: one TOML section for each struct of the checked configuration.
//!
//! Every key may be absent, for then the default holds, and no key is known that is not named here. The
//! names are the checked structs' with hyphens.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::forms::Bytes;
use super::written::{List, Written};
use super::{CertificateFiles, Network, Rate, SmtpSecurity};
use crate::ids::{GatewayDomain, Name};

type Time = Written<Duration>;
type Size = Written<Bytes>;
type Path = Written<PathBuf>;
type Text = Written<String>;

/// Makes a section whose keys may be absent; with `=>`, also what lays them over the checked struct of the
/// same shape.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($key:ident: $form:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub(super) struct $name {
            $(pub(super) $key: Option<$form>,)+
        }
    };
    ($(#[$doc:meta])* $name:ident => $checked:ty { $($key:ident: $form:ty),+ $(,)? }) => {
        section! { $(#[$doc])* $name { $($key: $form),+ } }

        impl $name {
            /// Replaces each value of `onto` that the file names.
            pub(super) fn lay_over(self, onto: &mut $checked) {
                $(if let Some(written) = self.$key {
                    onto.$key = written.value().into();
                })+
            }
        }
    };
}

section! {
    /// `[gateway]`.
    Gateway {
        domain: Written<GatewayDomain>,
        origin: Text,
        state_dir: Path,
        root_key_file: Path,
        root_public_file: Path,
        root_private_file: Path,
        master_key_file: Path,
    }
}

section! {
    /// `[listen]`.
    Listen => super::Listen {
        https: List<SocketAddr>,
        redirect: List<SocketAddr>,
        backlog: Written<u32>,
    }
}

section! {
    /// `[tls]`.
    Tls => super::Tls {
        certificates: Certificates,
        handshake_timeout: Time,
        handshakes: Written<usize>,
        watch_interval: Time,
        hsts: Time,
    }
}

section! {
    /// `[http]`.
    Http => super::Http {
        header_timeout: Time,
        header_limit: Size,
        body_timeout: Time,
        body_limit: Size,
        idle_timeout: Time,
        request_timeout: Time,
        stall_timeout: Time,
        streams: Written<u32>,
        drain_timeout: Time,
    }
}

section! {
    /// `[sockets]`.
    Sockets => super::Sockets {
        ping_interval: Time,
        ping_timeout: Time,
        connect_timeout: Time,
        max_payload: Size,
        max_inflated: Size,
        queue_packets: Written<usize>,
        queue_bytes: Size,
        presence_delay: Time,
        clones_per_domain: Written<usize>,
        network_timeout: Time,
        max_operation_size: Size,
        log_level: Text,
    }
}

section! {
    /// `[limits]`.
    Limits => super::Limits {
        connections: Written<usize>,
        connections_per_source: Written<usize>,
        sessions: Written<usize>,
        sessions_per_source: Written<usize>,
        requests_per_source: Written<Rate>,
        requests_per_account: Written<Rate>,
        activations_per_source: Written<Rate>,
        activations_per_address: Written<Rate>,
        mints_per_account: Written<Rate>,
        connects_per_source: Written<Rate>,
        connects_per_account: Written<Rate>,
        messages_per_socket: Written<Rate>,
        messages_per_account: Written<Rate>,
        sources_per_network: Written<u32>,
        table_size: Written<usize>,
    }
}

section! {
    /// `[lockout]`.
    Lockout => super::Lockout {
        failures_per_source: Written<u32>,
        sources_per_network: Written<u32>,
        failures_per_account: Written<u32>,
        window: Time,
        first: Time,
        longest: Time,
        table_size: Written<usize>,
    }
}

section! {
    /// `[accounts]`. Whether activation codes are logged is no key: only `meldgate dev` does it.
    Accounts => super::Accounts {
        activation_lifetime: Time,
        activation_attempts: Written<u32>,
        concurrent_hashes: Written<usize>,
        verified_keys: Written<usize>,
        verified_for: Time,
        jwt_lifetime: Time,
        key_age_limit: Time,
        key_age_warning: Time,
        keys_per_account: Written<usize>,
        subdomains_per_account: Written<usize>,
        reserved: List<Name>,
    }
}

section! {
    /// `[domains]`.
    Domains => super::Domains {
        open_clones: Written<usize>,
        idle_timeout: Time,
        lock_lease: Time,
        lock_wait: Time,
        query_work: Written<usize>,
    }
}

section! {
    /// `[webhooks]`.
    Webhooks => super::Webhooks {
        allow_networks: List<Network>,
        ca_file: Path,
        timeout: Time,
        retry_first: Time,
        retry_longest: Time,
        give_up_after: Time,
    }
}

section! {
    /// `[smtp]`.
    Smtp {
        host: Text,
        port: Written<u16>,
        security: Written<SmtpSecurity>,
        from: Text,
        user: Text,
        password_file: Path,
        ca_file: Path,
        timeout: Time,
    }
}

section! {
    /// `[log]`.
    Log => super::Log {
        level: Written<log::LevelFilter>,
        access: Written<bool>,
    }
}

/// `[[tls.certificates]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Certificates(Vec<Certificate>);

impl Certificates {
    pub(super) fn value(self) -> Vec<CertificateFiles> {
        self.0.into_iter().map(Certificate::value).collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Certificate {
    certificate: Path,
    key: Path,
}

impl Certificate {
    fn value(self) -> CertificateFiles {
        CertificateFiles {
            certificate: self.certificate.value(),
            key: self.key.value(),
        }
    }
}
