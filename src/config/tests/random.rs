//! Random files and variables.

use proptest::prelude::*;

use super::*;

/// TOML that is nearly right: real sections and keys, any values.
fn nearly_right() -> impl Strategy<Value = String> {
    let keys: Vec<Key> = crate::config::schema::keys().collect();
    let value = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<f64>()
            .prop_filter("TOML has no such text", |n| n.is_finite())
            .prop_map(|n| format!("{n:?}")),
        "[ -~]{0,12}".prop_map(|text| format!("{text:?}")),
        "[0-9]{1,20} ?(s|m|h|d|y|KiB|GiB|per 1s|per 1ns)?".prop_map(|text| format!("'{text}'")),
        "(\\[[0-9, ]{0,6}\\]|\\{ *\\}|1979-05-27)",
    ];
    let line = (prop::sample::select(keys), value);
    prop::collection::vec(line, 0..20).prop_map(|lines| {
        let line = |(key, value): &(Key, String)| format!("{key} = {value}\n");
        lines.iter().map(line).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_makes_reading_panic(
        text in prop_oneof![any::<String>(), "[a-z.\\[\\]='\"{}#\n -]{0,80}", nearly_right()],
    ) {
        let folder = Folder::new();
        let development = Purpose::Development(folder.0.clone());
        for purpose in [&Purpose::Serve, &development] {
            let told = Config::load(purpose, &folder.sources(&text, &[]));
            let told = told.map_or_else(|error| error.to_string(), |_| "fine".into());
            prop_assert!(!told.is_empty());
        }
    }

    #[test]
    fn no_environment_makes_reading_panic(name in "MELDGATE_[A-Z_]{0,20}", text in any::<String>()) {
        let folder = Folder::new();
        let sources = folder.sources("", &[(&name, &text)]);
        let told = Config::load(&Purpose::Serve, &sources).unwrap_err();
        prop_assert!(!told.problems().is_empty());
        for key in crate::config::schema::keys() {
            let sources = folder.sources("", &[(&crate::config::environment::variable(key), &text)]);
            drop(Config::load(&Purpose::Serve, &sources));
        }
    }
}
