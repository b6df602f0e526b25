use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::folder::Temporary;
use super::*;
use crate::clock::Chance;
use crate::secret::AccountKey;

/// A folder to work in, and what a command said.
struct Desk(Temporary);

#[derive(Debug)]
struct Said {
    code: u8,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        Self(Temporary::new(&std::env::temp_dir(), &Chance::system()).unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        let own = |&(name, text): &(&str, &str)| (OsString::from(name), OsString::from(text));
        let surroundings = Surroundings::new(variables.iter().map(own));
        let config = self.path("meldgate.toml").display().to_string();
        let arguments = ["meldgate"].iter().chain(arguments);
        let arguments = arguments.map(|text| OsString::from(text.replace("FILE", &config)));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = super::run(arguments, &surroundings, &mut out, &mut err);
        Said {
            code,
            out: String::from_utf8(out).unwrap(),
            err: String::from_utf8(err).unwrap(),
        }
    }

    fn init(&self) -> Said {
        self.run(
            &[
                "init", "--config", "FILE", "--domain", "gw.local", "--print",
            ],
            &[],
        )
    }
}

#[test]
fn init_makes_a_gateway_that_check_accepts() {
    let desk = Desk::new();
    let said = desk.init();
    assert_eq!(said.code, code::SUCCESS, "{said:?}");
    let key = AccountKey::parse(said.out.trim()).unwrap();
    assert_eq!(key.app.as_str(), "root");
    assert!(!said.err.contains(key.secret.expose()));
    for (name, mode) in [
        ("state", 0o700),
        ("keys", 0o700),
        ("keys/root.key", 0o600),
        ("keys/master.key", 0o600),
        ("tls/gateway-key.pem", 0o600),
    ] {
        let found = fs::metadata(desk.path(name)).unwrap().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }
    let said = desk.run(&["check", "--config", "FILE"], &[]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (code::SUCCESS, "ok: gw.local\n"),
        "{said:?}"
    );
    assert!(said.err.contains("note: without [smtp]"), "{said:?}");
}

#[test]
fn init_leaves_nothing_beside_what_it_made() {
    let desk = Desk::new();
    desk.init();
    let mut names: Vec<String> = fs::read_dir(desk.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["keys", "meldgate.toml", "state", "tls"]);
    assert_eq!(fs::read_dir(desk.path("keys")).unwrap().count(), 2);
}

#[test]
fn init_replaces_nothing() {
    let desk = Desk::new();
    let key = desk.init().out;
    let master = fs::read(desk.path("keys/master.key")).unwrap();
    let config = fs::read(desk.path("meldgate.toml")).unwrap();
    let again = desk.init();
    assert_eq!((again.code, again.out), (code::SUCCESS, key));
    assert!(!again.err.contains("made"), "{}", again.err);
    assert_eq!(fs::read(desk.path("keys/master.key")).unwrap(), master);
    assert_eq!(fs::read(desk.path("meldgate.toml")).unwrap(), config);
}

#[test]
fn init_does_not_change_the_domain_of_a_gateway() {
    let desk = Desk::new();
    desk.init();
    let said = desk.run(
        &["init", "--config", "FILE", "--domain", "other.local"],
        &[],
    );
    assert_eq!(said.code, code::KEPT, "{said:?}");
    assert!(said.err.contains("gw.local"), "{said:?}");
}

#[test]
fn init_does_not_make_a_new_key_for_state_that_is_sealed_by_another() {
    let desk = Desk::new();
    desk.init();
    fs::write(desk.path("state/store"), "sealed").unwrap();
    fs::remove_file(desk.path("keys/master.key")).unwrap();
    let said = desk.init();
    assert_eq!(said.code, code::KEPT, "{said:?}");
    assert!(!desk.path("keys/master.key").exists());
}

#[test]
fn init_makes_only_what_is_missing() {
    let desk = Desk::new();
    let key = desk.init().out;
    fs::remove_file(desk.path("keys/root.key")).unwrap();
    let said = desk.init();
    assert_ne!(said.out, key);
    assert!(
        said.err
            .contains("keys/root.key: the key of the root account, root"),
        "{said:?}"
    );
}

#[test]
fn renew_renews_what_init_made_when_it_is_told_to() {
    let desk = Desk::new();
    desk.init();
    let files = ["tls/ca.pem", "tls/gateway.pem", "tls/gateway-key.pem"];
    let read = || files.map(|name| fs::read(desk.path(name)).unwrap());
    let before = read();
    let said = desk.run(&["renew", "--config", "FILE"], &[]);
    assert_eq!((said.code, said.err.as_str()), (code::SUCCESS, ""));
    assert_eq!(read(), before, "there is time");
    let said = desk.run(&["renew", "--config", "FILE", "--now"], &[]);
    assert_eq!(said.code, code::SUCCESS, "{said:?}");
    let path = desk.path("tls/gateway.pem");
    assert_eq!(said.err, format!("renewed {}\n", path.display()));
    let changed: Vec<_> = read()
        .iter()
        .zip(&before)
        .map(|(now, then)| now != then)
        .collect();
    assert_eq!(changed, [false, true, true], "of {files:?}");
    let said = desk.run(&["check", "--config", "FILE"], &[]);
    assert_eq!(said.code, code::SUCCESS, "{said:?}");
}

#[test]
fn check_tells_every_fault_and_exits_as_documented() {
    let desk = Desk::new();
    desk.init();
    fs::write(desk.path("keys/master.key"), "too short").unwrap();
    fs::write(desk.path("tls/gateway.pem"), "no certificate").unwrap();
    let said = desk.run(&["check", "--config", "FILE"], &[]);
    assert_eq!(said.code, code::CONFIG, "{said:?}");
    assert_eq!(said.err.matches("error: ").count(), 2, "{said:?}");
    assert_eq!(said.out, "");
}

#[test]
fn check_refuses_a_configuration_that_others_can_write() {
    let desk = Desk::new();
    desk.init();
    let file = desk.path("meldgate.toml");
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    let said = desk.run(&["check", "--config", "FILE"], &[]);
    assert_eq!(said.code, code::CONFIG);
    let told = format!("run `chmod go-w {}`", file.display());
    assert!(said.err.contains(&told), "{said:?}");
}

#[test]
fn a_key_that_others_can_read_is_refused_by_check() {
    let desk = Desk::new();
    desk.init();
    for name in ["keys/root.key", "keys/master.key"] {
        fs::set_permissions(desk.path(name), Permissions::from_mode(0o644)).unwrap();
        let said = desk.run(&["check", "--config", "FILE"], &[]);
        assert_eq!(said.code, code::CONFIG, "{said:?}");
        fs::set_permissions(desk.path(name), Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn a_missing_file_and_an_unknown_variable_are_configuration_errors() {
    let desk = Desk::new();
    let said = desk.run(&["check", "--config", "FILE"], &[("MELDGATE_HTP__X", "1")]);
    assert_eq!(said.code, code::CONFIG, "{said:?}");
    assert!(said.err.contains("cannot be read"), "{said:?}");
    assert!(
        said.err.contains("unknown variable `MELDGATE_HTP__X`"),
        "{said:?}"
    );
    let said = desk.run(&["serve", "--config", "FILE"], &[]);
    assert_eq!(said.code, code::CONFIG, "{said:?}");
}

#[test]
fn wrong_arguments_and_help_exit_as_documented() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["serv"], &[]).code, code::USAGE);
    assert_eq!(desk.run(&[], &[]).code, code::USAGE);
    assert_eq!(
        desk.run(&["init", "--domain", "Not A Host"], &[]).code,
        code::USAGE
    );
    let help = desk.run(&["--help"], &[]);
    assert_eq!((help.code, help.err.as_str()), (code::SUCCESS, ""));
    assert!(help.out.contains("78  the configuration"), "{}", help.out);
    assert_eq!(desk.run(&["--version"], &[]).code, code::SUCCESS);
}

#[test]
fn the_codes_in_the_help_are_those_that_are_returned() {
    for code in [
        code::SUCCESS,
        code::FAILED,
        code::USAGE,
        code::KEPT,
        code::CONFIG,
    ] {
        assert!(code::HELP.contains(&format!("\n  {code:<4}")), "{code}");
    }
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let desk = Desk::new();
    desk.init();
    let config = desk.path("meldgate.toml").display().to_string();
    for arguments in [
        vec!["meldgate", "check", "--config", &config],
        vec!["meldgate", "--help"],
    ] {
        let arguments = arguments.into_iter().map(OsString::from);
        let mut err = Vec::new();
        let code = super::run(arguments, &Surroundings::default(), &mut Closed, &mut err);
        assert_eq!(code, code::SUCCESS, "{}", String::from_utf8_lossy(&err));
    }
}

#[test]
fn an_error_is_told_with_its_causes() {
    let failure = Failure::file("/nowhere/x")(io::Error::other("no room"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(failure.tell(&mut out, &mut err), code::FAILED);
    let told = String::from_utf8(err).unwrap();
    assert_eq!(told, "error: cannot make /nowhere/x: caused by no room\n");
}

#[test]
fn a_temporary_folder_is_for_its_owner_and_goes_with_its_content() {
    let desk = Desk::new();
    let folder = Temporary::new(desk.0.path(), &Chance::system()).unwrap();
    let path = folder.path().to_owned();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    fs::create_dir(path.join("below")).unwrap();
    fs::write(path.join("below/file"), "x").unwrap();
    drop(folder);
    assert!(!path.exists());
}
