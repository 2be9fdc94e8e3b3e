//! The two services, and what is the same about them: the variable that names one, whether it answers, how it is started
//! from this machine's parts.

use dev_services::{Kafka, Postgres, ServiceError, development, given_kafka, given_postgres};

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Postgres,
    Kafka,
}

impl Service {
    pub(super) const ALL: [Self; 2] = [Self::Postgres, Self::Kafka];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Kafka => "Apache Kafka",
        }
    }

    /// The variable that names it.
    pub(super) fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "DATABASE_URL",
            Self::Kafka => "KAFKA_BROKERS",
        }
    }

    /// The one that the environment names.
    pub(super) fn given(self) -> Option<String> {
        match self {
            Self::Postgres => given_postgres(),
            Self::Kafka => given_kafka(),
        }
    }

    /// Fails unless it answers at this address.
    pub(super) fn check(self, address: &str) -> Result<(), ServiceError> {
        match self {
            Self::Postgres => Postgres::answers_at(address),
            Self::Kafka => Kafka::living_at(address).map(drop),
        }
    }

    /// This machine's own, if it runs.
    pub(super) fn running(self) -> Option<String> {
        match self {
            Self::Postgres => development::running_postgres(),
            Self::Kafka => development::running_kafka(),
        }
    }

    /// Starts this machine's own unless it runs, and says its address.
    pub(super) fn start(self) -> Result<String, ServiceError> {
        match self {
            Self::Postgres => development::start_postgres(),
            Self::Kafka => development::start_kafka(),
        }
    }

    /// Stops this machine's own; says whether it ran.
    pub(super) fn stop(self) -> Result<bool, ServiceError> {
        match self {
            Self::Postgres => development::stop_postgres(),
            Self::Kafka => development::stop_kafka(),
        }
    }
}
