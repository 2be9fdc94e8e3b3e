//! Which parts run in this process, and which settings contradict each other.

use anyhow::ensure;

use crate::cli::{AgentCalls, EngineKind, Role, Serve};

/// What runs in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each part is there or not, whatever the others are")]
pub(super) struct Parts {
    /// The REST API; without it, only probes are answered.
    pub(super) api: bool,
    /// Looks after runs.
    pub(super) engine: bool,
    /// Sends the messages of the outbox.
    pub(super) relay: bool,
    /// Drives the executor of the existing system.
    pub(super) driver: bool,
    /// Takes requests of foreign producers.
    pub(super) requests: bool,
    /// Takes events of foreign producers.
    pub(super) events: bool,
    /// New runs are the existing executor's.
    pub(super) external: bool,
    /// Calls agents for the executor of the existing system.
    pub(super) bridge: bool,
}

impl Parts {
    /// The parts that the settings ask for.
    pub(super) fn of(serve: &Serve) -> anyhow::Result<Self> {
        let contradictions = contradictions(serve);
        ensure!(contradictions.is_empty(), "{}", contradictions.join("; "));
        let kafka = serve.kafka.is_given();
        let external = serve.engine == EngineKind::External;
        let is = |role| matches!(serve.role, Role::All) || serve.role == role;
        let relay = kafka && is(Role::Relay);
        Ok(Self {
            api: is(Role::Api),
            engine: is(Role::Executor),
            relay,
            driver: relay && external,
            requests: kafka && is(Role::Executor) && !external && serve.accept_requests.unwrap_or(true),
            // Independent of requests: runs wait for events whoever has asked for them.
            events: kafka && is(Role::Executor) && !external,
            bridge: serve.role == Role::Bridge,
            external: external && serve.role != Role::Bridge,
        })
    }
}

impl Parts {
    /// What runs in this process, for people.
    pub(super) fn in_words(self) -> String {
        let parts = [
            (self.api, "API"),
            (self.engine, "engine"),
            (self.requests, "requests from Kafka"),
            (self.events, "events from Kafka"),
            (self.relay, "relay of the outbox"),
            (self.driver, "driver of the existing executor"),
            (self.bridge, "bridge"),
        ];
        parts.into_iter().filter_map(|(is_there, part)| is_there.then_some(part)).collect::<Vec<_>>().join(", ")
    }
}

/// Which settings need others that are not there, or exclude each other; all of them.
pub(super) fn contradictions(serve: &Serve) -> Vec<String> {
    let (database, kafka) = (serve.database_url.is_some(), serve.kafka.is_given());
    let external = serve.engine == EngineKind::External;
    let role = name(serve.role);
    let needs_database = "needs a database that several processes share: set --database-url or DATABASE_URL";
    let wrong = [
        (!database && serve.role != Role::All, format!("--role {role} {needs_database}")),
        (
            !database && kafka,
            "Kafka needs a database: set --database-url or DATABASE_URL beside --kafka-brokers".to_owned(),
        ),
        (
            !kafka && matches!(serve.role, Role::Relay | Role::Bridge),
            format!("--role {role} needs Kafka: set --kafka-brokers or KAFKA_BROKERS"),
        ),
        (!kafka && external, "--engine external asks the existing executor over Kafka: set --kafka-brokers".to_owned()),
        (
            !kafka && serve.agent_calls == AgentCalls::Bridge,
            "--agent-calls bridge calls agents over Kafka: set --kafka-brokers".to_owned(),
        ),
        (
            !kafka && serve.accept_requests == Some(true),
            "--accept-requests takes requests from Kafka: set --kafka-brokers".to_owned(),
        ),
        (
            external && serve.accept_requests == Some(true),
            "--engine external and --accept-requests exclude each other: two engines would take the same requests"
                .to_owned(),
        ),
    ];
    wrong.into_iter().filter_map(|(is_wrong, what)| is_wrong.then_some(what)).collect()
}

/// The name of a role on the command line.
pub(super) fn name(role: Role) -> &'static str {
    match role {
        Role::All => "all",
        Role::Api => "api",
        Role::Executor => "executor",
        Role::Relay => "relay",
        Role::Bridge => "bridge",
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: Serve,
    }

    fn parts(line: &str) -> Result<Parts, String> {
        let line = Line::try_parse_from(std::iter::once("orrery").chain(line.split_whitespace()));
        Parts::of(&line.map_err(|e| e.to_string())?.serve).map_err(|e| e.to_string())
    }

    const BOTH: &str = "--database-url postgres://h/d --kafka-brokers h:9092";

    #[test]
    fn without_any_setting_everything_but_the_bus_runs_here() {
        let parts = parts("").expect("it is the default");
        assert!(parts.api && parts.engine);
        assert!(!parts.relay && !parts.requests && !parts.events && !parts.driver && !parts.bridge);
    }

    #[test]
    fn each_role_has_its_parts() {
        let of = |role: &str| parts(&format!("{BOTH} --role {role}")).expect("the settings fit");
        let none = Parts {
            api: false,
            engine: false,
            relay: false,
            driver: false,
            requests: false,
            events: false,
            bridge: false,
            external: false,
        };
        assert_eq!(of("api"), Parts { api: true, ..none });
        assert_eq!(of("executor"), Parts { engine: true, requests: true, events: true, ..none });
        assert_eq!(of("relay"), Parts { relay: true, ..none });
        assert_eq!(of("all").in_words(), "API, engine, requests from Kafka, events from Kafka, relay of the outbox");
        assert_eq!(of("bridge"), Parts { bridge: true, ..none });
        assert_eq!(of("all"), Parts { api: true, engine: true, relay: true, requests: true, events: true, ..none });
    }

    #[test]
    fn the_existing_executor_is_driven_by_relays_and_shares_no_topic() {
        let external = parts(&format!("{BOTH} --engine external")).expect("the settings fit");
        assert!(external.driver && external.external && !external.requests && !external.events);
        let both = parts(&format!("{BOTH} --engine external --accept-requests true"));
        assert!(both.expect_err("they exclude each other").contains("two engines"));
    }

    #[test]
    fn events_are_taken_also_where_requests_are_not() {
        let parts = parts(&format!("{BOTH} --role executor --accept-requests false")).expect("the settings fit");
        assert!(parts.events && !parts.requests);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (line, missing) in [
            ("--role api", "DATABASE_URL"),
            ("--kafka-brokers h:9092", "DATABASE_URL"),
            ("--database-url postgres://h/d --role relay", "KAFKA_BROKERS"),
            ("--database-url postgres://h/d --engine external", "--kafka-brokers"),
            ("--database-url postgres://h/d --agent-calls bridge", "--kafka-brokers"),
            ("--accept-requests true", "--kafka-brokers"),
            ("--role relay --engine external", "DATABASE_URL; --role relay needs Kafka"),
        ] {
            let refused = parts(line).expect_err("something is missing");
            assert!(refused.contains(missing), "{line}: {refused}");
        }
    }
}
