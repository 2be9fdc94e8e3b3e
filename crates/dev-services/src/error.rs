//! What keeps a service from running, in words that say what to do next.

use std::{io, path::PathBuf, time::Duration};

/// Why a service is not there.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// This machine has no PostgreSQL server.
    #[error(
        "no PostgreSQL server binaries were found (pg_config --bindir, /usr/lib/postgresql/*/bin, PATH): run 'apt-get \
         install postgresql', or name a server in DATABASE_URL whose user may create databases"
    )]
    PostgresMissing,
    /// This machine has no Java, or one that is too old.
    #[error(
        "Apache Kafka needs Java 17 or newer, and found {found}: run 'apt-get install default-jre-headless', or name \
         brokers in KAFKA_BROKERS"
    )]
    JavaMissing {
        /// What there is instead.
        found: String,
    },
    /// Kafka's jars are not there yet, and nothing can fetch them.
    #[error(
        "Apache Kafka is fetched by Maven, and there is no 'mvn': run 'apt-get install maven', or name brokers in KAFKA_BROKERS"
    )]
    MavenMissing,
    /// A file or a program cannot be used.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("{program} failed: {said}")]
    Failed {
        /// Which one.
        program: String,
        /// The end of what it said.
        said: String,
    },
    /// A server was started and does not answer.
    #[error("{what} does not answer after {}; see {}", seconds(*within), log.display())]
    NotReady {
        /// Which one.
        what: String,
        /// How long it was waited for.
        within: Duration,
        /// Its log.
        log: PathBuf,
    },
    /// PostgreSQL refuses to run as root, and its user cannot write to any folder that was tried.
    #[error("there is no folder that the server's user can write to; tried {}", tried.display())]
    NoFolder {
        /// The last one that was tried.
        tried: PathBuf,
    },
    /// Two cannot have the same files.
    #[error("the servers whose files are in {} run already", folder.display())]
    Runs {
        /// Where.
        folder: PathBuf,
    },
    /// There is no free port left.
    #[error("no port of the loopback address is free")]
    NoPort,
    /// PostgreSQL cannot be reached, or it refuses a statement.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Kafka refuses to make a topic.
    #[error("Kafka refuses the topic '{topic}': error {code} {message}")]
    Topic {
        /// Which one.
        topic: String,
        /// Kafka's number of the error.
        code: i16,
        /// What it says about it.
        message: String,
    },
    /// No broker answers, or it answers something else than Kafka does.
    #[error("no broker answers at {bootstrap}")]
    Broker {
        /// Where it was asked.
        bootstrap: String,
        /// What happened with the last one.
        #[source]
        source: io::Error,
    },
}

impl ServiceError {
    /// Makes an error of the system one that says what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}
