//! The services in containers, by `deploy/compose.yaml`.

use std::process::{Command, Stdio};

use super::source::Service;
use crate::workspace::{must, root};

const FILE: &str = "deploy/compose.yaml";

/// Whether an engine answers that can run a compose file. The command alone says nothing: it is often there without an
/// engine, or without the plugin.
pub(super) fn answers() -> bool {
    succeeds(Command::new("docker").arg("info")) && succeeds(Command::new("docker").args(["compose", "version"]))
}

/// Starts a service, waits until it is healthy, and says its address.
pub(super) fn start(service: Service) -> anyhow::Result<String> {
    must(compose().args(["up", "--detach", "--wait", name(service)]))?;
    Ok(address(service).to_owned())
}

/// The address of a service whose container runs.
pub(super) fn running(service: Service) -> Option<String> {
    let output = compose().args(["ps", "--status", "running", "--quiet", name(service)]).output().ok()?;
    (output.status.success() && !output.stdout.trim_ascii().is_empty()).then(|| address(service).to_owned())
}

/// Removes the container of a service; what it has stored stays.
pub(super) fn stop(service: Service) -> anyhow::Result<()> {
    must(compose().args(["rm", "--stop", "--force", name(service)]))
}

fn compose() -> Command {
    let mut command = Command::new("docker");
    command.args(["compose", "--file", FILE]).current_dir(root());
    command
}

/// As in the file.
fn name(service: Service) -> &'static str {
    match service {
        Service::Postgres => "postgres",
        Service::Kafka => "kafka",
    }
}

/// As in the file.
fn address(service: Service) -> &'static str {
    match service {
        Service::Postgres => "postgres://orrery:orrery@127.0.0.1:54320/orrery",
        Service::Kafka => "127.0.0.1:19092",
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_are_those_of_the_file() {
        let file = std::fs::read_to_string(root().join(FILE)).expect("the file is there");
        for wanted in ["\"127.0.0.1:54320:5432\"", "EXTERNAL://127.0.0.1:19092", "POSTGRES_PASSWORD: orrery"] {
            assert!(file.contains(wanted), "{wanted}");
        }
    }

    #[test]
    fn containers_run_the_kafka_that_maven_fetches() {
        let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("the file is there");
        let pom = read("deploy/dev/kafka/pom.xml");
        let version = pom.split("<kafka.version>").nth(1).and_then(|rest| rest.split('<').next());
        let image = format!("apache/kafka:{}", version.expect("the version is pinned"));
        assert!(read(FILE).contains(&image), "{image}");
    }
}
