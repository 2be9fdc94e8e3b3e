//! The condition language (contract 5.4): parsed once, when a document is compiled, into a typed tree; evaluated without any
//! host language, in bounded time. `docs/reference/conditions.md` is its manual.

mod evaluate;
mod expression;
mod number;
mod parse;
#[cfg(test)]
mod tests;
mod token;

pub use evaluate::EvaluationError;
pub use expression::Condition;
pub use parse::SyntaxError;
