//! Several processes without any fault.

use std::collections::BTreeSet;

use e2e_tests::Cluster;

use crate::load::{complete, ends_are_told, no_step_is_recorded_twice, plans, register, repeated, start};

#[tokio::test]
async fn five_processes_complete_each_run_call_each_step_once_and_tell_each_end_once() {
    let cluster = Cluster::new().await;
    let (first, second) = tokio::join!(cluster.start("api", &[]), cluster.start("api", &[]));
    let (one, other) = tokio::join!(cluster.start("executor", &[]), cluster.start("executor", &[]));
    let relay = cluster.start("relay", &[]).await;
    register(&cluster, first.client(), 20).await;
    let mut all = plans(first.client(), "three", 100, &["echo", "slow", "echo"]).await;
    all.extend(plans(second.client(), "four", 100, &["echo"; 4]).await);
    all.extend(plans(first.client(), "five", 100, &["echo"; 5]).await);

    let runs = start(&[first.client(), second.client()], all).await;
    complete(second.client(), &runs).await;

    let calls = cluster.agents.calls().await;
    assert_eq!(repeated(&calls, &runs, &BTreeSet::new()), 0, "each step is called exactly once");
    assert_eq!(calls.by_message_id.len(), 1200);
    assert_eq!(ends_are_told(&cluster, &runs).await, 0, "each end is told exactly once");
    no_step_is_recorded_twice(&cluster).await;
    for executor in [&one, &other] {
        assert!(executor.metric("orrery_step_attempts_total", "completed").await > 0.0, "both executors work");
    }
    let relayed = relay.metric("orrery_messages_relayed_total", "").await;
    assert!((relayed - 300.0).abs() < 0.5, "the relay counts what it sends: {relayed}");
    for api in [&first, &second] {
        assert!(api.metric("orrery_runs_started_total", "").await > 0.0, "both servers take starts");
    }
}
