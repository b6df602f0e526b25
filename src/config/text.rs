//! The configuration file's text to layers.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table};

use super::error::Problem;
use super::layers::{Layers, Origin};
use super::schema;

/// Lays the values of a file's text over `layers`; what the file has no right to say becomes a problem.
pub(super) fn lay(path: &Path, text: &str, layers: &mut Layers, problems: &mut Vec<Problem>) {
    let reader = Reader { path, text };
    match (DeTable::parse(text), text.parse::<Table>()) {
        (Ok(places), Ok(values)) => reader.sections(places.get_ref(), &values, layers, problems),
        (Err(error), _) | (_, Err(error)) => problems.push(Problem::Syntax {
            origin: reader.origin(&error.span().unwrap_or(0..0)),
            message: error.message().replace('\n', ", "),
        }),
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn origin(&self, span: &Range<usize>) -> Origin {
        let before = self.text.as_bytes().iter().take(span.start);
        Origin::File {
            path: self.path.into(),
            line: 1 + before.filter(|&&byte| byte == b'\n').count(),
        }
    }

    /// `places` and `values` are the same table, read twice: one knows the lines, the other owns its values.
    fn sections(
        &self,
        places: &DeTable<'_>,
        values: &Table,
        layers: &mut Layers,
        problems: &mut Vec<Problem>,
    ) {
        for (name, place) in places {
            let origin = self.origin(&name.span());
            let section = name.get_ref().as_ref();
            if !schema::is_section(section) {
                problems.push(unknown(
                    origin,
                    "section",
                    section,
                    schema::section_hint(section),
                ));
                continue;
            }
            match (place.get_ref(), values.get(section)) {
                (DeValue::Table(keys), Some(toml::Value::Table(values))) => {
                    self.keys(section, keys, values, layers, problems);
                }
                _ => problems.push(Problem::Syntax {
                    origin,
                    message: format!("`{section}` must be a section, written [{section}]"),
                }),
            }
        }
    }

    fn keys(
        &self,
        section: &str,
        places: &DeTable<'_>,
        values: &Table,
        layers: &mut Layers,
        problems: &mut Vec<Problem>,
    ) {
        for (name, place) in places {
            let origin = self.origin(&line_of(name, place));
            let name = name.get_ref().as_ref();
            match (schema::find(section, name), values.get(name)) {
                (Some(key), Some(value)) => layers.lay(key, value.clone(), origin),
                _ => problems.push(unknown(
                    origin,
                    "key",
                    &format!("{section}.{name}"),
                    schema::key_hint(section, name),
                )),
            }
        }
    }
}

/// The key's place, or the value's when that comes first.
fn line_of(name: &Spanned<impl AsRef<str>>, place: &Spanned<DeValue<'_>>) -> Range<usize> {
    let (name, value) = (name.span(), place.span());
    if name.is_empty() { value } else { name }
}

fn unknown(origin: Origin, kind: &'static str, name: &str, hint: String) -> Problem {
    Problem::Unknown {
        origin,
        kind,
        name: name.escape_debug().to_string(),
        hint,
    }
}
