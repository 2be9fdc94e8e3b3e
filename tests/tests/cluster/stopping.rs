//! Orderly ends of one process among several.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use e2e_tests::{Cluster, eventually};

use crate::load::{complete, done, identity, owners, owns, plans, register, repeated, start};

/// Longer than a test: whoever waits for a lease fails it.
const LONG_LEASE: [&str; 2] = ["--lease-seconds", "300"];

#[tokio::test]
async fn an_executor_that_is_told_to_stop_finishes_its_calls_and_another_takes_its_runs_at_once() {
    let cluster = Cluster::new().await.for_all(&LONG_LEASE);
    let (api, stopped) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let other = cluster.start("executor", &[]).await;
    register(&cluster, api.client(), 500).await;
    let load = plans(api.client(), "drained", 60, &["echo", "slow", "slow", "slow", "slow", "slow", "echo"]).await;
    let runs = start(&[api.client()], load).await;
    owns(&stopped, 1).await;
    let id = identity(&stopped);
    let own: Vec<_> = owners(&cluster).await.into_iter().filter(|(_, owner)| *owner == id).collect();

    let told = Instant::now();
    let ended = stopped.terminate().await;
    println!("an executor that was told to stop had ended after {:?}", told.elapsed());
    let at = Instant::now();
    let taken = owners(&cluster).await;
    let taken = own.iter().filter(|(run, _)| taken.contains_key(run)).count();
    println!("{taken} of {} runs were others' when their executor had ended", own.len());
    assert!(ended.status.success(), "{}\n{}", ended.status, ended.stderr.join("\n"));
    assert_eq!(cluster.number("SELECT count(*) FROM fleet").await, 1, "it has left the fleet");
    assert!(owners(&cluster).await.values().all(|owner| *owner != id), "it has given back everything");
    assert!(taken > 0, "another one has taken unfinished runs");

    complete(api.client(), &runs).await;
    println!("all runs were completed {:?} after the end of an executor", at.elapsed());
    assert!(at.elapsed() < Duration::from_mins(1), "nobody waited for the lease");
    let calls = cluster.agents.calls().await;
    assert_eq!(repeated(&calls, &runs, &BTreeSet::new()), 0, "nothing was cut, so nothing is called twice");
    assert!(other.metric("orrery_runs_taken_over_total", "").await < 0.5, "nobody had to be buried");
}

#[tokio::test]
async fn calls_that_outlast_a_drain_are_cut_and_repeated_with_the_same_bytes() {
    let cluster = Cluster::new().await.for_all(&LONG_LEASE);
    let stopped = cluster.start("executor", &["--drain-seconds", "1"]);
    let (api, stopped) = tokio::join!(cluster.start("api", &[]), stopped);
    register(&cluster, api.client(), 4000).await;
    let load = plans(api.client(), "cut", 10, &["echo", "slow", "echo"]).await;
    let runs = start(&[api.client()], load).await;
    eventually("all are at their slow step", async || {
        let calls = cluster.agents.calls().await;
        runs.iter().all(|run| !calls.of_step(&run.steps[1]).is_empty()).then_some(())
    })
    .await;
    let other = cluster.start("executor", &[]).await;

    let ended = stopped.terminate().await;
    assert!(ended.status.success(), "{}\n{}", ended.status, ended.stderr.join("\n"));
    let before = done(&cluster).await;

    complete(api.client(), &runs).await;
    let calls = cluster.agents.calls().await;
    assert_eq!(repeated(&calls, &runs, &before), 10, "the calls that were cut are repeated, and no others");
    assert_eq!(calls.by_message_id.values().sum::<u64>(), 40);
    assert!(other.metric("orrery_step_attempts_total", "completed").await > 19.5);
}
