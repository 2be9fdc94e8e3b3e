//! Making a server what is wanted: what is there is compared with what is wanted, what that means is planned, and only then done.

mod agents;
mod difference;
mod done;
mod plan;
mod report;
mod rights;
mod rules;
mod workflows;

pub(crate) use done::Doer;
pub(crate) use plan::{Item, Outcome, Planner, Style};
pub(crate) use report::{Summary, Words, documents, lines_of_differences, lines_of_files};
pub(crate) use rights::refuse_without_rights;
