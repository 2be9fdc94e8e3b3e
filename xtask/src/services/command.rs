//! `cargo xtask services up|down|status`.

use anyhow::Context;
use dev_services::SECRET_KEYS;

use super::{docker, installing, source::Service};

/// What to do with the services.
#[derive(clap::Subcommand)]
pub(crate) enum Services {
    /// Starts what is not named by `DATABASE_URL` and `KAFKA_BROKERS`, and prints these variables and one with a key for servers.
    Up,
    /// Stops what 'up' has started. Data stays.
    Down,
    /// Says what runs, and where.
    Status,
}

pub(crate) fn run(services: &Services) -> anyhow::Result<()> {
    match services {
        Services::Up => up(),
        Services::Down => down(),
        Services::Status => {
            status();
            Ok(())
        }
    }
}

fn up() -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for service in Service::ALL {
        let address = taken(service).with_context(|| format!("{} cannot be had", service.name()))?;
        lines.push(format!("export {}='{address}'", service.variable()));
    }
    lines.push(format!("export ORRERY_SECRET_KEYS='{SECRET_KEYS}'"));
    println!("\n{}", lines.join("\n"));
    Ok(())
}

/// The address of a service that answers, after saying which one was taken.
fn taken(service: Service) -> anyhow::Result<String> {
    let (name, variable) = (service.name(), service.variable());
    if let Some(address) = service.given() {
        service
            .check(&address)
            .with_context(|| format!("{variable} is set, but nothing answers there; unset it to have one started"))?;
        println!("{name}: the one that {variable} names");
        return Ok(address);
    }
    // What runs already is kept, whatever would be taken now.
    let own = service.running();
    if own.is_none() && docker::answers() {
        let address = docker::start(service)?;
        service.check(&address)?;
        println!("{name}: in a container (deploy/compose.yaml)");
        return Ok(address);
    }
    if own.is_none() {
        installing::ensure(service).context("no Docker engine with the compose plugin answers, and")?;
    }
    let address = service.start()?;
    println!(
        "{name}: {} (target/services)",
        if own.is_some() { "runs already" } else { "a server of this machine's parts" }
    );
    Ok(address)
}

fn down() -> anyhow::Result<()> {
    let containers = docker::answers();
    for service in Service::ALL {
        let name = service.name();
        let mut ran = service.stop()?;
        if ran {
            println!("{name}: stopped");
        }
        if containers && docker::running(service).is_some() {
            docker::stop(service)?;
            println!("{name}: its container is removed, its volume stays");
            ran = true;
        }
        if !ran {
            println!("{name}: nothing of ours runs");
        }
    }
    Ok(())
}

fn status() {
    let containers = docker::answers();
    for service in Service::ALL {
        let given = service.given().map(|address| (format!("named by {}", service.variable()), address));
        let own = service.running().map(|address| ("of this machine's parts".to_owned(), address));
        let container = containers.then(|| docker::running(service)).flatten();
        let container = container.map(|address| ("in a container".to_owned(), address));
        let all: Vec<_> = [given, own, container].into_iter().flatten().collect();
        if all.is_empty() {
            println!("{:<12}  not running", service.name());
        }
        for (source, address) in all {
            let answers = if service.check(&address).is_ok() { "answers" } else { "DOES NOT ANSWER" };
            println!("{:<12}  {answers:<15}  {source:<26}  {}", service.name(), without_password(&address));
        }
    }
}

/// What is printed for information must not show more than it must.
fn without_password(address: &str) -> String {
    let Some((before, host)) = address.rsplit_once('@') else { return address.to_owned() };
    match before.split_once("://").and_then(|(scheme, user)| Some((scheme, user.split_once(':')?.0))) {
        Some((scheme, user)) => format!("{scheme}://{user}:…@{host}"),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(without_password("postgres://me:se@cret@db:5432/x"), "postgres://me:…@db:5432/x");
        assert_eq!(without_password("postgres://me@db/x"), "postgres://me@db/x");
        assert_eq!(without_password("127.0.0.1:9092"), "127.0.0.1:9092");
    }
}
