use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;
use crate::clock::Timestamp;

/// A moment at which certificates can be made: 2026-01-31.
fn clock() -> Clock {
    Clock::manual(Timestamp::from_millis(1_769_860_800_000)).0
}

fn kit(folder: &Path, arguments: &Arguments) -> Kit {
    Kit {
        sources: sources(arguments, &Surroundings::default()).unwrap(),
        folder: folder.to_owned(),
        clock: clock(),
        chance: Chance::system(),
    }
}

fn arguments() -> Arguments {
    Arguments {
        json: true,
        data: None,
        listen: Some("127.0.0.1:0".parse().unwrap()),
        domain: None,
        config: None,
    }
}

fn temporary() -> folder::Temporary {
    folder::Temporary::new(&std::env::temp_dir(), &Chance::system()).unwrap()
}

fn ready() -> Ready {
    Ready {
        origin: "https://localhost:8443".into(),
        https: vec![([127, 0, 0, 1], 8443).into()],
    }
}

#[test]
fn a_gateway_is_whole_with_nothing_prepared() {
    let folder = temporary();
    let (loaded, ca_file) = kit(folder.path(), &arguments()).load().unwrap();
    let config = loaded.config;
    assert_eq!(config.gateway.domain.as_str(), "gw.local");
    assert_eq!(config.listen.https, ["127.0.0.1:0".parse().unwrap()]);
    assert_eq!(keys::root_account(&config), "root");
    assert!(config.gateway.master_key_file.is_file());
    assert!(ca_file.unwrap().is_file());
    assert_eq!(config.tls.certificates.len(), 1);
    assert!(config.accounts.log_activation_codes);
    for name in ["root.key", "master.key"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_restart_on_the_same_folder_finds_everything_again() {
    let folder = temporary();
    let first = kit(folder.path(), &arguments()).load().unwrap();
    let files = |ca_file: &Option<PathBuf>| {
        let master = fs::read(folder.path().join("master.key")).unwrap();
        (master, fs::read(ca_file.as_ref().unwrap()).unwrap())
    };
    let before = files(&first.1);
    let second = kit(folder.path(), &arguments()).load().unwrap();
    assert_eq!(
        second.0.config.gateway.root_key,
        first.0.config.gateway.root_key
    );
    assert_eq!(files(&second.1), before);
}

#[test]
fn arguments_and_a_file_lie_over_the_development_defaults() {
    let folder = temporary();
    let file = folder.path().join("dev.toml");
    fs::write(
        &file,
        "[gateway]\ndomain = 'file.local'\n[http]\nbody-limit = '2 MiB'",
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let arguments = Arguments {
        domain: Some("argument.local".into()),
        config: Some(file),
        ..arguments()
    };
    let (loaded, _) = kit(folder.path(), &arguments).load().unwrap();
    assert_eq!(loaded.config.gateway.domain.as_str(), "argument.local");
    assert_eq!(loaded.config.http.body_limit, 2 << 20);
}

#[test]
fn a_bad_argument_is_told_by_its_name() {
    let folder = temporary();
    let arguments = Arguments {
        domain: Some("Not a host".into()),
        ..arguments()
    };
    let failure = kit(folder.path(), &arguments).load().unwrap_err();
    let told = failure.to_string();
    assert!(
        told.starts_with("--domain: `gateway.domain` is \"Not a host\""),
        "{told}"
    );
}

#[test]
fn the_origin_is_a_name_by_which_this_machine_finds_itself() {
    let folder = temporary();
    for (listen, name) in [
        ("127.0.0.1:0", "localhost"),
        ("[::]:1", "localhost"),
        ("192.0.2.7:1", "192.0.2.7"),
        ("[2001:db8::7]:1", "[2001:db8::7]"),
    ] {
        let listen = listen.parse().unwrap();
        let domain = crate::ids::GatewayDomain::parse("gw.local").unwrap();
        let mut config = Config::development(folder.path(), &domain, listen).unwrap();
        assert_eq!(host(&config), name);
        config.gateway.origin = Some("https://[2001:db8::8]:1".into());
        assert!(
            names(&config).contains(&"2001:db8::8".to_owned()),
            "{:?}",
            names(&config)
        );
        config.gateway.origin = Some("https://dev.example.org:1".into());
        assert!(names(&config).contains(&"dev.example.org".to_owned()));
    }
}

#[test]
fn the_ready_line_has_what_the_standing_command_promises() {
    let folder = temporary();
    let (loaded, ca_file) = kit(folder.path(), &arguments()).load().unwrap();
    let told = Told::new(
        &loaded.config,
        ca_file,
        &Data::Kept(folder.path().to_owned()),
    );
    let line = told.json(&ready());
    assert_eq!(line.matches('\n').count(), 1);
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    let members: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(members.len(), 6, "{members:?}");
    assert_eq!(json["origin"], "https://localhost:8443");
    assert_eq!(json["domain"], "gw.local");
    assert_eq!(json["root_account"], "root");
    let key = loaded.config.gateway.root_key.unwrap().expose();
    assert_eq!(json["root_key"], key.as_str());
    assert!(Path::new(json["ca_file"].as_str().unwrap()).is_file());
    assert_eq!(json["pid"], std::process::id());
}

#[test]
fn a_person_is_told_what_to_try() {
    let folder = temporary();
    let (loaded, ca_file) = kit(folder.path(), &arguments()).load().unwrap();
    let ca = ca_file.clone().unwrap().display().to_string();
    let told = Told::new(&loaded.config, ca_file, &Data::Passing(folder));
    let text = told.text(&ready());
    let line = format!("curl --cacert {ca} https://localhost:8443/api/v1/context");
    assert!(text.contains(&line), "{text}");
    assert!(text.contains("removed at the end"), "{text}");
}

#[test]
fn a_data_folder_that_others_can_write_is_refused() {
    let folder = temporary();
    let data = folder.path().join("data");
    let prepare = || Data::prepare(Some(&data), &Surroundings::default(), &Chance::system());
    prepare().unwrap();
    assert_eq!(fs::metadata(&data).unwrap().mode() & 0o777, 0o700);
    prepare().unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
    let told = prepare().unwrap_err().to_string();
    assert!(told.contains("run `chmod go-w "), "{told}");
}
