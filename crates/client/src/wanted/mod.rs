//! What somebody wants to be on a server: agents and workflows as the REST API takes them, each with the place that it comes from.

mod agents;
mod files;
mod read;
mod workflows;

pub(crate) use files::{agents_file, folder, workflow_files};
pub(crate) use read::{Flaw, Origin, Read, WantedAgent, WantedWorkflow, refuse_doubles};
