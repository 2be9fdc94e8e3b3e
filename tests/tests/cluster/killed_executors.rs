//! Executors that are killed: others go on with their runs.

use std::time::{Duration, Instant};

use e2e_tests::{Cluster, eventually};

use crate::load::{
    complete, done, ends_are_told, identity, no_step_is_recorded_twice, owners, owns, plans, register, repeated, start,
};

/// What README promises.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn within_ten_seconds_others_go_on_with_the_runs_of_a_killed_executor_and_repeat_only_the_calls_that_were_cut() {
    let cluster = Cluster::new().await;
    let (api, killed) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    register(&cluster, api.client(), 1000).await;
    let (survivor, relay) = tokio::join!(cluster.start("executor", &[]), cluster.start("relay", &[]));
    let load = plans(api.client(), "cut", 80, &["echo", "slow", "echo", "slow", "slow", "echo"]).await;
    let runs = start(&[api.client()], load).await;
    owns(&killed, 10).await;
    let id = identity(&killed);
    killed.kill9();
    let at = Instant::now();
    let before = done(&cluster).await;
    let orphans: Vec<_> = owners(&cluster).await.into_iter().filter(|(_, owner)| *owner == id).collect();
    assert!(!orphans.is_empty(), "it owned runs when it was killed");
    eventually("its runs are others'", async || {
        let owners = owners(&cluster).await;
        let ended = cluster.pairs("SELECT run_id::text, phase::text FROM run_heads WHERE phase <> 0").await;
        let goes_on = |run: &String| {
            owners.get(run).is_some_and(|owner| *owner != id) || ended.iter().any(|(ended, _)| ended == run)
        };
        orphans.iter().all(|(run, _)| goes_on(run)).then_some(())
    })
    .await;
    let took = at.elapsed();
    println!("{} runs of a killed executor were taken over after {took:?}", orphans.len());
    assert!(took < TAKEN_OVER_WITHIN, "it took {took:?}");

    complete(api.client(), &runs).await;
    let repeats = repeated(&cluster.agents.calls().await, &runs, &before);
    println!("{repeats} calls were repeated");
    assert!((1..=orphans.len()).contains(&repeats), "{repeats} calls were repeated, of {} runs", orphans.len());
    let mut found_dead = 0.0;
    for member in [&survivor, &relay] {
        found_dead += member.metric("orrery_runs_taken_over_total", "").await;
    }
    assert!(found_dead > 0.5, "any member may find out that another one is dead; one has");
    no_step_is_recorded_twice(&cluster).await;
    ends_are_told(&cluster, &runs).await;
}

#[tokio::test]
async fn runs_survive_executors_that_are_killed_one_after_the_other() {
    let cluster = Cluster::new().await.for_all(&["--lease-seconds", "2"]);
    let (api, first) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    register(&cluster, api.client(), 300).await;
    let load = plans(api.client(), "cut", 60, &["slow"; 12]).await;
    let second = cluster.start("executor", &[]).await;
    let runs = start(&[api.client()], load).await;

    owns(&first, 1).await;
    let id = identity(&first);
    first.kill9();
    let before = done(&cluster).await;
    let third = cluster.start("executor", &[]).await;
    eventually("the second goes on with the runs of the first", async || {
        owners(&cluster).await.values().all(|owner| *owner != id).then_some(())
    })
    .await;
    second.kill9();
    let later = done(&cluster).await;

    complete(api.client(), &runs).await;
    let calls = cluster.agents.calls().await;
    assert!(repeated(&calls, &runs, &before) > 0, "calls were cut");
    // What was done before the second kill may have been repeated because of the first one, and not because of the second.
    let of_done = later.iter().flat_map(|step| calls.of_step(step));
    assert!(of_done.into_iter().all(|(_, count)| count <= 2), "what is done is not called again");
    assert!(third.metric("orrery_step_attempts_total", "completed").await > 0.5, "the third goes on");
    assert!(calls.by_message_id.values().all(|count| *count <= 3), "a call is repeated by a kill only");
    no_step_is_recorded_twice(&cluster).await;
}
