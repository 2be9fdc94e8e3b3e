//! What a process says of itself while it ends.

use e2e_tests::{Cluster, Orrery, eventually, workflow};
use serde_json::json;

use crate::load::{identity, owns, plans, register, start};

/// Waits until a process says that it should be given nothing new.
async fn says_that_it_stops(process: &Orrery) {
    eventually("its readiness says that it is stopping", async || {
        let (status, readiness) = process.readiness().await;
        let own = &readiness["checks"]["process"];
        let stops = own["message"].as_str().is_some_and(|message| message.contains("stopping"));
        (status == 503 && own["status"] == "unhealthy" && stops && readiness["ready"] == false).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_api_that_is_told_to_stop_is_not_ready_at_once_and_answers_until_its_delay_is_over() {
    let cluster = Cluster::new().await;
    let api = cluster.start("api", &["--drain-delay-seconds", "5"]).await;
    register(&cluster, api.client(), 10).await;
    let id = api.client().create(&workflow("late", &[("only", "echo")])).await;
    api.ask_to_end();
    says_that_it_stops(&api).await;
    let answer = api.client().post(&format!("/workflows/{id}/execute"), &json!({"input_data": {"text": "x"}})).await;
    assert_eq!(answer.status, 202, "it still answers whoever has not noticed yet");
    let ended = api.terminate().await;
    // The second signal ends it at once.
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr.join("\n"));
}

#[tokio::test]
async fn each_role_says_what_it_does_and_an_executor_answers_probes_until_its_calls_are_done() {
    let cluster = Cluster::new().await;
    let (api, executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let (relay, all) = tokio::join!(cluster.start("relay", &[]), cluster.start("all", &[]));
    for (process, parts) in [(&api, "API"), (&executor, "engine"), (&relay, "relay"), (&all, "API, engine")] {
        let (status, readiness) = process.readiness().await;
        let own = &readiness["checks"]["process"];
        assert_eq!((status, &own["status"]), (200, &json!("healthy")), "{readiness}");
        assert!(own["message"].as_str().is_some_and(|message| message.contains(parts)), "{readiness}");
        let has_lease = readiness["checks"].get("lease").is_some();
        assert_eq!(has_lease, parts != "API", "members of the fleet say whether their lease holds: {readiness}");
    }
    drop(all.terminate().await);
    register(&cluster, api.client(), 4000).await;
    let runs = start(&[api.client()], plans(api.client(), "held", 3, &["slow"]).await).await;
    owns(&executor, 3).await;
    assert!(!identity(&executor).is_empty());
    executor.ask_to_end();
    says_that_it_stops(&executor).await;
    assert!(executor.metric("orrery_runs_owned", "").await > 0.5, "its metrics are there while it finishes");
    crate::load::complete(api.client(), &runs).await;
    drop(relay);
}
