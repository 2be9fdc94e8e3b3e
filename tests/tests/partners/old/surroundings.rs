//! Where the components of the old system find each other: their environment variables (contract 6 and 7.1).

use super::kafka::Names;

/// Where a component of the old system finds the others.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// `KAFKA_BROKERS`.
    pub(crate) brokers: String,
    pub(crate) topics: Names,
    /// `DATABASE_URL`.
    pub(crate) database: String,
    /// What answers as `http://workflow-management-api:8000`, and as `AGENT_REGISTRY_URL`.
    pub(crate) registry: String,
}
