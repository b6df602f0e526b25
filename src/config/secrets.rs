//! Secrets: from key files, from systemd credentials, or by value from the public gateway's variables.
//!
//! Who wins, from the strongest: a file named by a `MELDGATE_` variable or an argument, the public
//! gateway's variable, a file named in the configuration file, a systemd credential
//! (`meldgate.≪name≫`), the default place if there is a file.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::environment::OURS;
use super::error::Problem;
use super::guard::{self, Kind};
use super::layers::{Key, Layers, Origin};
use super::legacy;
use super::{CertificateFiles, RootPair};
use crate::ids::Invalid;
use crate::secret::{AccountKey, KeySecret};

/// Where secrets can come from.
pub(super) struct Vault<'a> {
    layers: &'a Layers,
    legacy: legacy::Secrets,
    credentials: Option<&'a Path>,
    /// Every file that was read, in order.
    seen: RefCell<Vec<PathBuf>>,
}

impl<'a> Vault<'a> {
    /// Credentials are looked for in their folder, if there is one.
    pub(super) fn new(
        layers: &'a Layers,
        legacy: legacy::Secrets,
        credentials: Option<&'a Path>,
    ) -> Self {
        Self {
            layers,
            legacy,
            credentials,
            seen: RefCell::default(),
        }
    }

    /// Every file that was read.
    pub(super) fn seen(&self) -> Vec<PathBuf> {
        self.seen.take()
    }

    /// The root account's key; `default` is where it is when nothing says otherwise.
    pub(super) fn root_key(
        &self,
        named: Option<PathBuf>,
        default: &Path,
    ) -> Result<Option<AccountKey>, Problem> {
        let key = Key::new("gateway", "root-key-file");
        if let (Some((secret, origin)), true) = (&self.legacy.root_key, self.by_value_wins(key)) {
            let wrong = |invalid: Invalid| Problem::Variable {
                origin: origin.clone(),
                wrong: invalid.to_string(),
            };
            return AccountKey::parse(secret.expose()).map(Some).map_err(wrong);
        }
        let default = Some(default).filter(|path| path.exists());
        match self.place(named, "root-key").or(default.map(Place::file)) {
            Some(place) => self
                .read(&place)
                .and_then(|text| place.account_key(&text))
                .map(Some),
            None => Ok(None),
        }
    }

    /// The root key pair of an existing gateway, both halves or none.
    pub(super) fn root_pair(
        &self,
        public: Option<PathBuf>,
        private: Option<PathBuf>,
    ) -> Result<Option<RootPair>, Problem> {
        let (public_key, private_key) = (
            Key::new("gateway", "root-public-file"),
            Key::new("gateway", "root-private-file"),
        );
        let legacy = &self.legacy;
        let public = self.secret(
            public_key,
            legacy.root_public.as_ref(),
            public,
            "root-public",
        )?;
        let private = self.secret(
            private_key,
            legacy.root_private.as_ref(),
            private,
            "root-private",
        )?;
        let missing = |key| Problem::Missing {
            key,
            wanted: "a key pair has a public and a private half: set both or neither",
        };
        match (public, private) {
            (None, None) => Ok(None),
            (Some(public), Some(private)) => Ok(Some(RootPair {
                public: public.expose().to_owned(),
                private,
            })),
            (None, Some(_)) => Err(missing(public_key)),
            (Some(_), None) => Err(missing(private_key)),
        }
    }

    /// The password of the mail server.
    pub(super) fn smtp_password(
        &self,
        named: Option<PathBuf>,
    ) -> Result<Option<KeySecret>, Problem> {
        let key = Key::new("smtp", "password-file");
        self.secret(
            key,
            self.legacy.smtp_password.as_ref(),
            named,
            "smtp-password",
        )
    }

    /// Where the store's key is. Whether it is fit to be used is for the caller to see.
    pub(super) fn master_key(&self, named: Option<PathBuf>, default: &Path) -> Place {
        self.place(named, "master-key")
            .unwrap_or_else(|| Place::file(default))
    }

    /// A certificate and its key that were handed over as credentials.
    pub(super) fn certificate(&self) -> Option<CertificateFiles> {
        Some(CertificateFiles {
            certificate: self.credential("tls-certificate")?,
            key: self.credential("tls-key")?,
        })
    }

    fn secret(
        &self,
        key: Key,
        by_value: Option<&KeySecret>,
        named: Option<PathBuf>,
        credential: &str,
    ) -> Result<Option<KeySecret>, Problem> {
        match (by_value, self.place(named, credential)) {
            (Some(secret), _) if self.by_value_wins(key) => Ok(Some(secret.clone())),
            (_, Some(place)) => self.read(&place).map(Some),
            (_, None) => Ok(None),
        }
    }

    fn read(&self, place: &Place) -> Result<KeySecret, Problem> {
        self.seen.borrow_mut().push(place.path.clone());
        place.read()
    }

    /// Whether the public gateway's variable is stronger than what names the file.
    fn by_value_wins(&self, key: Key) -> bool {
        match self.layers.origin(key) {
            Origin::Variable(name) => !name.starts_with(OURS),
            Origin::Argument(_) => false,
            Origin::Default | Origin::File { .. } => true,
        }
    }

    fn place(&self, named: Option<PathBuf>, credential: &str) -> Option<Place> {
        let named = named.map(|path| Place {
            path,
            kind: Kind::Key,
        });
        named.or_else(|| {
            self.credential(credential).map(|path| Place {
                path,
                kind: Kind::Credential,
            })
        })
    }

    fn credential(&self, name: &str) -> Option<PathBuf> {
        let path = self.credentials?.join(format!("meldgate.{name}"));
        path.exists().then_some(path)
    }
}

/// A file with a secret in it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

impl Place {
    fn account_key(&self, text: &KeySecret) -> Result<AccountKey, Problem> {
        let wrong =
            |invalid| Problem::content(&self.path, format!("holds no account key: {invalid}"));
        AccountKey::parse(text.expose()).map_err(wrong)
    }

    fn file(path: &Path) -> Self {
        Self {
            path: path.into(),
            kind: Kind::Key,
        }
    }

    fn read(&self) -> Result<KeySecret, Problem> {
        let text = guard::read(&self.path, self.kind)?;
        match text.trim() {
            "" => Err(Problem::content(&self.path, "is empty")),
            secret => Ok(KeySecret::new(secret)),
        }
    }
}
