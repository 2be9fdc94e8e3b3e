//! An executor that stands still and comes back.

use std::time::Instant;

use e2e_tests::{Cluster, Orrery, eventually};

use crate::load::{
    complete, done, ends_are_told, identity, no_step_is_recorded_twice, owners, owns, plans, register, repeated, start,
};

#[tokio::test]
async fn late_commits_of_an_executor_that_was_frozen_are_refused_and_it_goes_on_under_a_new_id() {
    let cluster = Cluster::new().await.for_all(&["--lease-seconds", "2"]);
    let (api, frozen) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let _relay = cluster.start("relay", &[]).await;
    register(&cluster, api.client(), 1000).await;
    let load = plans(api.client(), "late", 60, &["slow", "echo", "echo", "echo", "slow", "echo", "slow"]).await;
    let runs = start(&[api.client()], load).await;
    owns(&frozen, 60).await;
    let id = identity(&frozen);

    eventually("steps are done", async || (!done(&cluster).await.is_empty()).then_some(())).await;
    freeze_in_a_transaction(&cluster, &frozen).await;
    let before = done(&cluster).await;
    let at = Instant::now();
    let other = cluster.start("executor", &[]).await;
    // The agents have answered by then: their delay is shorter than the lease.
    eventually("the other has taken over", async || {
        let owners = owners(&cluster).await;
        owners.values().all(|owner| *owner != id).then_some(())
    })
    .await;
    println!("the runs of a frozen executor were taken over after {:?}", at.elapsed());

    // Whichever comes first is chance, its commits or its next beat; here the beat waits.
    let no_beat = cluster.begin("LOCK TABLE fleet IN EXCLUSIVE MODE").await;
    frozen.thaw();
    eventually("late commits are refused", async || {
        (frozen.metric("orrery_commits_refused_total", "outcome=\"fenced\"").await > 0.5).then_some(())
    })
    .await;
    println!("late commits were refused after {:?}", at.elapsed());
    drop(no_beat);
    eventually("the lease is lost", async || (frozen.metric("orrery_leases_lost_total", "").await > 0.5).then_some(()))
        .await;
    complete(api.client(), &runs).await;
    println!("all runs were completed after {:?}", at.elapsed());
    no_step_is_recorded_twice(&cluster).await;
    let repeats = repeated(&cluster.agents.calls().await, &runs, &before);
    println!("{repeats} calls were repeated after the freeze, {} steps were done before", before.len());
    assert!(!before.is_empty() && repeats <= runs.len(), "a run had one call under way: {repeats} repeats");
    assert_ne!(identity(&frozen), id, "it goes on under a new id");

    let ended = other.terminate().await;
    assert!(ended.status.success(), "{}", ended.status);
    println!("the other one had ended after {:?}", at.elapsed());
    let before = frozen.metric("orrery_step_attempts_total", "completed").await;
    let new = start(&[api.client()], plans(api.client(), "new", 5, &["echo", "echo"]).await).await;
    complete(api.client(), &new).await;
    let attempts = frozen.metric("orrery_step_attempts_total", "completed").await - before;
    assert!((attempts - 10.0).abs() < 0.5, "it does new work: {attempts} steps");
    ends_are_told(&cluster, &[runs, new].concat()).await;
}

/// The worst moment: its transaction holds the rows of its runs, which others have to take over.
async fn freeze_in_a_transaction(cluster: &Cluster, executor: &Orrery) {
    const OPEN: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'orrery' AND state = 'idle in transaction'";
    eventually("the executor stands still in the midst of a commit", async || {
        executor.freeze();
        if cluster.number(OPEN).await > 0 {
            return Some(());
        }
        executor.thaw();
        None
    })
    .await;
}
