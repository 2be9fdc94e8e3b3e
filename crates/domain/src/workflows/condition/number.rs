//! Numbers as Python computes with them: whole numbers exactly, others as floats, true and false as 1 and 0.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{
    evaluate::{EvaluationError, types},
    expression::Operator,
};

pub(super) fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Result<Value, EvaluationError> {
    let symbol = match operator {
        Operator::Or => "|",
        Operator::And => "&",
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::FloorDivide => "//",
        Operator::Remainder => "%",
        Operator::Power => "**",
    };
    let (first, second) = numbers(left, right).ok_or_else(|| types(left, symbol, right))?;
    let made = match (first, second) {
        (Numeric::Whole(first), Numeric::Whole(second)) => whole(operator, first, second)?,
        _ => Numeric::Real(real(operator, first.real(), second.real()).ok_or_else(|| types(left, symbol, right))??),
    };
    made.value()
}

fn whole(operator: Operator, left: i128, right: i128) -> Result<Numeric, EvaluationError> {
    let overflow = EvaluationError::Overflow;
    let divisible = if right == 0 { Err(EvaluationError::DivisionByZero) } else { Ok(()) };
    let made = match operator {
        Operator::Or => left | right,
        Operator::And => left & right,
        Operator::Add => left.checked_add(right).ok_or(overflow)?,
        Operator::Subtract => left.checked_sub(right).ok_or(overflow)?,
        Operator::Multiply => left.checked_mul(right).ok_or(overflow)?,
        Operator::Divide => {
            divisible?;
            return Ok(Numeric::Real(Numeric::Whole(left).real() / Numeric::Whole(right).real()));
        }
        // The quotient is rounded down, and the remainder has the sign of the divisor.
        Operator::FloorDivide => {
            divisible?;
            let rest = left % right;
            left / right - i128::from(rest != 0 && (rest < 0) != (right < 0))
        }
        Operator::Remainder => {
            divisible?;
            let rest = left % right;
            if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest }
        }
        Operator::Power => match u32::try_from(right) {
            Ok(power) => left.checked_pow(power).ok_or(overflow)?,
            Err(_) if right > 0 && (-1..=1).contains(&left) => {
                if right % 2 == 0 {
                    left * left
                } else {
                    left
                }
            }
            Err(_) if right > 0 => return Err(overflow),
            Err(_) if left == 0 => return Err(EvaluationError::DivisionByZero),
            Err(_) => return Ok(Numeric::Real(Numeric::Whole(left).real().powf(Numeric::Whole(right).real()))),
        },
    };
    Ok(Numeric::Whole(made))
}

/// None where the operator has no meaning for such numbers.
fn real(operator: Operator, left: f64, right: f64) -> Option<Result<f64, EvaluationError>> {
    let by_zero = right == 0.0;
    Some(match operator {
        Operator::Or | Operator::And => return None,
        Operator::Add => Ok(left + right),
        Operator::Subtract => Ok(left - right),
        Operator::Multiply => Ok(left * right),
        Operator::Divide | Operator::FloorDivide | Operator::Remainder if by_zero => {
            Err(EvaluationError::DivisionByZero)
        }
        Operator::Divide => Ok(left / right),
        Operator::FloorDivide => Ok((left / right).floor()),
        Operator::Remainder => {
            let rest = left % right;
            Ok(if rest != 0.0 && (rest < 0.0) != (right < 0.0) { rest + right } else { rest })
        }
        Operator::Power if left == 0.0 && right < 0.0 => Err(EvaluationError::DivisionByZero),
        Operator::Power => Ok(left.powf(right)),
    })
}

/// A number as it is computed with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Numeric {
    Whole(i128),
    Real(f64),
}

/// Both as numbers, as far as they are: true and false count as 1 and 0.
pub(super) fn numbers(left: &Value, right: &Value) -> Option<(Numeric, Numeric)> {
    Some((Numeric::of(left)?, Numeric::of(right)?))
}

impl Numeric {
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(truth) => Some(Self::Whole(i128::from(*truth))),
            Value::Number(number) => number
                .as_i64()
                .map(i128::from)
                .or_else(|| number.as_u64().map(i128::from))
                .map(Self::Whole)
                .or_else(|| number.as_f64().map(Self::Real)),
            Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "as in Python, where a whole number meets one that is not")]
    fn real(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Real(number) => number,
        }
    }

    /// Exact, also between whole numbers that no float can tell apart.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the part before the point is compared first, the rest after it"
    )]
    pub(super) fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => left.cmp(&right),
            // JSON knows no number that is none.
            (Self::Real(left), Self::Real(right)) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
            (Self::Whole(left), Self::Real(right)) => {
                left.cmp(&(right.trunc() as i128)).then_with(|| 0.0_f64.total_cmp(&(right.fract() + 0.0)))
            }
            (Self::Real(_), Self::Whole(_)) => other.order(self).reverse(),
        }
    }

    fn value(self) -> Result<Value, EvaluationError> {
        let number = match self {
            Self::Whole(number) => {
                i64::try_from(number).map(Number::from).or_else(|_| u64::try_from(number).map(Number::from)).ok()
            }
            Self::Real(number) => Number::from_f64(number),
        };
        number.map(Value::Number).ok_or(EvaluationError::Overflow)
    }
}
