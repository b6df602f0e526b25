//! References relative to a base (RFC 3986, section 5), as the JavaScript engine resolves and
//! makes them.

use std::borrow::Cow;
use std::sync::Arc;

/// A base IRI, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Base {
    text: Arc<str>,
    /// Where the authority ends.
    root: usize,
    /// Where the last folder of the path ends.
    folder: usize,
    /// Where the path ends.
    path: usize,
    /// Where the fragment begins, or the end.
    fragment: usize,
    /// Whether the path has no dot segments, so that references can just be put after it.
    plain: bool,
}

/// A reference taken apart. The scheme, if it looks as if it had one, is dropped.
struct Parts<'a> {
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn parse(text: &'a str) -> Self {
        let rest = text.get(scheme(text)..).unwrap_or_default();
        let (rest, fragment) = cut(rest, '#');
        let (rest, query) = cut(rest, '?');
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(authority), path)
            }
            None => (None, rest),
        };
        Self {
            authority,
            path,
            query,
            fragment,
        }
    }
}

impl Base {
    /// Takes an absolute IRI for a base. None if it has no scheme.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let scheme = scheme(text);
        let rest = text.get(scheme..).filter(|_| scheme > 0)?;
        let fragment = text.find('#').unwrap_or(text.len());
        let path = text.find(['?', '#']).unwrap_or(text.len());
        let root = match rest.strip_prefix("//") {
            Some(rest) => scheme + 2 + rest.find(['/', '?', '#']).unwrap_or(rest.len()),
            None => scheme,
        };
        let whole = text.get(root..path)?;
        Some(Self {
            folder: root + whole.rfind('/').map_or(0, |slash| slash + 1),
            plain: whole.starts_with('/') && !has_dots(whole),
            text: text.into(),
            root,
            path,
            fragment,
        })
    }

    /// The IRI.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    fn to(&self, end: usize) -> &str {
        self.text.get(..end).unwrap_or_default()
    }

    fn own_path(&self) -> &str {
        self.text.get(self.root..self.path).unwrap_or_default()
    }

    /// The IRI that a relative reference means.
    pub(super) fn resolve(&self, reference: &str) -> String {
        match reference.as_bytes().first() {
            Some(b'#') => [self.to(self.fragment), reference].concat(),
            Some(b'/' | b'?') | None => self.resolve_parts(&Parts::parse(reference)),
            Some(_) if self.plain && !reference.contains(':') && !has_dots(reference) => {
                [self.to(self.folder), reference].concat()
            }
            Some(_) => self.resolve_parts(&Parts::parse(reference)),
        }
    }

    /// RFC 3986, section 5.2.2.
    fn resolve_parts(&self, parts: &Parts<'_>) -> String {
        let (mut iri, path, query) = match (parts.authority, parts.path) {
            (Some(authority), path) => {
                let scheme = scheme(&self.text);
                let iri = [self.to(scheme), "//", authority].concat();
                (iri, Cow::Borrowed(path), parts.query)
            }
            (None, "") => {
                let query = self.text.get(self.path..self.fragment).unwrap_or_default();
                let query = parts.query.or(query.strip_prefix('?'));
                (
                    self.to(self.root).to_owned(),
                    Cow::Borrowed(self.own_path()),
                    query,
                )
            }
            (None, path) if path.starts_with('/') => (
                self.to(self.root).to_owned(),
                Cow::Borrowed(path),
                parts.query,
            ),
            (None, path) => (
                self.to(self.root).to_owned(),
                self.merged(path),
                parts.query,
            ),
        };
        if parts.path.is_empty() {
            iri.push_str(&path);
        } else {
            iri.push_str(&without_dots(&path));
        }
        push_part(&mut iri, '?', query);
        push_part(&mut iri, '#', parts.fragment);
        iri
    }

    fn merged<'a>(&'a self, path: &'a str) -> Cow<'a, str> {
        let folder = self.text.get(self.root..self.folder).unwrap_or_default();
        let authority = self
            .text
            .get(scheme(&self.text)..self.root)
            .unwrap_or_default();
        let slash = if folder.is_empty() && !authority.is_empty() {
            "/"
        } else {
            ""
        };
        Cow::Owned([folder, slash, path].concat())
    }

    /// The reference by which an IRI is relative to this, if it shares scheme and authority.
    ///
    /// It is what the JavaScript engine makes, and need not resolve to the same IRI again.
    pub(super) fn relative(&self, iri: &str) -> Option<String> {
        let parts = Parts::parse(iri.strip_prefix(self.to(self.root))?);
        let (own, path) = (without_dots(self.own_path()), without_dots(parts.path));
        let own: Vec<&str> = own.split('/').collect();
        let path: Vec<&str> = path.split('/').collect();
        let has_more = [parts.query, parts.fragment]
            .iter()
            .flatten()
            .any(|part| !part.is_empty());
        // The last segment stays, unless something follows it.
        let most = if has_more { path.len() } else { path.len() - 1 };
        let shared = own
            .iter()
            .zip(&path)
            .take(most)
            .take_while(|(mine, other)| mine == other)
            .count();
        let up = own.len().saturating_sub(shared).saturating_sub(1);
        let mut reference = "../".repeat(up);
        reference.push_str(&path.get(shared..).unwrap_or_default().join("/"));
        push_part(&mut reference, '?', parts.query);
        push_part(&mut reference, '#', parts.fragment);
        if reference.is_empty() {
            reference.push_str("./");
        }
        Some(reference)
    }

    /// What is left of an IRI after the folder of this, if putting it back gives the IRI again
    /// without further ado.
    pub(super) fn strip<'a>(&self, iri: &'a str) -> Option<&'a str> {
        let rest = iri.strip_prefix(self.to(self.folder))?;
        if rest.starts_with('#') {
            // What has a colon and two slashes is taken for absolute, whatever is before.
            let fits = self.folder == self.text.len() && !rest.contains("://");
            return fits.then_some(rest);
        }
        let simple = |first: &u8| !matches!(first, b'/' | b'?' | b'#' | b'@');
        let fits = self.plain && rest.as_bytes().first().is_some_and(simple);
        (fits && !rest.contains(':') && !has_dots(rest)).then_some(rest)
    }
}

/// The length of the scheme with its colon, if the text begins with one.
fn scheme(text: &str) -> usize {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+'..=b'.');
    match text.bytes().position(|byte| !legal(byte)) {
        Some(end)
            if text.as_bytes().get(end) == Some(&b':')
                && text.starts_with(|first: char| first.is_ascii_alphabetic()) =>
        {
            end + 1
        }
        _ => 0,
    }
}

/// Whether this is absolute: it has a scheme, or is a blank node, and has no white space.
pub(super) fn is_absolute(text: &str) -> bool {
    let space = |c: char| c.is_whitespace() || c == '\u{feff}';
    (text.starts_with("_:") || scheme(text) > 0) && !text.contains(space)
}

/// Whether this is a keyword, or JSON-LD might make it one.
pub(super) fn is_keyword(text: &str) -> bool {
    text.strip_prefix('@')
        .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// Whether there may be dot segments: true more often than it must be.
fn has_dots(path: &str) -> bool {
    path.ends_with('.') || path.contains("./")
}

/// RFC 3986, section 5.2.4; but empty segments are kept.
fn without_dots(path: &str) -> Cow<'_, str> {
    if !has_dots(path) {
        return Cow::Borrowed(path);
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            _ => {
                kept.push(segment);
                continue;
            }
        }
        if segments.peek().is_none() {
            kept.push("");
        }
    }
    if path.starts_with('/') && kept.first().is_some_and(|first| !first.is_empty()) {
        kept.insert(0, "");
    }
    match kept.as_slice() {
        [""] => Cow::Borrowed("/"),
        _ => Cow::Owned(kept.join("/")),
    }
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn push_part(iri: &mut String, mark: char, part: Option<&str>) {
    if let Some(part) = part {
        iri.push(mark);
        iri.push_str(part);
    }
}
