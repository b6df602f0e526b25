//! Variables of a request.

use std::collections::BTreeMap;

/// A variable, as its place in the row of a solution.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Var(pub(super) usize);

/// What a variable for a place in a list stands for, if nothing binds it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Derived {
    /// The property from a list to a new slot, at the index that the other variable is.
    ListKey(Var),
    /// A new slot at the index that the other variable is.
    Slot(Var),
}

/// The variables of one request.
#[derive(Debug, Default)]
pub(super) struct Vars {
    /// Without their question mark; anonymous ones have no name.
    names: Vec<Option<String>>,
    by_name: BTreeMap<String, Var>,
    derived: BTreeMap<Var, Derived>,
}

impl Vars {
    /// The variable of a name.
    pub(super) fn named(&mut self, name: &str) -> Var {
        if let Some(var) = self.by_name.get(name) {
            return *var;
        }
        let var = self.push(Some(name.to_owned()));
        self.by_name.insert(name.to_owned(), var);
        var
    }

    /// A variable like no other.
    pub(super) fn anonymous(&mut self) -> Var {
        self.push(None)
    }

    /// The variable that a text means: a new one for `?`.
    pub(super) fn read(&mut self, text: &str) -> Option<Var> {
        match name(text)? {
            "" => Some(self.anonymous()),
            name => Some(self.named(name)),
        }
    }

    /// The variable of a name, if there is one yet.
    pub(super) fn known(&self, name: &str) -> Option<Var> {
        self.by_name.get(name).copied()
    }

    /// The variable for the property from a list to the slot at an index, or to a slot.
    pub(super) fn list_key(&mut self, of: Var) -> Var {
        self.derive(of, "listKey", Derived::ListKey(of))
    }

    /// The variable for the slot at an index.
    pub(super) fn slot(&mut self, index: Var) -> Var {
        self.derive(index, "slotId", Derived::Slot(index))
    }

    /// What a variable is made of, if nothing binds it.
    pub(super) fn derived(&self, var: Var) -> Option<Derived> {
        self.derived.get(&var).copied()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// What a variable is called in results, with its question mark.
    pub(super) fn key(&self, var: Var) -> String {
        if let Some(Some(name)) = self.names.get(var.0) {
            return format!("?{name}");
        }
        let mut name = format!("b{}", var.0);
        // Not the name of one that the request has.
        while self.by_name.contains_key(&name) {
            name.push('_');
        }
        format!("?{name}")
    }

    fn derive(&mut self, of: Var, what: &str, derived: Derived) -> Var {
        let var = match self.names.get(of.0) {
            Some(Some(name)) => {
                let name = format!("{name}__{what}");
                self.named(&name)
            }
            Some(None) | None => self.anonymous(),
        };
        self.derived.insert(var, derived);
        var
    }

    fn push(&mut self, name: Option<String>) -> Var {
        let var = Var(self.names.len());
        self.names.push(name);
        var
    }
}

/// The name in a text that is a variable (SPARQL 1.1, production `VARNAME`); empty for `?`.
pub(super) fn name(text: &str) -> Option<&str> {
    let name = text.strip_prefix('?')?;
    let mut chars = name.chars();
    match chars.next() {
        None => Some(name),
        Some(first) => (begins(first) && chars.all(continues)).then_some(name),
    }
}

fn begins(c: char) -> bool {
    matches!(c,
        '0'..='9' | '_' | 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}'
        | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}'
        | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

fn continues(c: char) -> bool {
    begins(c) || matches!(c, '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}
