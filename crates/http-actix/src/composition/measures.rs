//! All metrics of the program, and the reference that is written of them.

use measures::Measure;

use super::{
    crew::{Crew, Stage},
    parts::{self, Parts},
    stores::Store,
};
use crate::cli::Role;

/// The declarations of all crates, in the order of the reference.
const GROUPS: [(&str, &[Measure]); 4] = [
    ("HTTP and the process", http_actix::MEASURES),
    ("Runs, agents and what goes with them", executor::MEASURES),
    ("PostgreSQL", adapters_postgres::MEASURES),
    ("Kafka", adapters_kafka::MEASURES),
];

/// Tells the recorder what is measured, and what runs here.
pub(super) fn describe(role: Role) {
    http_actix::install_metrics();
    http_actix::runs_as(parts::name(role));
    executor::describe_metrics();
    adapters_postgres::describe_metrics();
    adapters_kafka::describe_metrics();
}

/// Where there is something to do with runs, or with what others are told of them, it is told how much waits; where there are
/// connections to a database, how busy they are.
pub(super) fn tell(parts: Parts, store: &Store, bus: bool, (crew, stage): (&mut Crew, &Stage)) {
    let Store { leases, clock, shared, .. } = store;
    if let Some(shared) = shared {
        let store = shared.connections.clone();
        stage.spawn(crew, "watch of connections", |stop| store.watch_connections(stop));
    }
    if parts.api || parts.engine || parts.relay {
        let outbox = shared.as_ref().filter(|_| bus).map(|shared| shared.outbox.clone());
        let teller = executor::BacklogTeller::new(leases.clone(), outbox, clock.clone());
        stage.spawn(crew, "teller of backlogs", |stop| teller.run(stop));
    }
}

/// The reference, as Markdown.
pub(crate) fn reference() -> String {
    measures::as_markdown(&GROUPS)
}

/// The same for programs, as JSON.
pub(crate) fn list() -> String {
    measures::as_json(GROUPS.iter().flat_map(|(_, measures)| *measures))
}
