//! This machine's parts of the services: found, or installed by apt-get where that is possible, or asked for.

use std::process::{Command, Stdio};

use dev_services::{KafkaLibs, PostgresBinaries, ServiceError};

use super::source::Service;

/// Whether this machine has the parts, and where; an error says what is missing.
pub(super) fn found(service: Service) -> Result<String, ServiceError> {
    match service {
        Service::Postgres => PostgresBinaries::find().map(|binaries| binaries.folder().display().to_string()),
        Service::Kafka => jars(),
    }
}

fn jars() -> Result<String, ServiceError> {
    KafkaLibs::check_java()?;
    if !KafkaLibs::are_there() {
        println!("Apache Kafka: its jars are not here yet; Maven fetches them, once");
    }
    KafkaLibs::prepare().map(|libs| libs.folder().display().to_string())
}

/// Makes sure of the parts, and says where they are. An error says what to install.
pub(super) fn ensure(service: Service) -> Result<String, ServiceError> {
    let mut answer = found(service);
    // Java first, then Maven: each is missed only when the other is there.
    for _ in 0..2 {
        let package = match &answer {
            Err(ServiceError::PostgresMissing) => "postgresql",
            Err(ServiceError::JavaMissing { .. }) => "default-jre-headless",
            Err(ServiceError::MavenMissing) => "maven",
            _ => break,
        };
        println!("{}: not found; installing '{package}' with apt-get", service.name());
        if !install(package) {
            break;
        }
        answer = found(service);
    }
    answer
}

/// Makes sure of PostgreSQL.
pub(crate) fn ensure_postgres() -> anyhow::Result<()> {
    Ok(ensure(Service::Postgres).map(drop)?)
}

/// Installs a package, where that is possible.
pub(crate) fn install(package: &str) -> bool {
    apt(&["update"]) && apt(&["install", "--yes", "--no-install-recommends", package])
}

/// Says what it did not manage: apt-get prints its own errors.
fn apt(arguments: &[&str]) -> bool {
    let mut apt = Command::new("apt-get");
    apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
    apt.status().is_ok_and(|status| status.success())
}
