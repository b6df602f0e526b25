//! Expressions: filters, and values that are computed (m-ld protocol, section 16.3).

use serde_json::Value as Json;

use super::PatternError;
use super::ast::{Expression, Node};
use super::operator::Operator;
use super::subject::{Mode, Object, Subjects};
use super::variable::{Var, Vars};
use crate::context::Context;

/// Reads expressions. Their variables are not such that a solution gets from them.
pub(super) struct Expressions<'a> {
    pub(super) context: &'a Context,
    pub(super) vars: &'a mut Vars,
}

/// An operator of a value that a variable has, which is the first argument.
pub(super) fn of_variable(
    subjects: &mut Subjects<'_>,
    query: Var,
    operator: &str,
    arguments: &Json,
) -> Result<Expression, PatternError> {
    let mut expressions = Expressions {
        context: subjects.context,
        vars: subjects.vars,
    };
    let mut all = vec![Expression::Var(query)];
    all.extend(expressions.arguments(arguments)?);
    apply(operator, all)
}

impl Expressions<'_> {
    /// Filters that are all to be true: a constraint, or several.
    pub(super) fn filters(&mut self, filters: &Json) -> Result<Vec<Expression>, PatternError> {
        let filter = |filter: &Json| match filter {
            Json::Object(map) if is_constraint(map) => self.constraint(map),
            _ => Err(PatternError::malformed(format!("no filter: {filter}"))),
        };
        each(filters).map(filter).collect()
    }

    /// An expression: a constraint, or a value.
    pub(super) fn expression(&mut self, expression: &Json) -> Result<Expression, PatternError> {
        match expression {
            Json::Object(map) if is_constraint(map) => self.constraint(map),
            value => self.value(value),
        }
    }

    fn value(&mut self, value: &Json) -> Result<Expression, PatternError> {
        let mut subjects = Subjects::new(self.context, self.vars, Mode::Match);
        match subjects.object(None, value)?.0 {
            Node::Var(var) => Ok(Expression::Var(var)),
            Node::Term(term) => Ok(Expression::Term(term)),
        }
    }

    /// All of a constraint's operators are to be true.
    fn constraint(&mut self, map: &Object) -> Result<Expression, PatternError> {
        let mut all = Vec::with_capacity(map.len());
        for (operator, arguments) in map {
            let arguments = self.arguments(arguments)?;
            all.push(apply(operator, arguments)?);
        }
        match (all.pop(), all.is_empty()) {
            (Some(one), true) => Ok(one),
            (Some(last), false) => {
                all.push(last);
                Ok(Expression::Apply(Operator::And, all))
            }
            (None, _) => Err(PatternError::malformed("an expression is empty")),
        }
    }

    fn arguments(&mut self, arguments: &Json) -> Result<Vec<Expression>, PatternError> {
        each(arguments)
            .map(|argument| self.expression(argument))
            .collect()
    }
}

fn apply(key: &str, arguments: Vec<Expression>) -> Result<Expression, PatternError> {
    let wrong = |what: &str| Err(PatternError::malformed(format!("{key} {what}")));
    match Operator::of(key) {
        None => wrong("is no operator"),
        Some(Operator::Splice) => wrong("has a meaning for shared data only"),
        Some(Operator::Aggregate) => wrong("is not supported"),
        Some(operator) if !operator.takes(arguments.len()) => {
            wrong("does not take that many arguments")
        }
        Some(Operator::Bound) if !matches!(arguments.as_slice(), [Expression::Var(_)]) => {
            wrong("takes a variable")
        }
        Some(operator) => Ok(Expression::Apply(operator, arguments)),
    }
}

/// Whether an object is an expression, by its keys. One with an unknown operator is too: it can
/// be nothing else.
fn is_constraint(map: &Object) -> bool {
    const VALUES: [&str; 3] = ["@value", "@id", "@vocab"];
    map.keys().all(|key| key.starts_with('@')) && !VALUES.iter().any(|key| map.contains_key(*key))
}

/// The items of an array, or a value by itself; without those that are null.
pub(super) fn each(value: &Json) -> impl Iterator<Item = &Json> {
    let items = match value {
        Json::Array(items) => items.as_slice(),
        value => std::slice::from_ref(value),
    };
    items.iter().filter(|item| !item.is_null())
}
