//! The shapes of records: contract 3.3, events, ended runs and failed steps. Pure.

mod dead_letter_left;
mod events;
mod fields;
mod monitoring;
mod plan;
mod requests;
mod results;
mod run_ended;
mod tasks;
#[cfg(test)]
mod tests;
mod time;

pub(crate) use dead_letter_left::dead_letter_left;
pub(crate) use events::read_event;
pub(crate) use monitoring::{breaker, monitoring, span_of};
pub(crate) use requests::{Request, read_request, request};
pub(crate) use results::{TaskResult, read_result, result};
pub(crate) use run_ended::run_ended;
pub(crate) use tasks::{read_task, task};
