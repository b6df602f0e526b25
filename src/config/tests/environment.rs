//! Variables and arguments.

use super::*;

#[test]
fn the_environment_lies_over_the_file_and_ours_over_the_public_gateways() {
    let folder = Folder::new();
    let file = "[listen]\nhttps = ['127.0.0.1:1']\n[http]\nbody-limit = '2 MiB'";
    assert_eq!(folder.config(file, &[]).http.body_limit, 2 << 20);
    let public = ("M_LD_GATEWAY_ADDRESS__PORT", "2");
    let config = folder.config(file, &[public, ("MELDGATE_HTTP__BODY_LIMIT", "3 MiB")]);
    assert_eq!(config.http.body_limit, 3 << 20);
    assert_eq!(config.listen.https, ["[::]:2".parse().unwrap()]);
    let ours = ("MELDGATE_LISTEN__HTTPS", "127.0.0.1:3, [::1]:4");
    let config = folder.config(file, &[ours, public]);
    let both = ["127.0.0.1:3".parse().unwrap(), "[::1]:4".parse().unwrap()];
    assert_eq!(config.listen.https, both);
}

#[test]
fn arguments_lie_over_the_environment() {
    let folder = Folder::new();
    let variables = [("MELDGATE_LISTEN__HTTPS", "[::1]:4")];
    let mut sources = folder.sources(&folder.text(""), &variables);
    let argument = ("listen", "https", "--listen", "127.0.0.1:0".into());
    sources.arguments.push(argument);
    let loaded = Config::load(&Purpose::Serve, &sources).unwrap();
    assert_eq!(loaded.config.listen.https, ["127.0.0.1:0".parse().unwrap()]);
}

#[test]
fn a_list_in_a_variable_can_be_toml() {
    let folder = Folder::new();
    let config = folder.config(
        "",
        &[
            (
                "MELDGATE_TLS__CERTIFICATES",
                "[{ certificate = '/a', key = '/b' }]",
            ),
            ("MELDGATE_LISTEN__HTTPS", "[::]:8443"),
            ("MELDGATE_LISTEN__REDIRECT", "['[::]:8080']"),
        ],
    );
    let files = CertificateFiles {
        certificate: "/a".into(),
        key: "/b".into(),
    };
    assert_eq!(config.tls.certificates, [files]);
    assert_eq!(config.listen.https, ["[::]:8443".parse().unwrap()]);
    assert_eq!(config.listen.redirect, ["[::]:8080".parse().unwrap()]);
    let refusal = folder.refusal("", &[("MELDGATE_LISTEN__HTTPS", "[1, x]")]);
    assert!(
        refusal.starts_with("MELDGATE_LISTEN__HTTPS: `listen.https`"),
        "{refusal}"
    );
}

#[test]
fn an_unknown_variable_of_ours_is_refused_and_others_are_passed_over() {
    let folder = Folder::new();
    assert_eq!(
        folder.refusal("", &[("MELDGATE_HTTP__BODYLIMIT", "1")]),
        "unknown variable `MELDGATE_HTTP__BODYLIMIT`: did you mean `MELDGATE_HTTP__BODY_LIMIT`?"
    );
    let refusal = folder.refusal("", &[("MELDGATE_FOO", "1")]);
    assert!(refusal.contains("MELDGATE_≪SECTION≫__≪KEY≫"), "{refusal}");
    folder.config(
        "",
        &[("PATH", "/bin"), ("MELDGATES", "1"), ("MELDGATE_FOO", "")],
    );
}

#[test]
fn the_public_gateways_variables_are_understood() {
    let folder = Folder::new();
    let loaded = folder.load(
        "",
        &[
            ("M_LD_GATEWAY_GATEWAY", "https://old.example.org:8443/"),
            ("M_LD_GATEWAY_AUTH__KEY", "old.keyid1:secret"),
            ("M_LD_GATEWAY_KEY__PUBLIC", "cHVibGlj"),
            ("M_LD_GATEWAY_KEY__PRIVATE", "cHJpdmF0ZQ"),
            ("M_LD_GATEWAY_KEY__TYPE", "rsa"),
            ("M_LD_GATEWAY_DATA_PATH", "/srv/old"),
            ("M_LD_GATEWAY_ADDRESS__HOST", "localhost"),
            ("M_LD_GATEWAY_ADDRESS__PORT", "3000"),
            ("M_LD_GATEWAY_SMTP__HOST", "mail.example.org"),
            ("M_LD_GATEWAY_SMTP__FROM", "old@example.org"),
            ("M_LD_GATEWAY_SMTP__AUTH__USER", "old"),
            ("M_LD_GATEWAY_SMTP__AUTH__PASS", "swordfish"),
            ("M_LD_GATEWAY_GENESIS", "true"),
        ],
    );
    let Loaded { config, notes, .. } = loaded.unwrap();
    assert_eq!(config.gateway.domain.as_str(), "old.example.org");
    assert_eq!(
        config.gateway.origin.as_deref(),
        Some("https://old.example.org:8443")
    );
    assert_eq!(config.gateway.root_key.unwrap().app.as_str(), "old");
    assert_eq!(
        config.gateway.root_pair.unwrap().private.expose(),
        "cHJpdmF0ZQ"
    );
    assert_eq!(config.gateway.state_dir, Path::new("/srv/old"));
    assert_eq!(config.listen.https, ["127.0.0.1:3000".parse().unwrap()]);
    let smtp = config.smtp.unwrap();
    assert_eq!((smtp.port, smtp.security), (587, SmtpSecurity::StartTls));
    assert_eq!(smtp.login.unwrap().0, "old");
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0]
            .to_string()
            .starts_with("M_LD_GATEWAY_GENESIS is ignored")
    );
}

#[test]
fn what_the_public_gateways_variables_cannot_mean_is_refused() {
    let folder = Folder::new();
    for (variable, told) in [
        (("M_LD_GATEWAY_KEY__TYPE", "ec"), "must be `rsa`"),
        (
            ("M_LD_GATEWAY_ADDRESS__HOST", "somewhere"),
            "must be an IP address",
        ),
        (("M_LD_GATEWAY_ADDRESS__PORT", "http"), "must be a port"),
        (
            ("M_LD_GATEWAY_DATA_PATH", "data"),
            "must be an absolute path",
        ),
        (
            ("M_LD_GATEWAY_GATEWAY", "http://old.example.org"),
            "must begin with https://",
        ),
        (("M_LD_GATEWAY_KEY__PUBLIC", "AAAA"), "set both or neither"),
        (
            ("M_LD_GATEWAY_AUTH__KEY", "nonsense"),
            "M_LD_GATEWAY_AUTH__KEY: ",
        ),
    ] {
        let refusal = folder.refusal("", &[variable]);
        assert!(refusal.contains(told), "{variable:?}: {refusal}");
    }
}

#[test]
fn a_key_in_a_refused_variable_is_not_repeated() {
    let folder = Folder::new();
    let refusal = folder.refusal("", &[("M_LD_GATEWAY_AUTH__KEY", "app.swordfish")]);
    assert!(!refusal.contains("swordfish"), "{refusal}");
}
