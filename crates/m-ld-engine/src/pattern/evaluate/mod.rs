//! The values of expressions, as SPARQL 1.1 has them (section 17).
//!
//! An expression can have an error for its value, for example that of a variable without one. A
//! filter with an error is not true; a variable is not bound to one.

mod compare;
mod number;
mod regular;
mod text;
mod value;

use std::cell::RefCell;

use super::PatternError;
use super::ast::Expression;
use super::operator::Operator;
use super::row::Row;
use super::run::Env;
use crate::rdf::Term;
use regular::Expressions;
use value::Value;

/// Why an expression has no value.
enum Failure {
    /// Its value is an error.
    Error,
    /// The request ends.
    End(PatternError),
}

impl From<PatternError> for Failure {
    fn from(error: PatternError) -> Self {
        Self::End(error)
    }
}

type Outcome<T> = Result<T, Failure>;

/// Evaluates expressions; remembers what was costly to prepare.
#[derive(Default)]
pub(super) struct Evaluator {
    regular: RefCell<Expressions>,
}

impl Evaluator {
    /// Whether a filter is true.
    pub(super) fn is_true(
        &self,
        env: &Env<'_>,
        row: &Row,
        filter: &Expression,
    ) -> Result<bool, PatternError> {
        let evaluation = self.with(env, row);
        settled(evaluation.truth(filter)).map(|truth| truth.unwrap_or(false))
    }

    /// The value of an expression, or none if it is an error.
    pub(super) fn value(
        &self,
        env: &Env<'_>,
        row: &Row,
        expression: &Expression,
    ) -> Result<Option<Term>, PatternError> {
        let evaluation = self.with(env, row);
        let value = settled(evaluation.value(expression))?;
        Ok(value.and_then(Value::into_term))
    }

    fn with<'a, 'v>(&'a self, env: &'a Env<'v>, row: &'a Row) -> Evaluation<'a, 'v> {
        Evaluation {
            evaluator: self,
            env,
            row,
        }
    }
}

fn settled<T>(outcome: Outcome<T>) -> Result<Option<T>, PatternError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(Failure::Error) => Ok(None),
        Err(Failure::End(error)) => Err(error),
    }
}

/// An expression's evaluation, with the solution it is for.
struct Evaluation<'a, 'v> {
    evaluator: &'a Evaluator,
    env: &'a Env<'v>,
    row: &'a Row,
}

impl Evaluation<'_, '_> {
    /// Recursion is as deep as the request, which has been limited.
    fn value(&self, expression: &Expression) -> Outcome<Value> {
        self.env.work.step()?;
        match expression {
            Expression::Term(term) => Ok(Value::of(term.clone())),
            Expression::Var(var) => match self.row.get(*var) {
                Some(cell) => Ok(Value::of(cell.term(&self.env.graph)?)),
                None => Err(Failure::Error),
            },
            Expression::Unbound => Err(Failure::Error),
            Expression::Apply(operator, arguments) => self.apply(*operator, arguments),
        }
    }

    fn truth(&self, expression: &Expression) -> Outcome<bool> {
        self.value(expression)?.truth().ok_or(Failure::Error)
    }

    fn apply(&self, operator: Operator, arguments: &[Expression]) -> Outcome<Value> {
        match operator {
            Operator::And => self.logical(arguments, false).map(Value::Bool),
            Operator::Or => self.logical(arguments, true).map(Value::Bool),
            Operator::In => self.is_in(arguments).map(Value::Bool),
            Operator::NotIn => self.is_in(arguments).map(|is_in| Value::Bool(!is_in)),
            Operator::Bound => Ok(Value::Bool(self.is_bound(arguments))),
            Operator::Concat => {
                let values: Outcome<Vec<_>> =
                    arguments.iter().map(|each| self.value(each)).collect();
                let values = values?;
                // Strings that are put together again and again would grow beyond all bounds.
                self.env.work.steps(text::length(&values))?;
                text::concat(&values).ok_or(Failure::Error)
            }
            Operator::Not => match arguments {
                [one] => self.truth(one).map(|truth| Value::Bool(!truth)),
                _ => Err(Failure::Error),
            },
            Operator::Regex => self.matches(arguments).map(Value::Bool),
            Operator::Str | Operator::Lang => match arguments {
                [one] => unary(operator, self.value(one)?).ok_or(Failure::Error),
                _ => Err(Failure::Error),
            },
            Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
            | Operator::Plus
            | Operator::Minus
            | Operator::Times
            | Operator::Divide
            | Operator::LangMatches
            | Operator::Splice
            | Operator::Aggregate => match arguments {
                [a, b] => binary(operator, &self.value(a)?, &self.value(b)?).ok_or(Failure::Error),
                _ => Err(Failure::Error),
            },
        }
    }

    /// A conjunction, or a disjunction, which `decisive` decides, in spite of errors.
    fn logical(&self, arguments: &[Expression], decisive: bool) -> Outcome<bool> {
        let mut failed = false;
        for argument in arguments {
            match self.truth(argument) {
                Ok(truth) if truth == decisive => return Ok(decisive),
                Ok(_) => {}
                Err(Failure::Error) => failed = true,
                Err(end @ Failure::End(_)) => return Err(end),
            }
        }
        if failed {
            return Err(Failure::Error);
        }
        Ok(!decisive)
    }

    fn is_in(&self, arguments: &[Expression]) -> Outcome<bool> {
        let (one, others) = arguments.split_first().ok_or(Failure::Error)?;
        let one = self.value(one)?;
        let mut failed = false;
        for other in others {
            match self.value(other) {
                Ok(other) => match compare::equal(&one, &other) {
                    Some(true) => return Ok(true),
                    Some(false) => {}
                    None => failed = true,
                },
                Err(Failure::Error) => failed = true,
                Err(end @ Failure::End(_)) => return Err(end),
            }
        }
        if failed {
            return Err(Failure::Error);
        }
        Ok(false)
    }

    fn is_bound(&self, arguments: &[Expression]) -> bool {
        matches!(arguments, [Expression::Var(var)] if self.row.get(*var).is_some())
    }

    fn matches(&self, arguments: &[Expression]) -> Outcome<bool> {
        let (text, pattern, flags) = match arguments {
            [text, pattern] => (text, pattern, None),
            [text, pattern, flags] => (text, pattern, Some(flags)),
            _ => return Err(Failure::Error),
        };
        let text = self.value(text)?;
        let pattern = self.value(pattern)?;
        let flags = flags.map(|flags| self.value(flags)).transpose()?;
        let string = |value: &Value| value.string().map(str::to_owned).ok_or(Failure::Error);
        let flags = flags.as_ref().map(string).transpose()?.unwrap_or_default();
        let pattern = string(&pattern)?;
        let text = text.text().ok_or(Failure::Error)?;
        let mut regular = self.evaluator.regular.borrow_mut();
        let regular = regular.get(&pattern, &flags).ok_or(Failure::Error)?;
        Ok(regular.is_match(text))
    }
}

fn unary(operator: Operator, value: Value) -> Option<Value> {
    match operator {
        Operator::Str => Some(value.into_string()),
        _ => value.language(),
    }
}

fn binary(operator: Operator, a: &Value, b: &Value) -> Option<Value> {
    use std::cmp::Ordering::{Greater, Less};
    let order = || compare::order(a, b);
    let truth = match operator {
        Operator::Equal => compare::equal(a, b),
        Operator::NotEqual => compare::equal(a, b).map(|equal| !equal),
        Operator::Less => order().map(|order| order == Less),
        Operator::LessOrEqual => order().map(|order| order != Greater),
        Operator::Greater => order().map(|order| order == Greater),
        Operator::GreaterOrEqual => order().map(|order| order != Less),
        Operator::LangMatches => text::language_matches(a, b),
        operator => {
            return number::calculate(operator, a.number()?, b.number()?).map(Value::Number);
        }
    };
    truth.map(Value::Bool)
}
