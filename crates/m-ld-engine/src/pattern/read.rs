//! Reads (m-ld protocol, section 16.4).

use std::rc::Rc;

use serde_json::{Map, Value as Json, json};

use super::PatternError;
use super::ast::Group;
use super::construct::{Construction, Templates};
use super::describe::{Described, Describer, Descriptions};
use super::expression::each;
use super::group::Groups;
use super::limits::{Limits, Work};
use super::plan::Plan;
use super::row::Row;
use super::run::{Env, Run};
use super::subject::{Object, is_variable};
use super::variable::{Var, Vars};
use crate::context::Context;
use crate::dataset::Graph;
use crate::rdf::{Iri, vocab};

/// Subjects that answer a read, made as they are asked for. After an error there are no more.
pub struct Results<'v>(Kind<'v>);

enum Kind<'v> {
    Describe(Descriptions<'v>),
    Select(Selection<'v>),
    Construct(Construction<'v>),
}

impl Iterator for Results<'_> {
    type Item = Result<Json, PatternError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Kind::Describe(subjects) => subjects.next(),
            Kind::Select(solutions) => solutions.next(),
            Kind::Construct(subjects) => subjects.next(),
        }
    }
}

/// Answers a describe, select or construct pattern.
///
/// # Errors
/// At once, if the request is none of these, or not as it should be; later, from the iterator, if
/// it takes too much work, is cancelled, or the store fails.
pub fn read<'v>(
    graph: &Graph<'v>,
    context: &Context,
    query: &Json,
    limits: &Limits,
) -> Result<Results<'v>, PatternError> {
    limits.admit(query)?;
    let query = query.as_object().ok_or(PatternError::Unsupported("read"))?;
    let context = in_context(context, query)?;
    let reader = Reader {
        graph,
        context,
        limits,
        vars: Vars::default(),
    };
    let kind = if let Some(what) = query.get("@describe") {
        Kind::Describe(reader.describe(what, query.get("@where"))?)
    } else if let (Some(what), Some(pattern)) = (query.get("@select"), query.get("@where")) {
        Kind::Select(reader.select(what, pattern)?)
    } else if let Some(template) = query.get("@construct") {
        Kind::Construct(reader.construct(template, query.get("@where"))?)
    } else {
        return Err(PatternError::Unsupported("read"));
    };
    Ok(Results(kind))
}

/// Whether a pattern, an object with `@where`, has a solution.
pub fn ask(
    graph: &Graph<'_>,
    context: &Context,
    query: &Json,
    limits: &Limits,
) -> Result<bool, PatternError> {
    limits.admit(query)?;
    let query = query.as_object().ok_or(PatternError::Unsupported("ask"))?;
    let mut reader = Reader {
        graph,
        context: in_context(context, query)?,
        limits,
        vars: Vars::default(),
    };
    let group = match query.get("@where") {
        Some(pattern) => reader.group(pattern)?,
        None => Group::default(),
    };
    let plan = reader.plan(group)?;
    Run::new(reader.env(), plan)
        .next()
        .transpose()
        .map(|row| row.is_some())
}

/// A subject: all of it, or some of its properties, as a describe or a construct has it.
pub fn get(
    graph: &Graph<'_>,
    context: &Context,
    id: &str,
    properties: &[&str],
    limits: &Limits,
) -> Result<Option<Json>, PatternError> {
    if properties.is_empty() {
        return read(graph, context, &json!({ "@describe": [id] }), limits)?
            .next()
            .transpose();
    }
    if let Some(subject) = context.expand_id(id).filter(|_| !is_variable(id)) {
        let named = properties
            .iter()
            .map(|name| Some((*name, property(context, name)?)));
        if let Some(named) = named.collect::<Option<Vec<_>>>() {
            let env = Env {
                graph: graph.clone(),
                work: Work::new(limits),
                vars: 0,
            };
            return Describer::new(env, context.clone()).properties(id, &subject, &named);
        }
    }
    let mut template: Object = Map::from_iter([("@id".to_owned(), id.into())]);
    for property in properties {
        let any = match *property {
            "@list" => json!({ "?": "?" }),
            _ => "?".into(),
        };
        template.insert((*property).to_owned(), any);
    }
    let query = json!({ "@construct": template });
    read(graph, context, &query, limits)?.next().transpose()
}

/// The property that a name stands for, if that can be looked up without a pattern.
fn property(context: &Context, name: &str) -> Option<Iri> {
    match name {
        "@type" => Some(Iri::new(vocab::RDF_TYPE)),
        name if name.starts_with('@') || is_variable(name) => None,
        name => context.expand_vocab(name),
    }
}

/// A context with what a request adds to it.
pub(super) fn in_context(context: &Context, request: &Object) -> Result<Context, PatternError> {
    match request.get("@context") {
        None | Some(Json::Null) => Ok(context.clone()),
        Some(json) => Ok(context.extended(json)?),
    }
}

struct Reader<'a, 'v> {
    graph: &'a Graph<'v>,
    context: Context,
    limits: &'a Limits,
    vars: Vars,
}

impl<'v> Reader<'_, 'v> {
    fn describe(
        mut self,
        what: &Json,
        pattern: Option<&Json>,
    ) -> Result<Descriptions<'v>, PatternError> {
        let group = match pattern {
            Some(pattern) => self.group(pattern)?,
            None => Group::default(),
        };
        let described = each(what)
            .map(|what| self.described(&group, what))
            .collect::<Result<_, _>>()?;
        let plan = self.plan(group)?;
        let each = Describer::new(self.env(), self.context);
        Ok(Descriptions::new(each, described, plan))
    }

    fn described(&self, group: &Group, what: &Json) -> Result<Described, PatternError> {
        let text = what
            .as_str()
            .ok_or_else(|| PatternError::malformed(format!("no identity: {what}")))?;
        if is_variable(text) {
            let var = self.vars.known(text.trim_start_matches('?'));
            return var
                .filter(|var| group.vars.contains(var))
                .map(Described::Var)
                .ok_or_else(|| PatternError::malformed(format!("{text} is not in the pattern")));
        }
        self.context
            .expand_id(text)
            .map(Described::Subject)
            .ok_or_else(|| PatternError::malformed(format!("no identity: {what}")))
    }

    fn select(mut self, what: &Json, pattern: &Json) -> Result<Selection<'v>, PatternError> {
        let group = self.group(pattern)?;
        let mut selected = Vec::new();
        for what in each(what) {
            match what.as_str() {
                Some("*") => selected.extend(&group.vars),
                Some(text) if is_variable(text) => {
                    selected.extend(self.vars.known(text.trim_start_matches('?')));
                }
                Some(_) | None => {
                    return Err(PatternError::malformed(format!("no variable: {what}")));
                }
            }
        }
        let selected = selected
            .into_iter()
            .map(|var| (var, self.vars.key(var)))
            .collect();
        let plan = self.plan(group)?;
        let run = Run::new(self.env(), plan);
        Ok(Selection {
            describer: Describer::new(self.env(), self.context),
            selected,
            run,
            count: 0,
        })
    }

    fn construct(
        mut self,
        template: &Json,
        pattern: Option<&Json>,
    ) -> Result<Construction<'v>, PatternError> {
        let templates = Templates::read(template, &mut self.vars)?;
        let group = match pattern {
            Some(pattern) => self.group(pattern)?,
            None => templates.pattern(&mut self.groups())?,
        };
        let plan = self.plan(group)?;
        let describer = Describer::new(self.env(), self.context);
        Ok(Construction::new(describer, templates, plan))
    }

    fn group(&mut self, pattern: &Json) -> Result<Group, PatternError> {
        self.groups().read(pattern)
    }

    fn groups(&mut self) -> Groups<'_> {
        Groups {
            context: &self.context,
            vars: &mut self.vars,
        }
    }

    fn plan(&self, group: Group) -> Result<Rc<Plan>, PatternError> {
        Plan::new(&self.env(), group).map(Rc::new)
    }

    fn env(&self) -> Env<'v> {
        Env {
            graph: self.graph.clone(),
            work: Work::new(self.limits),
            vars: self.vars.len(),
        }
    }
}

/// Solutions, as subjects with variables for properties.
struct Selection<'v> {
    describer: Describer<'v>,
    selected: Vec<(Var, String)>,
    run: Run<'v>,
    count: u64,
}

impl Selection<'_> {
    fn solution(&mut self, row: &Row) -> Result<Json, PatternError> {
        let mut solution = Map::new();
        for (var, key) in &self.selected {
            if let Some(cell) = row.get(*var) {
                let term = cell.term(&self.describer.env.graph)?;
                solution.insert(key.clone(), self.describer.value(key, &term)?);
            }
        }
        solution.insert("@id".to_owned(), format!("_:s{}", self.count).into());
        self.count = self.count.saturating_add(1);
        Ok(Json::Object(solution))
    }
}

impl Iterator for Selection<'_> {
    type Item = Result<Json, PatternError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.run.next()?;
        Some(row.and_then(|row| self.solution(&row)))
    }
}
