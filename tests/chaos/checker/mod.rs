//! Holds the evidence against what is guaranteed (`docs/reference/guarantees.md`). Pure: it asks nobody, and the same evidence
//! gives the same violations.

mod calls;
mod news;
mod orders;
mod runs;
mod steps;
#[cfg(test)]
mod tests;
mod violation;

pub(crate) use calls::late_calls;
pub(crate) use news::{doubles, ends};
pub(crate) use runs::check;
pub(crate) use violation::{Kind, Violation};
