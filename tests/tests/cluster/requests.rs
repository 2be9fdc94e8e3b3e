//! Requests of foreign producers that arrive twice, late, and in the wrong order.

use std::collections::BTreeSet;

use e2e_tests::{Client, Cluster, eventually, workflow};
use serde_json::{Value, json};

use crate::load::{Run, ends_are_told, plans, register, repeated, start};

const EXECUTION: &str = "workflow.execution.requests";
const CANCELLATION: &str = "workflow.cancellation.requests";

/// Ids of runs that a producer made up, and steps of their own.
fn made_up(name: &str, count: usize) -> Vec<Run> {
    let run = |number| Run {
        id: format!("run-{name}-{number}"),
        steps: (0..3).map(|step| format!("{name}{number}x{step}")).collect(),
    };
    (0..count).map(run).collect()
}

/// Execution requests as the old server sends them: in the key's place the run's id.
fn requests(runs: &[Run]) -> Vec<(String, Value)> {
    let request = |run: &Run| {
        let steps: Vec<_> = run.steps.iter().map(|step| (step.as_str(), "echo")).collect();
        let mut plan = workflow(&format!("plan of {}", run.id), &steps);
        plan["workflow_id"] = format!("wf-{}-1", run.id).into();
        plan["version"] = "1".into();
        let request = json!({
            "run_id": run.id, "workflow_plan": plan, "input_data": {"text": run.steps[0]},
            "timestamp": "2026-11-22T21:47:05.657300", "message_type": "execution_request",
        });
        (run.id.clone(), request)
    };
    runs.iter().map(request).collect()
}

fn cancellations(runs: &[Run]) -> Vec<(String, Value)> {
    let request = |run: &Run| {
        let request = json!({
            "run_id": run.id, "cancelled_by": "a stranger", "reason": "too early",
            "timestamp": "2026-11-22T21:49:00.000001", "message_type": "cancellation_request",
        });
        (run.id.clone(), request)
    };
    runs.iter().map(request).collect()
}

/// Asks for runs over Kafka.
pub(crate) async fn ask(cluster: &Cluster, name: &str, count: usize) -> Vec<Run> {
    let runs = made_up(name, count);
    cluster.topics.send(EXECUTION, &requests(&runs)).await;
    runs
}

/// Waits until runs that were asked for are there and COMPLETED.
pub(crate) async fn complete(client: &Client, runs: &[Run]) {
    for run in runs {
        eventually(&format!("run {} is there", run.id), async || {
            (client.get(&format!("/runs/{}", run.id)).await.status == 200).then_some(())
        })
        .await;
        client.reaches(&run.id, "COMPLETED").await;
    }
}

async fn all_are_taken(cluster: &Cluster) {
    for topic in [EXECUTION, CANCELLATION] {
        eventually(&format!("all records of {topic} are dealt with"), async || {
            (cluster.topics.lag("execution-consumer-group", topic).await == 0).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn requests_that_arrive_twice_and_after_the_end_make_one_run_each_that_is_executed_once() {
    let cluster = Cluster::new().await;
    let (api, _one) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let (_other, _relay) = tokio::join!(cluster.start("executor", &[]), cluster.start("relay", &[]));
    register(&cluster, api.client(), 50).await;
    let runs = made_up("twice", 60);
    let twice: Vec<_> = requests(&runs).into_iter().flat_map(|request| [request.clone(), request]).collect();
    cluster.topics.send(EXECUTION, &twice).await;
    complete(api.client(), &runs).await;

    // Once more, after the end; a cancellation as well, which comes too late.
    cluster.topics.send(EXECUTION, &requests(&runs)).await;
    cluster.topics.send(CANCELLATION, &cancellations(&runs)).await;
    all_are_taken(&cluster).await;

    complete(api.client(), &runs).await;
    assert_eq!(cluster.number("SELECT count(*) FROM workflow_runs").await, 60, "one run each");
    let calls = cluster.agents.calls().await;
    assert_eq!(repeated(&calls, &runs, &BTreeSet::new()), 0, "one execution each");
    assert_eq!(calls.by_message_id.len(), 180);
    assert_eq!(ends_are_told(&cluster, &runs).await, 0, "one end each");
}

#[tokio::test]
async fn a_run_that_was_cancelled_before_it_was_asked_for_calls_nobody() {
    let cluster = Cluster::new().await;
    let (api, _executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    register(&cluster, api.client(), 50).await;
    let runs = made_up("cancelled", 20);
    let twice: Vec<_> = cancellations(&runs).into_iter().flat_map(|request| [request.clone(), request]).collect();
    cluster.topics.send(CANCELLATION, &twice).await;
    eventually("the cancellations have arrived", async || {
        (cluster.number("SELECT count(*) FROM early_cancellations").await == 20).then_some(())
    })
    .await;

    cluster.topics.send(EXECUTION, &[requests(&runs), requests(&runs)].concat()).await;
    // A run of another origin shows that the executor is at work meanwhile.
    let other = start(&[api.client()], plans(api.client(), "other", 1, &["echo"]).await).await;
    crate::load::complete(api.client(), &other).await;
    all_are_taken(&cluster).await;

    for run in &runs {
        let document = api.client().reaches(&run.id, "CANCELLED").await;
        assert_eq!(document["error_message"], "Cancelled: too early", "{document}");
    }
    let calls = cluster.agents.calls().await;
    assert_eq!(calls.by_message_id.len(), 1, "only the other run has called: {:?}", calls.by_message_id);
}
