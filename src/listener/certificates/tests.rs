use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::listener::testing::{DAY, Folder, NOW, tls, write_key};

fn refusal(files: CertificateFiles) -> CertificateError {
    load(&tls(&[files]), NOW).unwrap_err()
}

#[test]
fn a_good_certificate_is_loaded_with_its_names_in_lower_case() {
    let folder = Folder::new();
    let files = folder.good("a", &["GW.example.org", "*.gw.example.org", "127.0.0.1"]);
    let loaded = load(&tls(&[files]), NOW).unwrap();
    assert_eq!(
        loaded.chains()[0].names(),
        ["gw.example.org", "*.gw.example.org"]
    );
    assert!(loaded.warnings(NOW).is_empty());
}

#[test]
fn keys_of_every_pem_kind_are_read() {
    let folder = Folder::new();
    let files = folder.good("a", &["a.org"]);
    let pkcs8 = fs::read_to_string(&files.key).unwrap();
    for (kind, command) in [("SEC1", ["ec", "-in"]), ("PKCS#8", ["pkey", "-in"])] {
        let converted = openssl(&[&command[..], &[files.key.to_str().unwrap()]].concat());
        write_key(&files.key, &converted);
        assert!(
            load(&tls(std::slice::from_ref(&files)), NOW).is_ok(),
            "{kind}"
        );
        write_key(&files.key, &pkcs8);
    }
    let rsa = folder.files("rsa");
    let key = openssl(&["genrsa", "-traditional", "2048"]);
    assert!(key.contains("BEGIN RSA PRIVATE KEY"));
    let pair = KeyPair::from_pem(&key).unwrap();
    let made = CertificateParams::new(vec!["a.org".to_owned()])
        .unwrap()
        .self_signed(&pair)
        .unwrap();
    fs::write(&rsa.certificate, made.pem()).unwrap();
    write_key(&rsa.key, &key);
    assert!(load(&tls(&[rsa]), NOW).is_ok(), "PKCS#1");
}

fn openssl(arguments: &[&str]) -> String {
    let output = std::process::Command::new("openssl")
        .args(arguments)
        .output();
    let output = output.expect("the openssl command line tool is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn no_certificate_at_all_is_refused() {
    assert!(matches!(load(&tls(&[]), NOW), Err(CertificateError::None)));
}

#[test]
fn an_unreadable_file_is_named_with_the_systems_reason() {
    let folder = Folder::new();
    let files = folder.good("a", &["a.org"]);
    fs::remove_file(&files.key).unwrap();
    let error = refusal(files.clone());
    assert!(
        error.to_string().contains(files.key.to_str().unwrap()),
        "{error}"
    );
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("os error 2"), "{cause}");
}

#[test]
fn a_key_that_others_can_reach_is_refused_at_each_bit() {
    let folder = Folder::new();
    let files = folder.good("a", &["a.org"]);
    let mode = |mode| fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
    for exposed in [0o604, 0o602, 0o601, 0o620, 0o666] {
        mode(exposed);
        let error = refusal(files.clone());
        assert!(
            matches!(error, CertificateError::Exposed { mode, .. } if mode == exposed),
            "{error:?}"
        );
    }
    for kept in [0o400, 0o600, 0o640] {
        mode(kept);
        assert!(
            load(&tls(std::slice::from_ref(&files)), NOW).is_ok(),
            "{kept:o}"
        );
    }
}

#[test]
fn a_leaf_is_good_from_its_first_second_to_its_last() {
    let folder = Folder::new();
    let check = |from, until| {
        load(
            &tls(&[folder.certificate("a", &["a.org"], from, until)]),
            NOW,
        )
    };
    assert!(check(0, DAY).is_ok());
    assert!(check(-DAY, 0).is_ok());
    assert!(matches!(
        check(1, DAY),
        Err(CertificateError::NotYetValid { .. })
    ));
    assert!(matches!(
        check(-DAY, -1),
        Err(CertificateError::Expired { .. })
    ));
    let error = check(-DAY, -1).unwrap_err().to_string();
    assert!(error.contains("2029-12-31T23:59:59Z"), "{error}");
}

#[test]
fn a_leaf_that_ends_in_less_than_fourteen_days_is_warned_of() {
    let folder = Folder::new();
    let warnings = |left| {
        let files = folder.certificate("a", &["a.org"], -DAY, left);
        load(&tls(&[files]), NOW).unwrap().warnings(NOW)
    };
    assert!(warnings(14 * DAY).is_empty());
    assert!(matches!(
        warnings(14 * DAY - 1)[..],
        [Warning::EndsSoon { days: 13, .. }]
    ));
}

#[test]
fn a_leaf_without_names_is_refused() {
    let folder = Folder::new();
    assert!(matches!(
        refusal(folder.good("a", &[])),
        CertificateError::NoNames { .. }
    ));
    let folder = Folder::new();
    assert!(
        load(&tls(&[folder.good("a", &["127.0.0.1"])]), NOW).is_ok(),
        "an address is a name"
    );
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let folder = Folder::new();
    let (a, b) = (folder.good("a", &["a.org"]), folder.good("b", &["b.org"]));
    let crossed = CertificateFiles {
        certificate: a.certificate,
        key: b.key,
    };
    assert!(matches!(
        refusal(crossed),
        CertificateError::Mismatched { .. }
    ));
}

#[test]
fn an_empty_chain_a_missing_key_and_damaged_files_are_told_apart() {
    let folder = Folder::new();
    let files = folder.good("a", &["a.org"]);
    let (chain, key) = (
        fs::read_to_string(&files.certificate).unwrap(),
        fs::read_to_string(&files.key).unwrap(),
    );
    let with = |chain: &str, key: &str| {
        fs::write(&files.certificate, chain).unwrap();
        fs::write(&files.key, key).unwrap();
        refusal(files.clone())
    };
    assert!(matches!(
        with("", &key),
        CertificateError::EmptyChain { .. }
    ));
    assert!(matches!(with(&chain, ""), CertificateError::NoKey { .. }));
    assert!(matches!(
        with(&chain, &chain),
        CertificateError::NoKey { .. }
    ));
    assert!(matches!(
        with(&chain.replace("MII", "!!!"), &key),
        CertificateError::Damaged { .. }
    ));
    let other = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(
        with(other, &key),
        CertificateError::Damaged { .. }
    ));
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert!(matches!(
        with(&chain, &encrypted),
        CertificateError::NoKey { .. }
    ));
    assert!(matches!(
        with(&"x".repeat(2 << 20), &key),
        CertificateError::TooLarge { .. }
    ));
}

#[test]
fn a_chain_in_the_wrong_order_is_warned_of() {
    let folder = Folder::new();
    let files = folder.good("a", &["a.org"]);
    let stranger = {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["b.org".to_owned()]).unwrap();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "somebody else");
        params.self_signed(&key).unwrap()
    };
    let chain = fs::read_to_string(&files.certificate).unwrap() + &stranger.pem();
    fs::write(&files.certificate, chain).unwrap();
    let loaded = load(&tls(&[files]), NOW).unwrap();
    assert!(matches!(
        loaded.warnings(NOW)[..],
        [Warning::BrokenChain { position: 1, .. }]
    ));
}
