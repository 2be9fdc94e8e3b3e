//! The REST API over the memory adapter: every endpoint, every refusal, and the description of both.

mod agents;
mod errors;
mod lists;
mod openapi;
mod registry;
mod runs;
mod schemas;
mod support;
mod system;
mod validation;
mod versions;
mod workflows;
