//! Which keys there are, asked of the file types themselves, and the nearest one to a wrong one.

use std::sync::LazyLock;

use serde::de::value::Error as Stop;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use super::file;
use super::layers::Key;

type Names = &'static [&'static str];

/// Every section with its keys, in the order of the file.
static SECTIONS: LazyLock<[(&str, Names); 12]> = LazyLock::new(|| {
    [
        ("gateway", names_of::<file::Gateway>()),
        ("listen", names_of::<file::Listen>()),
        ("tls", names_of::<file::Tls>()),
        ("http", names_of::<file::Http>()),
        ("sockets", names_of::<file::Sockets>()),
        ("limits", names_of::<file::Limits>()),
        ("lockout", names_of::<file::Lockout>()),
        ("accounts", names_of::<file::Accounts>()),
        ("domains", names_of::<file::Domains>()),
        ("webhooks", names_of::<file::Webhooks>()),
        ("smtp", names_of::<file::Smtp>()),
        ("log", names_of::<file::Log>()),
    ]
});

/// Every key there is.
pub(super) fn keys() -> impl Iterator<Item = Key> {
    SECTIONS
        .iter()
        .flat_map(|&(section, names)| names.iter().map(move |name| Key::new(section, name)))
}

/// Whether there is such a section.
pub(super) fn is_section(name: &str) -> bool {
    SECTIONS.iter().any(|&(section, _)| section == name)
}

/// The key with this name in this section.
pub(super) fn find(section: &str, name: &str) -> Option<Key> {
    keys().find(|key| key.section == section && key.name == name)
}

/// What to say about a section that does not exist.
pub(super) fn section_hint(wrong: &str) -> String {
    let all = || SECTIONS.iter().map(|&(section, _)| section);
    if let Some(section) = nearest(wrong, all()) {
        return format!("did you mean `{section}`?");
    }
    // A key that was written above the first section's header.
    match keys().find(|key| key.name == wrong) {
        Some(key) => format!("did you mean `{key}`?"),
        None => format!("the sections are {}", listed(all())),
    }
}

/// What to say about a key that does not exist in a section that does.
pub(super) fn key_hint(section: &str, wrong: &str) -> String {
    let mine = || keys().filter(|key| key.section == section);
    if let Some(name) = nearest(wrong, mine().map(|key| key.name)) {
        return format!("did you mean `{section}.{name}`?");
    }
    let elsewhere = || keys().filter(|key| key.section != section);
    match nearest(wrong, elsewhere().map(|key| key.name))
        .and_then(|name| elsewhere().find(|key| key.name == name))
    {
        Some(key) => format!("did you mean `{key}`?"),
        None => format!("[{section}] knows {}", listed(mine().map(|key| key.name))),
    }
}

/// The candidate that a slip of the hand could have turned into `wrong`.
pub(super) fn nearest<'a>(
    wrong: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    // Longer texts cost more to compare and resemble nothing.
    if wrong.len() > 100 {
        return None;
    }
    candidates
        .map(|right| (strsim::damerau_levenshtein(wrong, right), right))
        .filter(|&(distance, right)| distance <= (right.len() / 3).clamp(1, 4))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, right)| right)
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// The field names that `T` asks a deserializer for.
fn names_of<'de, T: Deserialize<'de>>() -> Names {
    let mut names: Names = &[];
    // Always an error, for nothing is there to be read; the names have been noted by then.
    drop(T::deserialize(Ask(&mut names)));
    names
}

struct Ask<'a>(&'a mut Names);

impl<'de> Deserializer<'de> for Ask<'_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Stop> {
        Err(Stop::custom("only names are asked for"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: Names,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_those_of_the_file_types() {
        assert_eq!(
            find("http", "body-limit").unwrap().to_string(),
            "http.body-limit"
        );
        assert!(find("http", "body_limit").is_none());
        for (section, names) in SECTIONS.iter() {
            assert!(!names.is_empty(), "{section}");
        }
    }

    #[test]
    fn a_slip_is_answered_with_the_nearest_key() {
        assert_eq!(key_hint("listen", "htps"), "did you mean `listen.https`?");
        assert_eq!(
            key_hint("http", "body_limit"),
            "did you mean `http.body-limit`?"
        );
        assert_eq!(section_hint("limit"), "did you mean `limits`?");
    }

    #[test]
    fn a_key_in_the_wrong_place_is_answered_with_the_right_one() {
        assert_eq!(
            key_hint("http", "connections"),
            "did you mean `limits.connections`?"
        );
        assert_eq!(
            section_hint("state-dir"),
            "did you mean `gateway.state-dir`?"
        );
    }

    #[test]
    fn what_resembles_nothing_is_answered_with_everything() {
        assert_eq!(key_hint("log", "colour"), "[log] knows level, access");
        assert!(section_hint("cheese").starts_with("the sections are gateway, listen"));
        assert!(section_hint(&"x".repeat(100_000)).starts_with("the sections are"));
    }
}
