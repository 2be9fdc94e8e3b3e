//! Starts runs without an end, over both APIs.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::MissedTickBehavior};

use crate::{
    api::{Answer, Api},
    documents::{self, AGENTS, KINDS, Kind},
    evidence::Accepted,
    ledger::Ledger,
    site::Site,
};

/// What a server answers that was frozen before it had read a request: nothing was done.
pub(crate) const TOO_LATE: u16 = 408;

/// A kind with the id of its workflow.
#[derive(Debug, Clone)]
pub(crate) struct Workflow {
    kind: Kind,
    id: String,
}

/// Registers the agents and creates the workflows.
pub(crate) async fn prepare(site: &Site) -> anyhow::Result<Vec<Workflow>> {
    let door = &site.doors[0];
    for (name, path, timeout_ms, attempts) in AGENTS {
        let retries = json!({"max_retries": attempts, "initial_delay_ms": 100, "max_delay_ms": 1000});
        let agent =
            json!({"name": name, "url": site.agents.url(path), "timeout_ms": timeout_ms, "retry_config": retries});
        door.post("/agents", &agent).await.expect(201).with_context(|| format!("the agent {name}"))?;
    }
    let mut workflows = Vec::new();
    for kind in KINDS {
        let created = door.post("/workflows", &(kind.document)()).await.expect(201);
        let created = created.with_context(|| format!("the workflow {}", kind.name))?;
        workflows.push(Workflow { kind, id: created["id"].as_str().context("it has an id")?.to_owned() });
    }
    Ok(workflows)
}

/// Starts a run at this pace, until this is dropped. The starts are answered or not: the next one does not wait for it.
pub(crate) async fn start_runs(
    site: Arc<Site>,
    ledger: Arc<Ledger>,
    workflows: Vec<Workflow>,
    pace: Duration,
    seed: u64,
) {
    let mut rng = Rng::with_seed(seed);
    let mut ticks = tokio::time::interval(pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut starting = JoinSet::new();
    for number in 1_u64.. {
        ticks.tick().await;
        let Workflow { kind, id } = choose(&workflows, &mut rng).clone();
        let door = site.doors[rng.usize(..site.doors.len())].clone();
        let ledger = Arc::clone(&ledger);
        starting.spawn(async move { start(&door, &ledger, kind, &id, &format!("t{number}")).await });
        while starting.try_join_next().is_some() {}
    }
}

fn choose<'a>(workflows: &'a [Workflow], rng: &mut Rng) -> &'a Workflow {
    let all: u32 = workflows.iter().map(|workflow| workflow.kind.share).sum();
    let mut draw = rng.u32(..all);
    let chosen = workflows.iter().find(|workflow| {
        let found = draw < workflow.kind.share;
        draw = draw.saturating_sub(workflow.kind.share);
        found
    });
    chosen.unwrap_or(&workflows[0])
}

async fn start(door: &Api, ledger: &Ledger, kind: Kind, workflow: &str, ticket: &str) {
    let body = json!({"input_data": documents::input(ticket)});
    match door.post(&format!("/workflows/{workflow}/execute"), &body).await {
        Answer::Status(202, accepted) => {
            let run = accepted["run_id"].as_str().unwrap_or_default().to_owned();
            ledger.note(|entries| entries.accepted.push(Accepted { run, output: (kind.output)(ticket) }));
        }
        Answer::Status(503 | TOO_LATE, _) => ledger.note(|entries| entries.refused += 1),
        Answer::None => ledger.note(|entries| entries.unanswered += 1),
        Answer::Status(status, body) => wrong(ledger, &format!("start of {}", kind.name), status, &body),
    }
}

/// An answer that is no consequence of any fault.
pub(crate) fn wrong(ledger: &Ledger, what: &str, status: u16, body: &Value) {
    ledger.note(|entries| entries.wrong_answers.push(format!("{what} answered {status}: {body}")));
}
