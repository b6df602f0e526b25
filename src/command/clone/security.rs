//! What a clone signs and encrypts with.
//!
//! Keys of others, and the secret of the domain, are in the domain's data (m-ld protocol, section 11.3). The principal's own
//! private key is in a file that only its owner can reach: never in an argument, which others could see, nor in a message.

#[cfg(test)]
mod tests;

use std::path::Path;

use m_ld_engine::clone::Plugins;
use m_ld_engine::rdf::Iri;
use m_ld_engine::security::{Acl, Principal};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use zeroize::Zeroize as _;

use super::CloneFailure;
use super::configuration::Configuration;
use crate::command::failure::Failure;
use crate::config::Problem;
use crate::config::guard::{self, Kind};

/// The module and the class by which an application in JavaScript names what is in the engine here.
const MODULE: &str = "@m-ld/m-ld/ext/security";
const CLASS: &str = "MeldAclTransportSecurity";

/// A class in a module, as an application in JavaScript names it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Plugin {
    /// The name of the module.
    require: String,
    /// The name of the class.
    class: String,
}

impl Plugin {
    fn is_known(&self) -> bool {
        let module = self.require.strip_suffix(".js").unwrap_or(&self.require);
        module == MODULE && self.class == CLASS
    }
}

/// What the clone plugs in: access control by the keys in the data, if the configuration or a key asks for it.
pub(super) fn plugins(
    configuration: &Configuration,
    key_file: Option<&Path>,
) -> Result<Plugins, Failure> {
    let wrong = |why: String| Failure::from(CloneFailure::Configuration(why));
    match (&configuration.transport_security, key_file) {
        (None, None) => Ok(Plugins::default()),
        (Some(plugin), _) if !plugin.is_known() => Err(wrong(format!(
            "transportSecurity: {} of {} is not known; {CLASS} of {MODULE} is",
            plugin.class, plugin.require
        ))),
        (_, None) => Err(wrong(
            "transportSecurity needs the principal's key (--key-file)".to_owned(),
        )),
        (_, Some(file)) => {
            let iri = configuration.principal().map_err(wrong)?;
            let missing = "principal.@id (or --principal) is missing: whose key it is";
            let iri = iri.ok_or_else(|| wrong(missing.to_owned()))?;
            let acl = Acl::new(configuration.base(), Some(principal(iri, file)?));
            let security = Box::new(acl.map_err(|error| wrong(error.to_string()))?);
            Ok(Plugins {
                security,
                ..Plugins::default()
            })
        }
    }
}

/// The principal with the private key in a file.
fn principal(iri: Iri, file: &Path) -> Result<Principal, Failure> {
    let unusable = |wrong: &str| {
        let (path, wrong) = (file.into(), wrong.to_owned());
        Failure::from(Problem::Content { path, wrong })
    };
    let pem = guard::read(file, Kind::Key)?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes());
    let mut key = key.map_err(|_| unusable("holds no private key in PEM that is not encrypted"))?;
    let principal = Principal::with_key(iri, key.secret_der());
    key.zeroize();
    principal.map_err(|_| unusable("holds no RSA key of 2048 to 8192 bits"))
}
