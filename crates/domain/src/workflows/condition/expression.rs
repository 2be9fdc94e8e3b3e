//! A condition as a tree.

use std::sync::Arc;

use serde_json::Value;

use super::{
    evaluate::{Evaluation, EvaluationError, is_true},
    parse::{SyntaxError, parse},
};
use crate::workflows::reference::{Reference, Scope};

/// A condition that was read without a mistake.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Shared: a step may stand at ten thousand places.
    root: Arc<Expression>,
}

impl Condition {
    /// Reads the text of a condition.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        parse(text).map(|root| Self { root: Arc::new(root) })
    }

    /// Whether the condition holds. An error counts as false wherever the old executor is to be followed.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<bool, EvaluationError> {
        Evaluation::new(scope).value(&self.root).map(|value| is_true(&value))
    }

    /// All references inside, in the order of the text.
    pub fn references(&self) -> Vec<&Reference> {
        let mut found = Vec::new();
        self.root.collect(&mut found);
        found
    }

    /// Whether a reference stands inside quotes, where it is replaced by JSON text: hardly ever what is meant.
    pub fn quotes_references(&self) -> bool {
        self.root.any(&|part| matches!(part, Expression::Text(_)))
    }
}

/// A part of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    /// A value as it stands.
    Literal(Value),
    /// The value that a reference names, or null.
    Reference(Reference),
    /// A quoted text with references inside.
    Text(Vec<TextPart>),
    /// `[a, b]` or `(a, b)`.
    List(Vec<Expression>),
    /// `{'a': b}`.
    Object(Vec<(Expression, Expression)>),
    /// `a and b and …`
    And(Vec<Expression>),
    /// `a or b or …`
    Or(Vec<Expression>),
    /// `not a`
    Not(Box<Expression>),
    /// `-a`
    Negative(Box<Expression>),
    /// `+a`
    Positive(Box<Expression>),
    /// `a < b <= c`: every neighbour compares.
    Compare(Box<Expression>, Vec<(Comparison, Expression)>),
    /// `a + b`
    Binary(Operator, Box<(Expression, Expression)>),
    /// `a[b]`
    Element(Box<(Expression, Expression)>),
    /// `a if b else c`
    Choice(Box<[Expression; 3]>),
}

/// A part of a quoted text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TextPart {
    /// Plain text.
    Plain(String),
    /// Replaced by the JSON text of its value.
    Reference(Reference),
}

/// How neighbours are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    Is,
    IsNot,
}

/// What is done with two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

impl Expression {
    fn children(&self) -> Vec<&Self> {
        match self {
            Self::Literal(_) | Self::Reference(_) | Self::Text(_) => Vec::new(),
            Self::List(parts) | Self::And(parts) | Self::Or(parts) => parts.iter().collect(),
            Self::Object(members) => members.iter().flat_map(|(key, value)| [key, value]).collect(),
            Self::Not(part) | Self::Negative(part) | Self::Positive(part) => vec![part],
            Self::Compare(first, rest) => {
                std::iter::once(&**first).chain(rest.iter().map(|(_, right)| right)).collect()
            }
            Self::Binary(_, parts) | Self::Element(parts) => vec![&parts.0, &parts.1],
            Self::Choice(parts) => parts.iter().collect(),
        }
    }

    fn collect<'a>(&'a self, found: &mut Vec<&'a Reference>) {
        match self {
            Self::Reference(reference) => found.push(reference),
            Self::Text(parts) => found.extend(parts.iter().filter_map(|part| match part {
                TextPart::Plain(_) => None,
                TextPart::Reference(reference) => Some(reference),
            })),
            _ => self.children().into_iter().for_each(|child| child.collect(found)),
        }
    }

    fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        test(self) || self.children().into_iter().any(|child| child.any(test))
    }
}
