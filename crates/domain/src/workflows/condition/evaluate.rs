//! What a condition comes to, with the meaning that Python gives it.

use std::{borrow::Cow, cmp::Ordering, fmt::Write as _};

use serde_json::{Map, Value};

use super::{
    expression::{Comparison, Expression, Operator, TextPart},
    number::{Numeric, arithmetic, numbers},
};
use crate::workflows::reference::Scope;

/// How many values an evaluation may look at, however large they are.
const MAX_STEPS: usize = 1_000_000;

/// How many bytes of text and values it may make.
const MAX_MADE: usize = 1 << 20;

/// Why a condition has no value. The old executor takes each of these for false, and so do runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// The types of two values do not go together.
    #[error("{left} {operator} {right} has no meaning")]
    Types {
        /// The type of the left value.
        left: &'static str,
        /// The operator.
        operator: &'static str,
        /// The type of the right value.
        right: &'static str,
    },
    /// A number divided by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A number beyond 64 bits.
    #[error("a number became too large")]
    Overflow,
    /// An element or a member that is not there.
    #[error("an element is not there")]
    Missing,
    /// More work than a condition may cause.
    #[error("the condition takes too much work")]
    TooMuch,
}

type Evaluated<'a> = Result<Cow<'a, Value>, EvaluationError>;

/// An evaluation under way.
pub(super) struct Evaluation<'a> {
    scope: &'a dyn Scope,
    steps: usize,
    made: usize,
}

/// `'' 0 0.0 null false [] {}` are false, all else is true.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(scope: &'a dyn Scope) -> Self {
        Self { scope, steps: 0, made: 0 }
    }

    fn step(&mut self) -> Result<(), EvaluationError> {
        self.steps += 1;
        if self.steps > MAX_STEPS { Err(EvaluationError::TooMuch) } else { Ok(()) }
    }

    fn make(&mut self, bytes: usize) -> Result<(), EvaluationError> {
        self.made = self.made.saturating_add(bytes);
        if self.made > MAX_MADE { Err(EvaluationError::TooMuch) } else { Ok(()) }
    }

    pub(super) fn value(&mut self, expression: &'a Expression) -> Evaluated<'a> {
        self.step()?;
        match expression {
            Expression::Literal(value) => Ok(Cow::Borrowed(value)),
            Expression::Reference(reference) => {
                Ok(reference.find(self.scope).map_or(Cow::Owned(Value::Null), |found| found))
            }
            Expression::Text(parts) => self.text(parts),
            Expression::List(parts) => {
                let items = parts.iter().map(|part| self.copied(part)).collect::<Result<_, _>>()?;
                Ok(Cow::Owned(Value::Array(items)))
            }
            Expression::Object(members) => self.object(members),
            Expression::And(parts) => self.first_that_is(false, parts),
            Expression::Or(parts) => self.first_that_is(true, parts),
            Expression::Not(part) => self.value(part).map(|value| truth(!is_true(&value))),
            Expression::Negative(part) => {
                let value = self.value(part)?;
                let zero = Value::from(0);
                arithmetic(Operator::Subtract, &zero, &value).map(Cow::Owned)
            }
            Expression::Positive(part) => {
                let value = self.value(part)?;
                arithmetic(Operator::Add, &Value::from(0), &value).map(Cow::Owned)
            }
            Expression::Compare(first, rest) => self.chain(first, rest),
            Expression::Binary(operator, parts) => {
                let (left, right) = (self.value(&parts.0)?, self.value(&parts.1)?);
                self.binary(*operator, &left, &right).map(Cow::Owned)
            }
            Expression::Element(parts) => {
                let (whole, index) = (self.value(&parts.0)?, self.value(&parts.1)?);
                element(whole, &index)
            }
            Expression::Choice(parts) => {
                let [yes, condition, no] = &**parts;
                let chosen = if is_true(&*self.value(condition)?) { yes } else { no };
                self.value(chosen)
            }
        }
    }

    /// The first part whose truth is this one, else the last part.
    fn first_that_is(&mut self, wanted: bool, parts: &'a [Expression]) -> Evaluated<'a> {
        let mut last = Cow::Owned(Value::Null);
        for part in parts {
            last = self.value(part)?;
            if is_true(&last) == wanted {
                break;
            }
        }
        Ok(last)
    }

    fn copied(&mut self, part: &'a Expression) -> Result<Value, EvaluationError> {
        let value = self.value(part)?;
        if let Cow::Borrowed(value) = value {
            self.weigh(value)?;
        }
        Ok(value.into_owned())
    }

    /// Pays for a copy before it is made.
    fn weigh(&mut self, value: &Value) -> Result<(), EvaluationError> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => self.make(8),
            Value::String(text) => self.make(text.len() + 8),
            Value::Array(items) => {
                self.make(8)?;
                items.iter().try_for_each(|item| self.weigh(item))
            }
            Value::Object(members) => members.iter().try_for_each(|(key, member)| {
                self.make(key.len() + 8)?;
                self.weigh(member)
            }),
        }
    }

    fn text(&mut self, parts: &[TextPart]) -> Evaluated<'a> {
        let mut text = String::new();
        for part in parts {
            match part {
                TextPart::Plain(plain) => text.push_str(plain),
                TextPart::Reference(reference) => {
                    let value = reference.find(self.scope).unwrap_or(Cow::Owned(Value::Null));
                    self.weigh(&value)?;
                    // Writing into a text cannot fail.
                    let _ = write!(text, "{value}");
                }
            }
        }
        Ok(Cow::Owned(Value::String(text)))
    }

    fn object(&mut self, members: &'a [(Expression, Expression)]) -> Evaluated<'a> {
        let mut made = Map::new();
        for (key, member) in members {
            let Value::String(key) = self.copied(key)? else {
                return Err(EvaluationError::Types { left: "a key", operator: "of", right: "an object" });
            };
            let member = self.copied(member)?;
            made.insert(key, member);
        }
        Ok(Cow::Owned(Value::Object(made)))
    }

    fn chain(&mut self, first: &'a Expression, rest: &'a [(Comparison, Expression)]) -> Evaluated<'a> {
        let mut left = self.value(first)?;
        for (comparison, right) in rest {
            let right = self.value(right)?;
            if !self.compare(*comparison, &left, &right)? {
                return Ok(truth(false));
            }
            left = right;
        }
        Ok(truth(true))
    }

    fn compare(&mut self, comparison: Comparison, left: &Value, right: &Value) -> Result<bool, EvaluationError> {
        match comparison {
            Comparison::Equal => self.equal(left, right),
            Comparison::NotEqual => self.equal(left, right).map(|equal| !equal),
            Comparison::Less => self.order(left, right, "<").map(Ordering::is_lt),
            Comparison::LessOrEqual => self.order(left, right, "<=").map(Ordering::is_le),
            Comparison::Greater => self.order(left, right, ">").map(Ordering::is_gt),
            Comparison::GreaterOrEqual => self.order(left, right, ">=").map(Ordering::is_ge),
            Comparison::In => self.is_in(left, right),
            Comparison::NotIn => self.is_in(left, right).map(|found| !found),
            Comparison::Contains => match (self.is_in(left, right), self.is_in(right, left)) {
                // The old executor asks whether the left is in the right; people mean the contrary. Either will do.
                (Ok(one), Ok(other)) => Ok(one || other),
                (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
                (Err(error), Err(_)) => Err(error),
            },
            Comparison::Is => Ok(kind(left) == kind(right) && self.equal(left, right)?),
            Comparison::IsNot => Ok(kind(left) != kind(right) || !self.equal(left, right)?),
        }
    }

    fn equal(&mut self, left: &Value, right: &Value) -> Result<bool, EvaluationError> {
        self.step()?;
        Ok(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::String(left), Value::String(right)) => left == right,
            (Value::Array(left), Value::Array(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (left, right) in left.iter().zip(right) {
                    if !self.equal(left, right)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Object(left), Value::Object(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (key, left) in left {
                    let Some(right) = right.get(key) else { return Ok(false) };
                    if !self.equal(left, right)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Bool(_) | Value::Number(_), Value::Bool(_) | Value::Number(_)) => {
                numbers(left, right).is_some_and(|(left, right)| left.order(right).is_eq())
            }
            _ => false,
        })
    }

    fn order(&mut self, left: &Value, right: &Value, operator: &'static str) -> Result<Ordering, EvaluationError> {
        self.step()?;
        match (left, right) {
            // By code point, which is the order of UTF-8's bytes too.
            (Value::String(left), Value::String(right)) => Ok(left.cmp(right)),
            (Value::Array(left), Value::Array(right)) => {
                for (left, right) in left.iter().zip(right) {
                    if !self.equal(left, right)? {
                        return self.order(left, right, operator);
                    }
                }
                Ok(left.len().cmp(&right.len()))
            }
            _ => {
                numbers(left, right).map(|(left, right)| left.order(right)).ok_or_else(|| types(left, operator, right))
            }
        }
    }

    fn is_in(&mut self, needle: &Value, whole: &Value) -> Result<bool, EvaluationError> {
        match (needle, whole) {
            (Value::String(needle), Value::String(whole)) => Ok(whole.contains(needle.as_str())),
            (_, Value::Array(items)) => {
                for item in items {
                    if self.equal(needle, item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Value::String(key), Value::Object(members)) => Ok(members.contains_key(key)),
            (Value::Null | Value::Bool(_) | Value::Number(_), Value::Object(_)) => Ok(false),
            _ => Err(types(needle, "in", whole)),
        }
    }

    fn binary(&mut self, operator: Operator, left: &Value, right: &Value) -> Result<Value, EvaluationError> {
        match (operator, left, right) {
            (Operator::Add, Value::String(left), Value::String(right)) => {
                self.make(left.len() + right.len())?;
                Ok(Value::String(format!("{left}{right}")))
            }
            (Operator::Add, Value::Array(first), Value::Array(second)) => {
                self.weigh(left)?;
                self.weigh(right)?;
                Ok(Value::Array(first.iter().chain(second).cloned().collect()))
            }
            (Operator::Or, Value::Bool(left), Value::Bool(right)) => Ok(Value::Bool(left | right)),
            (Operator::And, Value::Bool(left), Value::Bool(right)) => Ok(Value::Bool(left & right)),
            _ => arithmetic(operator, left, right),
        }
    }
}

fn truth<'a>(value: bool) -> Cow<'a, Value> {
    Cow::Owned(Value::Bool(value))
}

fn element<'a>(whole: Cow<'a, Value>, index: &Value) -> Evaluated<'a> {
    let place = |length: usize| match index {
        Value::Number(_) | Value::Bool(_) => match Numeric::of(index) {
            Some(Numeric::Whole(place)) => {
                let length = i128::try_from(length).unwrap_or(i128::MAX);
                let place = if place < 0 { place + length } else { place };
                usize::try_from(place).map_err(|_| EvaluationError::Missing)
            }
            _ => Err(types(&Value::Null, "[]", index)),
        },
        _ => Err(types(&Value::Null, "[]", index)),
    };
    match whole {
        Cow::Borrowed(Value::Array(items)) => {
            items.get(place(items.len())?).map(Cow::Borrowed).ok_or(EvaluationError::Missing)
        }
        Cow::Borrowed(Value::Object(members)) => {
            index.as_str().and_then(|key| members.get(key)).map(Cow::Borrowed).ok_or(EvaluationError::Missing)
        }
        Cow::Owned(Value::Array(mut items)) => {
            let place = place(items.len())?;
            if place < items.len() { Ok(Cow::Owned(items.swap_remove(place))) } else { Err(EvaluationError::Missing) }
        }
        Cow::Owned(Value::Object(mut members)) => {
            index.as_str().and_then(|key| members.remove(key)).map(Cow::Owned).ok_or(EvaluationError::Missing)
        }
        Cow::Borrowed(Value::String(text)) => letter(text, place(text.chars().count())?),
        Cow::Owned(Value::String(text)) => letter(&text, place(text.chars().count())?),
        other => Err(types(&other, "[]", index)),
    }
}

fn letter<'a>(text: &str, place: usize) -> Evaluated<'a> {
    let letter = text.chars().nth(place).ok_or(EvaluationError::Missing)?;
    Ok(Cow::Owned(Value::String(letter.to_string())))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn types(left: &Value, operator: &'static str, right: &Value) -> EvaluationError {
    EvaluationError::Types { left: kind(left), operator, right: kind(right) }
}
