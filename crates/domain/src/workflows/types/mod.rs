//! Whether the references of a document can lead to what they are used for, as far as the workflow and its agents say what
//! values are (docs/reference/workflow-language.md, "Schemas and types").
//!
//! An error is only what can never go well, whatever fits the schemas; what is merely not promised is a warning. When in
//! doubt, nothing is said.

mod kinds;
mod mapping;
mod outputs;
mod references;
mod schema;
mod shape;
#[cfg(test)]
mod tests;
mod walk;

pub(super) use references::check;
