//! Runs to be cut, and what must hold of them afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use e2e_tests::{AgentSpec, Calls, Client, Cluster, Orrery, Record, eventually, workflow};
use tokio::{sync::Mutex, task::JoinSet};

/// How many starts are under way at once.
const STARTING: usize = 8;

/// A workflow whose steps bear names of their own, so that the agents' ledger tells which step of which run was called.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) workflow: String,
    pub(crate) steps: Vec<String>,
}

/// A run that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) steps: Vec<String>,
}

/// Registers `echo`, and `slow` with this delay.
pub(crate) async fn register(cluster: &Cluster, client: &Client, slow_ms: u64) {
    client.register(AgentSpec::new("echo", cluster.agents.url("echo"))).await;
    let slow = cluster.agents.url(&format!("slow?ms={slow_ms}"));
    client.register(AgentSpec::new("slow", slow).attempts(3)).await;
}

/// Workflows for so many runs, each with one step for each of these agents.
pub(crate) async fn plans(client: &Client, name: &str, count: usize, agents: &[&str]) -> Vec<Plan> {
    let mut plans = Vec::new();
    for number in 0..count {
        let steps: Vec<_> = (0..agents.len()).map(|step| format!("{name}{number}x{step}")).collect();
        let pairs: Vec<_> = steps.iter().map(String::as_str).zip(agents.iter().copied()).collect();
        let workflow = client.create(&workflow(&format!("{name} {number}"), &pairs)).await;
        plans.push(Plan { workflow, steps });
    }
    plans
}

/// Starts a run of each, over several servers in turn, a few at once. Each must be accepted.
pub(crate) async fn start(clients: &[&Client], plans: Vec<Plan>) -> Vec<Run> {
    let wanted = plans.len();
    let runs = start_what_is_taken(clients, plans).await;
    assert_eq!(runs.len(), wanted, "every start is accepted");
    runs
}

/// The same over servers that may be killed meanwhile; answers those that were accepted.
pub(crate) async fn start_what_is_taken(clients: &[&Client], plans: Vec<Plan>) -> Vec<Run> {
    let plans = Arc::new(Mutex::new(plans.into_iter()));
    let mut workers = JoinSet::new();
    for number in 0..STARTING {
        let (client, plans) = (clients[number % clients.len()].clone(), Arc::clone(&plans));
        workers.spawn(async move {
            let mut accepted = Vec::new();
            loop {
                let Some(plan) = plans.lock().await.next() else { return accepted };
                if let Some(id) = client.try_execute(&plan.workflow, &plan.steps[0]).await {
                    accepted.push(Run { id, steps: plan.steps });
                }
            }
        });
    }
    workers.join_all().await.concat()
}

/// Waits until all are COMPLETED.
pub(crate) async fn complete(client: &Client, runs: &[Run]) {
    for run in runs {
        client.reaches(&run.id, "COMPLETED").await;
    }
}

/// The steps that are recorded as done; their names are unique.
pub(crate) async fn done(cluster: &Cluster) -> BTreeSet<String> {
    let rows =
        cluster.pairs("SELECT step_id::text, run_id::text FROM step_executions WHERE status = 'COMPLETED'").await;
    rows.into_iter().map(|(step, _)| step).collect()
}

/// The owners of runs that have not ended, by run.
pub(crate) async fn owners(cluster: &Cluster) -> BTreeMap<String, String> {
    let query = "SELECT run_id::text, owner::text FROM run_heads WHERE owner IS NOT NULL AND phase = 0";
    cluster.pairs(query).await.into_iter().collect()
}

/// Who a process is in the fleet: its latest id.
pub(crate) fn identity(process: &Orrery) -> String {
    let log = process.log();
    let told = log.iter().rev().find(|line| line.contains("joined the fleet") || line.contains("under a new id"));
    let line: serde_json::Value = serde_json::from_str(told.expect("it has joined")).expect("logs are JSON");
    line["executor.id"].as_str().expect("its id").to_owned()
}

/// Waits until a process owns so many runs.
pub(crate) async fn owns(process: &Orrery, runs: u32) {
    eventually(&format!("an executor owns {runs} runs"), async || {
        (process.metric("orrery_runs_owned", "").await >= f64::from(runs)).then_some(())
    })
    .await;
}

/// Each step of each run was called under one message id with the same bytes, and those that were done before a fault only
/// once. Answers how many calls were repeated.
pub(crate) fn repeated(calls: &Calls, runs: &[Run], done_before: &BTreeSet<String>) -> usize {
    let mut digests: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (message, digest) in &calls.bodies {
        digests.entry(message).or_default().insert(digest);
    }
    let mut repeated = 0;
    for step in runs.iter().flat_map(|run| &run.steps) {
        let of_step = calls.of_step(step);
        let [(message, count)] = of_step[..] else { panic!("step {step} was called as {of_step:?}") };
        assert_eq!(digests[message].len(), 1, "the calls of step {step} have the same bytes");
        if count > 1 {
            assert!(!done_before.contains(step), "step {step} was done, and was called {count} times");
            repeated += 1;
        }
    }
    repeated
}

/// No step has two results.
pub(crate) async fn no_step_is_recorded_twice(cluster: &Cluster) {
    let query = "SELECT count(*) - count(DISTINCT (run_id, path)) FROM step_executions WHERE status = 'COMPLETED'";
    assert_eq!(cluster.number(query).await, 0, "a step has two results");
}

/// Reads the news of ended runs until each of these is told of, and everything else that is there. Answers how many there
/// were more than news.
pub(crate) async fn ends_are_told(cluster: &Cluster, runs: &[Run]) -> usize {
    eventually("the outbox is empty", async || {
        (cluster.number("SELECT count(*) FROM outbox").await == 0).then_some(())
    })
    .await;
    let expected: BTreeSet<String> = runs.iter().map(|run| run.id.clone()).collect();
    let told = move |records: &[Record]| records.iter().map(|record| &record.key).collect::<BTreeSet<_>>().len();
    let wanted = expected.len();
    let enough = move |records: &[Record]| told(records) >= wanted;
    let records = cluster.topics.read("workflow.run.events", "the end of every run", enough).await;
    let keys: BTreeSet<String> = records.iter().map(|record| record.key.clone()).collect();
    assert!(expected.is_subset(&keys), "these ends were not told: {:?}", expected.difference(&keys));
    let news: BTreeMap<&str, &Record> = records.iter().map(|record| (record.text("event_id"), record)).collect();
    for record in &records {
        assert_eq!(record.value, news[record.text("event_id")].value, "equal event ids are equal news");
    }
    let ended: BTreeSet<&str> = news.values().map(|record| record.text("run_id")).collect();
    assert_eq!(ended.len(), news.len(), "a run that is not retried ends once");
    records.len() - news.len()
}
