//! The file as it is installed.

use super::*;

/// The installed file with every key in force, its paths led into `folder`.
fn uncommented(folder: &Folder) -> String {
    let mut text = String::new();
    for line in INSTALLED.lines() {
        let key = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
        text.push_str(key.filter(|rest| !rest.is_empty()).unwrap_or(line));
        text.push('\n');
    }
    text.replace("/etc/meldgate/keys/smtp-password", &folder.path("smtp"))
        .replace("/etc/meldgate/keys", &folder.path(""))
}

#[test]
fn the_installed_file_parses_as_it_is_and_says_only_what_is_needed() {
    let folder = Folder::new();
    let sources = folder.sources(INSTALLED, &[]);
    let refusal = Config::load(&Purpose::Serve, &sources).unwrap_err();
    for problem in refusal.problems() {
        let told = problem.to_string();
        let needed = [
            "gateway.domain",
            "tls.certificates",
            "gateway.root-key-file",
            "master.key",
        ];
        assert!(needed.iter().any(|key| told.contains(key)), "{told}");
    }
    let folder_dev = Purpose::Development(folder.0.clone());
    assert!(Config::load(&folder_dev, &sources).is_ok());
}

#[test]
fn every_key_of_the_installed_file_shows_its_default() {
    let folder = Folder::new();
    folder.put("root.public", "AAAA", 0o600);
    folder.put("root.private", "AAAA", 0o600);
    let sources = folder.sources(&uncommented(&folder), &[]);
    let shown = Config::load(&Purpose::Serve, &sources).unwrap().config;
    let default = folder.config(
        "[smtp]\nhost = 'mail.example.org'\nfrom = 'gateway@example.org'",
        &[],
    );
    // What has no default, and is an example in the file, is taken over; all else must be the same.
    let mut expected = default;
    expected.gateway.origin = Some("https://gw.example.org".into());
    expected.gateway.root_pair = shown.gateway.root_pair.clone();
    expected.gateway.master_key_file = shown.gateway.master_key_file.clone();
    expected.tls.certificates = shown.tls.certificates.clone();
    expected.sockets.network_timeout = Some(Duration::from_secs(5));
    expected.sockets.max_operation_size = Some(512 << 10);
    expected.sockets.log_level = Some("warn".into());
    expected.webhooks.ca_file = Some("/etc/meldgate/tls/webhooks-ca.pem".into());
    let smtp = expected.smtp.as_mut().unwrap();
    smtp.login = shown.smtp.clone().unwrap().login;
    smtp.ca_file = Some("/etc/meldgate/tls/mail-ca.pem".into());
    assert_eq!(format!("{shown:#?}"), format!("{expected:#?}"));
}

#[test]
fn no_key_is_missing_from_the_installed_file() {
    let folder = Folder::new();
    let text: toml::Table = uncommented(&folder).parse().unwrap();
    for key in schema::keys() {
        let there = text
            .get(key.section)
            .and_then(|section| section.get(key.name));
        assert!(there.is_some(), "{key}");
    }
    for key in schema::keys() {
        let line = format!("#{} = ", key.name);
        assert!(INSTALLED.contains(&line), "{key} is not commented out");
    }
}

#[test]
fn the_places_of_the_installed_file_are_those_that_init_fills() {
    let places = Config::places(&Sources::default()).unwrap();
    assert_eq!(places.state_dir, Path::new("/var/lib/meldgate"));
    let line = format!(
        "#master-key-file = \"{}\"",
        places.master_key_file.display()
    );
    assert!(INSTALLED.contains(&line));
    let line = format!("#root-key-file = \"{}\"", places.root_key_file.display());
    assert!(INSTALLED.contains(&line));
}
