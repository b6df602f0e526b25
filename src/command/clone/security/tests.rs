use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::*;
use crate::clock::Chance;
use crate::command::clone::{Arguments, configure};
use crate::command::folder::Temporary;

const PLAIN: &str = r#"{"@domain": "d.example.org", "io": {"uri": "https://a"}}"#;
const SECURE: &str = r#"{
    "@domain": "d.example.org", "io": {"uri": "https://a"}, "principal": {"@id": "https://ada.example/#me"},
    "transportSecurity": {"require": "@m-ld/m-ld/ext/security", "class": "MeldAclTransportSecurity"}
}"#;

/// A folder with keys.
struct Desk(Temporary);

impl Desk {
    fn new() -> Self {
        Self(Temporary::new(&std::env::temp_dir(), &Chance::system()).unwrap())
    }

    /// A file with a private key that its owner alone can read.
    fn key(&self) -> PathBuf {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let text = BASE64.encode(der.as_ref());
        self.file(
            &format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"),
            0o600,
        )
    }

    fn file(&self, text: &str, mode: u32) -> PathBuf {
        let path = self.0.path().join("key.pem");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    /// What a configuration and a key give: why none, if so.
    fn try_with(&self, configuration: &str, arguments: &Arguments) -> Result<Plugins, String> {
        let config = self.0.path().join("config.json");
        fs::write(&config, configuration).unwrap();
        let arguments = Arguments {
            config: Some(config),
            principal: arguments.principal.clone(),
            key_file: arguments.key_file.clone(),
            ..Arguments::default()
        };
        let configuration = configure(&arguments, &Chance::seeded(1));
        let plugins = configuration
            .and_then(|configuration| plugins(&configuration, arguments.key_file.as_deref()));
        plugins.map_err(|failure| format!("{failure} {failure:?}"))
    }
}

fn with_key(file: PathBuf) -> Arguments {
    Arguments {
        key_file: Some(file),
        ..Arguments::default()
    }
}

fn signer(plugins: &Plugins) -> Option<String> {
    let signed = plugins.security.sign(b"x", None).unwrap();
    signed.map(|attribution| attribution.principal)
}

#[test]
fn a_clone_signs_with_the_key_of_a_file_for_the_principal_that_is_configured() {
    let desk = Desk::new();
    let plugins = desk.try_with(SECURE, &with_key(desk.key())).unwrap();
    assert_eq!(signer(&plugins).unwrap(), "https://ada.example/#me");
    let mut arguments = with_key(desk.key());
    arguments.principal = Some("#bob".to_owned());
    let plugins = desk.try_with(PLAIN, &arguments).unwrap();
    assert_eq!(signer(&plugins).unwrap(), "http://d.example.org/#bob");
}

#[test]
fn nobody_signs_who_is_not_asked_to() {
    let desk = Desk::new();
    let plugins = desk.try_with(PLAIN, &Arguments::default()).unwrap();
    assert_eq!(signer(&plugins), None);
}

#[test]
fn what_cannot_secure_a_clone_is_told() {
    let desk = Desk::new();
    let unknown = SECURE.replace("MeldAclTransportSecurity", "RotThirteen");
    let cases = [
        (SECURE, Arguments::default(), "--key-file"),
        (&unknown, with_key(desk.key()), "RotThirteen"),
        (PLAIN, with_key(desk.key()), "principal"),
        (SECURE, with_key(desk.0.path().join("none")), "none"),
    ];
    for (configuration, arguments, what) in cases {
        let why = desk.try_with(configuration, &arguments).err().unwrap();
        assert!(why.contains(what), "{why}");
    }
}

#[test]
fn a_key_that_others_can_read_or_that_is_none_is_refused_without_a_word_of_it() {
    let desk = Desk::new();
    let key = fs::read_to_string(desk.key()).unwrap();
    let secret = &key[100..140];
    let other = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let cases = [
        (&*key, 0o604, "chmod"),
        (&key[100..], 0o600, "no private key"),
        (other, 0o600, "no RSA key"),
        ("", 0o600, "no private key"),
    ];
    for (text, mode, what) in cases {
        let file = desk.file(text, mode);
        let why = desk.try_with(SECURE, &with_key(file)).err().unwrap();
        assert!(why.contains(what), "{why}");
        assert!(!why.contains(secret), "{why}");
    }
}
