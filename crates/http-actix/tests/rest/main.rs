//! The REST API over the memory adapter: every endpoint, every refusal, and the description of both.

mod agents;
mod callers;
mod changes;
mod dead_letters;
mod doors;
mod errors;
mod events;
mod guarded;
mod hidden;
mod language;
mod limits;
mod lists;
mod openapi;
mod registry;
mod rehearsals;
mod restricted;
mod rights;
mod runs;
mod schemas;
mod slow;
mod support;
mod system;
mod tasks;
mod validation;
mod versions;
mod workflows;
