//! Regular expressions, which are matched in time linear in the text.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};

/// Bytes that a compiled expression may take.
const SIZE: usize = 1 << 20;
/// How deep groups may be nested.
const NESTING: u32 = 100;
/// How many expressions are remembered. Usual requests have one or two.
const REMEMBERED: usize = 64;

/// Expressions that were compiled, or found wrong.
#[derive(Default)]
pub(super) struct Expressions(BTreeMap<(String, String), Option<Regex>>);

impl Expressions {
    /// The expression of a pattern and flags. None if there is none such.
    pub(super) fn get(&mut self, pattern: &str, flags: &str) -> Option<&Regex> {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let key = (pattern.to_owned(), flags.to_owned());
        let compiled = self.0.entry(key).or_insert_with(|| compile(pattern, flags));
        compiled.as_ref()
    }
}

/// With the flags of `XPath` (Functions and Operators 3.1, section 5.6.1.1).
fn compile(pattern: &str, flags: &str) -> Option<Regex> {
    let quoted;
    let pattern = if flags.contains('q') {
        quoted = regex::escape(pattern);
        &quoted
    } else {
        pattern
    };
    let mut builder = RegexBuilder::new(pattern);
    builder
        .size_limit(SIZE)
        .dfa_size_limit(SIZE)
        .nest_limit(NESTING);
    for flag in flags.chars() {
        match flag {
            's' => builder.dot_matches_new_line(true),
            'm' => builder.multi_line(true),
            'i' => builder.case_insensitive(true),
            'x' => builder.ignore_whitespace(true),
            'q' => &mut builder,
            _ => return None,
        };
    }
    builder.build().ok()
}
