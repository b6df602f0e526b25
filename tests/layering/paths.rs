//! The paths that a Rust source names: enough of the language for that, and no more.

/// A path as written, `use` groups unfolded, and its line.
#[derive(Debug)]
pub(super) struct Named {
    segments: Vec<String>,
    pub(super) line: usize,
}

impl Named {
    /// The room of the crate that this path leads to, named from a module `depth` below the root.
    pub(super) fn room(&self, depth: usize) -> Option<&str> {
        let supers = self
            .segments
            .iter()
            .take_while(|segment| *segment == "super")
            .count();
        let from_root = match self.segments.first()?.as_str() {
            "crate" | "meldgate" => 1,
            "super" if supers >= depth => supers,
            _ => return None,
        };
        self.segments.get(from_root).map(String::as_str)
    }

    /// Whether this is a path into the crate `word`, or one that has the segments of `one::next`.
    pub(super) fn says(&self, word: &str) -> bool {
        let words: Vec<&str> = word.split("::").collect();
        match words.len() {
            1 => self.segments.len() > 1 && self.segments[0] == word,
            length => self.segments.windows(length).any(|some| some == words),
        }
    }
}

/// Every path of the text, in order; a lone word is a path of one segment.
pub(super) fn named(text: &str) -> Vec<Named> {
    let mut reader = Reader {
        tokens: tokens(text),
        at: 0,
        found: Vec::new(),
    };
    while let Some(token) = reader.peek() {
        match token {
            Token::Word(_) | Token::Separator => reader.path(&[]),
            Token::Other(_) => reader.at += 1,
        }
    }
    reader.found
}

struct Reader {
    tokens: Vec<(Token, usize)>,
    at: usize,
    found: Vec<Named>,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    /// Reads one path, or the tree of paths that a group makes of it, that continues `before`.
    fn path(&mut self, before: &[String]) {
        let (mut segments, line) = (before.to_vec(), self.tokens[self.at].1);
        loop {
            match self.peek().cloned() {
                Some(Token::Separator) => self.at += 1,
                Some(Token::Word(word)) => {
                    segments.push(word);
                    self.at += 1;
                    if self.peek() != Some(&Token::Separator) {
                        break;
                    }
                }
                Some(Token::Other('{')) if !segments.is_empty() => return self.group(&segments),
                _ => break, // `::*`, `::<`: the path ends here
            }
        }
        self.found.push(Named { segments, line });
    }

    /// Reads `{a, b::c}` after `before::`.
    fn group(&mut self, before: &[String]) {
        self.at += 1;
        while let Some(token) = self.peek() {
            match token {
                Token::Other('}') => {
                    self.at += 1;
                    return;
                }
                Token::Other('{') | Token::Word(_) | Token::Separator => self.path(before),
                Token::Other(_) => self.at += 1,
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Separator,
    Other(char),
}

/// The tokens of the text with their lines, without comments, literals and lifetimes.
fn tokens(text: &str) -> Vec<(Token, usize)> {
    let (mut rest, mut line, mut found) = (text, 1, Vec::new());
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '/' if rest.starts_with("//") => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (None, comment(rest)),
            '"' => (None, string(rest)),
            '\'' => (None, quote(rest)),
            'r' | 'b' | 'c' if raw(rest).is_some() => (None, raw(rest).unwrap()),
            ':' if rest.starts_with("::") => (Some(Token::Separator), 2),
            first if first.is_alphabetic() || first == '_' => {
                let length = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                (Some(Token::Word(rest[..length].to_owned())), length)
            }
            first if first.is_whitespace() => (None, first.len_utf8()),
            first => (Some(Token::Other(first)), first.len_utf8()),
        };
        found.extend(token.map(|token| (token, line)));
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// The length of a comment, which may hold others.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match text.get(at..at + 2) {
            Some("/*") => (depth, at) = (depth + 1, at + 2),
            Some("*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 || at >= text.len() {
            return at.min(text.len());
        }
    }
}

/// The length of a string literal.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

/// The length of a character literal, or of a lifetime.
fn quote(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next(), chars.next()) {
        (Some((_, '\\')), _, _) => 3 + text[3..].find('\'').map_or(0, |at| at + 1),
        (_, Some((at, '\'')), _) => at + 1,
        _ => {
            1 + text[1..]
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(text.len() - 1)
        }
    }
}

/// The length of a raw string literal, if one starts here.
fn raw(text: &str) -> Option<usize> {
    let from_hashes = text
        .strip_prefix("br")
        .or(text.strip_prefix("cr"))
        .or(text.strip_prefix('r'))?;
    let body = from_hashes.trim_start_matches('#');
    let end = format!("\"{}", "#".repeat(from_hashes.len() - body.len()));
    let length = body.strip_prefix('"')?.find(&end)?;
    Some(text.len() - body.len() + 1 + length + end.len())
}
