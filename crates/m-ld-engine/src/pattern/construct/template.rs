//! Reading templates.

use serde_json::{Map, Value as Json, json};

use crate::pattern::PatternError;
use crate::pattern::ast::Group;
use crate::pattern::group::Groups;
use crate::pattern::list;
use crate::pattern::subject::{Object, is_inline, is_subject, reference};
use crate::pattern::variable::{self, Var, Vars};

/// How much a template may have in it. As a pattern each is an alternative.
const MOST: usize = 4096;

/// Templates, and those within them.
#[derive(Default)]
pub(in crate::pattern) struct Templates {
    pub(super) all: Vec<Template>,
    /// Those that results are given for.
    pub(super) top: Vec<usize>,
    /// What each stands for as a pattern: alternatives of one property each.
    patterns: Vec<Vec<Object>>,
}

/// A subject to be made.
pub(super) struct Template {
    pub(super) identity: Identity,
    pub(super) contents: Vec<(Key, Content)>,
}

/// Who a template is about.
pub(super) enum Identity {
    /// As it was given.
    Fixed(String),
    Var(Var),
    None,
}

/// Where content goes.
#[derive(Clone)]
pub(super) enum Key {
    Name(String),
    Var(Var),
    /// An index in the template's list.
    Index(u64),
    IndexVar(Var),
}

/// What goes there.
pub(super) enum Content {
    /// As it was given.
    Fixed(Json),
    Var(Var),
    Nested(usize),
}

impl Key {
    pub(super) fn is_var(&self) -> bool {
        matches!(self, Self::Var(_) | Self::IndexVar(_))
    }
}

/// Reads templates.
pub(in crate::pattern) struct Reader<'a> {
    vars: &'a mut Vars,
    templates: Templates,
    /// What names for variables without one begin with.
    prefix: String,
    /// How many contents and such names there are.
    count: usize,
}

impl Templates {
    pub(in crate::pattern) fn read(json: &Json, vars: &mut Vars) -> Result<Self, PatternError> {
        let mut reader = Reader {
            vars,
            templates: Self::default(),
            prefix: unused_prefix(json),
            count: 0,
        };
        for subject in super::super::expression::each(json) {
            let subject = subject
                .as_object()
                .ok_or_else(|| PatternError::malformed(format!("no template: {subject}")))?;
            let top = reader.subject(subject)?;
            reader.templates.top.push(top);
        }
        Ok(reader.templates)
    }

    /// The pattern that the templates are, if the request has no other: each property is an
    /// alternative.
    pub(in crate::pattern) fn pattern(
        &self,
        groups: &mut Groups<'_>,
    ) -> Result<Group, PatternError> {
        let patterns = self.top.iter().filter_map(|top| self.patterns.get(*top));
        let union: Vec<Json> = patterns.flatten().cloned().map(Json::Object).collect();
        if union.is_empty() {
            // Nothing is asked for, so nothing matches.
            return groups.read(&json!({ "@values": [] }));
        }
        groups.read(&json!({ "@union": union }))
    }
}

impl Reader<'_> {
    fn subject(&mut self, map: &Object) -> Result<usize, PatternError> {
        let identity = match map.get("@id") {
            None | Some(Json::Null) => Identity::None,
            Some(Json::String(id)) => match self.named(id) {
                Some((var, _)) => Identity::Var(var),
                None => Identity::Fixed(id.clone()),
            },
            Some(id) => return Err(PatternError::malformed(format!("no identity: {id}"))),
        };
        let mut contents = Contents {
            id: map.get("@id").filter(|id| !id.is_null()).cloned(),
            all: Vec::new(),
            patterns: Vec::new(),
        };
        for (name, value) in map {
            match name.as_str() {
                "@id" | "@context" => {}
                "@list" => self.list(&mut contents, value)?,
                name => {
                    let (key, name) = match self.named(name) {
                        Some((var, name)) => (Key::Var(var), name),
                        None => (Key::Name(name.to_owned()), name.to_owned()),
                    };
                    self.content(&mut contents, &key, &|value| object(&name, value), value)?;
                }
            }
        }
        let index = self.templates.all.len();
        self.templates.all.push(Template {
            identity,
            contents: contents.all,
        });
        self.templates.patterns.push(contents.patterns);
        Ok(index)
    }

    fn list(&mut self, contents: &mut Contents, items: &Json) -> Result<(), PatternError> {
        let members: Vec<(String, &Json)> = match items {
            Json::Array(items) => (0_usize..)
                .zip(items)
                .map(|(index, item)| (index.to_string(), item))
                .collect(),
            Json::Object(map) => map.iter().map(|(key, item)| (key.clone(), item)).collect(),
            item => vec![("0".to_owned(), item)],
        };
        for (name, item) in members {
            let (key, name) = if let Some((var, name)) = self.named(&name) {
                (Key::IndexVar(var), name)
            } else {
                let (index, _) = list::index(&name).ok_or_else(|| list::no_index(&name))?;
                (Key::Index(index), name)
            };
            let list = |value| object("@list", Json::Object(object(&name, value)));
            self.content(contents, &key, &list, item)?;
        }
        Ok(())
    }

    /// What is to be at a key; `place` makes a pattern of a value there.
    fn content(
        &mut self,
        contents: &mut Contents,
        key: &Key,
        place: &dyn Fn(Json) -> Object,
        value: &Json,
    ) -> Result<(), PatternError> {
        self.count = self.count.saturating_add(1);
        if self.count > MOST {
            return Err(PatternError::TooLarge {
                what: "properties of templates",
                limit: MOST,
            });
        }
        match value {
            Json::Null => {}
            Json::Array(items) => {
                for item in items {
                    self.content(contents, key, place, item)?;
                }
            }
            Json::Object(map) => match map.get("@set") {
                Some(set) => self.content(contents, key, place, set)?,
                None if is_inline(map) => {
                    let var = map.get("@value").and_then(Json::as_str).unwrap_or("?");
                    let (var, name) = self
                        .named(var)
                        .ok_or_else(|| PatternError::malformed(format!("no variable: {value}")))?;
                    let mut filter = map.clone();
                    filter.insert("@value".to_owned(), name.into());
                    contents.add(key, Content::Var(var), place(Json::Object(filter)));
                }
                None if is_subject(map) && reference(map, "@id").is_none() => {
                    let nested = self.subject(map)?;
                    let patterns = self.templates.patterns.get(nested);
                    for pattern in patterns.into_iter().flatten() {
                        contents.pattern(place(Json::Object(pattern.clone())));
                    }
                    contents.all.push((key.clone(), Content::Nested(nested)));
                }
                None => contents.add(key, Content::Fixed(value.clone()), place(value.clone())),
            },
            Json::String(text) => match self.named(text) {
                Some((var, name)) => contents.add(key, Content::Var(var), place(name.into())),
                None => contents.add(key, Content::Fixed(value.clone()), place(value.clone())),
            },
            Json::Bool(_) | Json::Number(_) => {
                contents.add(key, Content::Fixed(value.clone()), place(value.clone()));
            }
        }
        Ok(())
    }

    /// A variable, and a name that patterns can have for it.
    fn named(&mut self, text: &str) -> Option<(Var, String)> {
        let name = match variable::name(text)? {
            "" => {
                self.count = self.count.saturating_add(1);
                format!("{}{}", self.prefix, self.count)
            }
            name => name.to_owned(),
        };
        Some((self.vars.named(&name), format!("?{name}")))
    }
}

/// What a template has so far.
struct Contents {
    id: Option<Json>,
    all: Vec<(Key, Content)>,
    patterns: Vec<Object>,
}

impl Contents {
    fn add(&mut self, key: &Key, content: Content, pattern: Object) {
        self.all.push((key.clone(), content));
        self.pattern(pattern);
    }

    fn pattern(&mut self, mut pattern: Object) {
        if let Some(id) = &self.id {
            pattern.insert("@id".to_owned(), id.clone());
        }
        self.patterns.push(pattern);
    }
}

fn object(key: &str, value: Json) -> Object {
    Map::from_iter([(key.to_owned(), value)])
}

/// What no variable of a request begins with.
fn unused_prefix(request: &Json) -> String {
    let mut names = Vec::new();
    let mut waiting = vec![request];
    while let Some(value) = waiting.pop() {
        match value {
            Json::String(text) => names.extend(variable::name(text)),
            Json::Array(items) => waiting.extend(items),
            Json::Object(map) => {
                names.extend(map.keys().filter_map(|key| variable::name(key)));
                waiting.extend(map.values());
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
    let mut prefix = "b_".to_owned();
    while names.iter().any(|name| name.starts_with(&prefix)) {
        prefix.push('_');
    }
    prefix
}
