//! Key files, credentials, and who may touch them.

use super::*;

#[test]
fn secrets_are_found_among_the_credentials() {
    let folder = Folder::new();
    let credentials = folder.0.join("credentials");
    fs::create_dir(&credentials).unwrap();
    // As the service manager leaves them: a right of the group is only the mask of an access list.
    folder.put(
        "credentials/meldgate.root-key",
        "sys.abcdef:fromcredential",
        0o440,
    );
    folder.put("credentials/meldgate.master-key", "x", 0o440);
    folder.put("credentials/meldgate.tls-certificate", "x", 0o440);
    folder.put("credentials/meldgate.tls-key", "x", 0o440);
    let mut sources = folder.sources("[gateway]\ndomain = 'gw.example.org'", &[]);
    sources.credentials = Some(credentials.clone());
    let config = Config::load(&Purpose::Serve, &sources).unwrap().config;
    assert_eq!(config.gateway.root_key.unwrap().app.as_str(), "sys");
    assert_eq!(
        config.gateway.master_key_file,
        credentials.join("meldgate.master-key")
    );
    assert_eq!(
        config.tls.certificates[0].key,
        credentials.join("meldgate.tls-key")
    );
    // A file that is named wins.
    sources.file = Some(folder.put("meldgate.toml", &folder.text(""), 0o600));
    let config = Config::load(&Purpose::Serve, &sources).unwrap().config;
    assert_eq!(config.gateway.root_key.unwrap().app.as_str(), "app");
}

#[test]
fn a_file_that_the_wrong_people_can_touch_is_refused_with_what_to_run() {
    let folder = Folder::new();
    for (name, mode, fix) in [
        ("meldgate.toml", 0o664, "chmod go-w"),
        ("meldgate.toml", 0o646, "chmod go-w"),
        ("root.key", 0o644, "chmod g-wx,o-rwx"),
        ("root.key", 0o660, "chmod g-wx,o-rwx"),
        ("master.key", 0o604, "chmod g-wx,o-rwx"),
    ] {
        let sources = folder.sources(&folder.text(""), &[]);
        let path = folder.0.join(name);
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let refusal = Config::load(&Purpose::Serve, &sources).unwrap_err();
        let told = format!("run `{fix} {}`", path.display());
        assert!(refusal.to_string().contains(&told), "{refusal}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(&folder.0, Permissions::from_mode(0o777)).unwrap();
    let refusal = folder.refusal("", &[]);
    assert!(refusal.contains("can be changed by everybody"), "{refusal}");
}

#[test]
fn what_is_no_file_is_refused_without_waiting_for_it() {
    let folder = Folder::new();
    for path in [
        folder.0.clone(),
        "/dev/zero".into(),
        folder.0.join("nowhere"),
    ] {
        let sources = Sources {
            file: Some(path.clone()),
            ..Sources::default()
        };
        let refusal = Config::load(&Purpose::Serve, &sources)
            .unwrap_err()
            .to_string();
        assert!(refusal.contains(&path.display().to_string()), "{refusal}");
    }
}

#[test]
fn the_master_key_does_not_lie_with_the_state() {
    let folder = Folder::new();
    let state = folder.0.display().to_string();
    let refusal = folder.refusal("", &[("MELDGATE_GATEWAY__STATE_DIR", &state)]);
    assert!(
        refusal.contains("`gateway.master-key-file` must not be in"),
        "{refusal}"
    );
}

#[test]
fn only_development_logs_activation_codes() {
    let folder = Folder::new();
    assert!(!folder.config("", &[]).accounts.log_activation_codes);
    let domain = GatewayDomain::parse("gw.local").unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let config = Config::development(&folder.0, &domain, listen).unwrap();
    assert!(config.accounts.log_activation_codes);
    assert_eq!(config.listen.https, [listen]);
    assert_eq!(config.tls.hsts, Duration::ZERO);
    assert_eq!(config.gateway.master_key_file, folder.0.join("master.key"));
}

#[test]
fn a_secret_is_not_in_the_debug_form() {
    let folder = Folder::new();
    let more = format!(
        "[smtp]\nhost = 'mail'\nfrom = 'a@b'\nuser = 'u'\npassword-file = '{}'",
        folder.path("smtp")
    );
    let shown = format!("{:?}", folder.config(&more, &[]));
    assert!(
        !shown.contains("swordfish") && !shown.contains("bcdfghjkmnpq"),
        "{shown}"
    );
}

#[test]
fn every_file_that_was_read_is_named_to_be_watched() {
    let folder = Folder::new();
    let more = format!(
        "[smtp]\nhost = 'mail'\nfrom = 'a@b'\nuser = 'u'\npassword-file = '{}'",
        folder.path("smtp")
    );
    let mut files = folder.load(&more, &[]).unwrap().files;
    files.sort();
    let named = ["meldgate.toml", "root.key", "smtp"].map(|name| folder.0.join(name));
    assert_eq!(files, named);
}

#[test]
fn keys_that_were_not_made_are_told_with_what_makes_them() {
    let folder = Folder::new();
    fs::remove_file(folder.0.join("master.key")).unwrap();
    let refusal = folder.refusal("", &[]);
    assert!(
        refusal.contains("`gateway.master-key-file` is") && refusal.contains("meldgate init"),
        "{refusal}"
    );
}

#[test]
fn the_public_gateways_key_is_weaker_than_our_file_and_stronger_than_the_files() {
    let folder = Folder::new();
    let public = ("M_LD_GATEWAY_AUTH__KEY", "old.keyid1:secret");
    let root = |variables: &[(&str, &str)]| {
        let key = folder.config("", variables).gateway.root_key.unwrap();
        key.app.to_string()
    };
    assert_eq!(root(&[]), "app");
    assert_eq!(root(&[public]), "old");
    let file = folder.path("root.key");
    assert_eq!(
        root(&[public, ("MELDGATE_GATEWAY__ROOT_KEY_FILE", &file)]),
        "app"
    );
}
