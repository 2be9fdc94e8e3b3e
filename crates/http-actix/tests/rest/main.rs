//! The REST API over the memory adapter: every endpoint, every refusal, and the description of both.

mod agents;
mod changes;
mod dead_letters;
mod errors;
mod events;
mod guarded;
mod language;
mod lists;
mod openapi;
mod registry;
mod rehearsals;
mod runs;
mod schemas;
mod support;
mod system;
mod validation;
mod versions;
mod workflows;
