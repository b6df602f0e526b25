//! Arithmetic (SPARQL 1.1, section 17.3; `XPath` and `XQuery` Functions and Operators, section 4.2).

use oxsdatatypes::{Decimal, Double, Float};

use super::value::Number;
use crate::pattern::operator::Operator;

/// Two numbers of one type.
pub(super) enum Pair {
    Integers(oxsdatatypes::Integer, oxsdatatypes::Integer),
    Decimals(Decimal, Decimal),
    Floats(Float, Float),
    Doubles(Double, Double),
}

/// Promotes one of two numbers to the type of the other.
pub(super) fn promoted(a: Number, b: Number) -> Pair {
    use Number as N;
    match (a, b) {
        (N::Integer(a), N::Integer(b)) => Pair::Integers(a, b),
        (N::Double(_), _) | (_, N::Double(_)) => Pair::Doubles(double(a), double(b)),
        (N::Float(_), _) | (_, N::Float(_)) => Pair::Floats(float(a), float(b)),
        (N::Decimal(a), N::Decimal(b)) => Pair::Decimals(a, b),
        (N::Decimal(a), N::Integer(b)) => Pair::Decimals(a, b.into()),
        (N::Integer(a), N::Decimal(b)) => Pair::Decimals(a.into(), b),
    }
}

fn double(number: Number) -> Double {
    match number {
        Number::Integer(number) => number.into(),
        Number::Decimal(number) => number.into(),
        Number::Float(number) => number.into(),
        Number::Double(number) => number,
    }
}

fn float(number: Number) -> Float {
    match number {
        Number::Integer(number) => number.into(),
        Number::Decimal(number) => number.into(),
        Number::Float(number) => number,
        Number::Double(number) => number.into(),
    }
}

/// The result of an operator. None if it is an error: an overflow, or a division by zero.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "these are of floating point, which does not overflow"
)]
pub(super) fn calculate(operator: Operator, a: Number, b: Number) -> Option<Number> {
    Some(match (operator, promoted(a, b)) {
        (Operator::Plus, Pair::Integers(a, b)) => Number::Integer(a.checked_add(b)?),
        (Operator::Minus, Pair::Integers(a, b)) => Number::Integer(a.checked_sub(b)?),
        (Operator::Times, Pair::Integers(a, b)) => Number::Integer(a.checked_mul(b)?),
        (Operator::Divide, Pair::Integers(a, b)) => {
            Number::Decimal(Decimal::from(a).checked_div(b)?)
        }
        (Operator::Plus, Pair::Decimals(a, b)) => Number::Decimal(a.checked_add(b)?),
        (Operator::Minus, Pair::Decimals(a, b)) => Number::Decimal(a.checked_sub(b)?),
        (Operator::Times, Pair::Decimals(a, b)) => Number::Decimal(a.checked_mul(b)?),
        (Operator::Divide, Pair::Decimals(a, b)) => Number::Decimal(a.checked_div(b)?),
        (Operator::Plus, Pair::Floats(a, b)) => Number::Float(a + b),
        (Operator::Minus, Pair::Floats(a, b)) => Number::Float(a - b),
        (Operator::Times, Pair::Floats(a, b)) => Number::Float(a * b),
        (Operator::Divide, Pair::Floats(a, b)) => Number::Float(a / b),
        (Operator::Plus, Pair::Doubles(a, b)) => Number::Double(a + b),
        (Operator::Minus, Pair::Doubles(a, b)) => Number::Double(a - b),
        (Operator::Times, Pair::Doubles(a, b)) => Number::Double(a * b),
        (Operator::Divide, Pair::Doubles(a, b)) => Number::Double(a / b),
        _ => return None,
    })
}
