use super::*;
use crate::listener::certificates::load;
use crate::listener::testing::{Folder, NOW, tls};

fn by_name(folder: &Folder, names: &[&[&str]]) -> ByName {
    let files = names.iter().enumerate();
    let files: Vec<_> = files
        .map(|(number, names)| folder.good(&number.to_string(), names))
        .collect();
    ByName::new(&load(&tls(&files), NOW).unwrap())
}

fn chosen(certificates: &ByName, name: Option<&str>) -> usize {
    let first = certificates.candidates(name).next().unwrap();
    certificates
        .all
        .iter()
        .position(|one| Arc::ptr_eq(one, first))
        .unwrap()
}

#[test]
fn a_name_finds_its_certificate_exactly_then_by_wildcard_then_the_first() {
    let folder = Folder::new();
    let certificates = by_name(
        &folder,
        &[
            &["first.org"],
            &["*.example.org", "example.org"],
            &["api.example.org"],
        ],
    );
    for (name, expected) in [
        ("api.example.org", 2),
        ("API.Example.ORG", 2),
        ("www.example.org", 1),
        ("example.org", 1),
        ("a.b.example.org", 0), // a wildcard stands for one label
        ("first.org", 0),
        ("unknown.net", 0),
        ("", 0),
    ] {
        assert_eq!(chosen(&certificates, Some(name)), expected, "{name}");
    }
    assert_eq!(chosen(&certificates, None), 0);
}

#[test]
fn tickets_survive_a_new_certificate_for_the_same_keys_and_an_added_one() {
    let folder = Folder::new();
    let (a, b) = (folder.good("a", &["a.org"]), folder.good("b", &["b.org"]));
    let one = tls(std::slice::from_ref(&a));
    let served = Tls::new(&one, &load(&one, NOW).unwrap()).unwrap();
    let before = ticketer(&served);
    let both = tls(&[a, b]);
    served.replace(&both, &load(&both, NOW).unwrap()).unwrap();
    assert!(Arc::ptr_eq(&before, &ticketer(&served)));
}

#[test]
fn tickets_do_not_survive_a_key_that_is_no_longer_served() {
    let folder = Folder::new();
    let config = tls(&[folder.good("a", &["a.org"])]);
    let served = Tls::new(&config, &load(&config, NOW).unwrap()).unwrap();
    let before = ticketer(&served);
    folder.good("a", &["a.org"]);
    served
        .replace(&config, &load(&config, NOW).unwrap())
        .unwrap();
    assert!(!Arc::ptr_eq(&before, &ticketer(&served)));
}

fn ticketer(tls: &Tls) -> Arc<dyn ProducesTickets> {
    Arc::clone(&tls.serving().config.ticketer)
}
