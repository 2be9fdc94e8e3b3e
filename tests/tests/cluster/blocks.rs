//! Steps that consist of others, over several processes.

use std::time::Duration;

use e2e_tests::{AgentSpec, Cluster, every_output, every_step_type, texts};
use serde_json::json;

use crate::load::{no_step_is_recorded_twice, register};

#[tokio::test]
async fn a_document_with_every_step_type_runs_the_same_on_postgresql_while_an_executor_is_killed() {
    let cluster = Cluster::new().await;
    let api = cluster.start("api", &[]).await;
    let (one, other) = tokio::join!(cluster.start("executor", &[]), cluster.start("executor", &[]));
    register(&cluster, api.client(), 20).await;
    api.client().register(AgentSpec::new("broken", cluster.agents.url("flaky?fail=1000000"))).await;
    let id = api.client().create(&every_step_type("every")).await;
    let input = json!({"text": "hello", "items": [{"n": 1}, {"n": 2}, {"n": 3}]});
    let mut runs = Vec::new();
    for _ in 0..30 {
        runs.push(api.client().execute_with(&id, &input).await);
    }
    one.kill9();
    for _ in 0..30 {
        runs.push(api.client().execute_with(&id, &input).await);
    }

    for run in &runs {
        api.client().reaches_within(Duration::from_mins(1), run, "COMPLETED").await;
        let steps = api.client().steps(run).await;
        let last = steps.iter().find(|step| step["step_id"] == "last").expect("the last step ran");
        assert_eq!(texts(&last["input_data"]), every_output());
    }
    no_step_is_recorded_twice(&cluster).await;
    assert!(other.metric("orrery_step_attempts_total", "completed").await > 0.0, "the other executor works");
}
