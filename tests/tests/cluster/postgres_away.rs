//! PostgreSQL that is restarted, stopped or frozen in mid-load.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use dev_services::{Durability, Postgres, Shutdown};
use e2e_tests::{Cluster, KafkaFor, Orrery, PostgresFor, eventually, eventually_within};
use serde_json::json;

use crate::load::{
    Plan, Run, complete, done, ends_are_told, no_step_is_recorded_twice, owns, plans, register, repeated, start,
    start_what_is_taken,
};

/// What an outage of three leases is in these tests.
const LEASE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn after_a_restart_of_postgresql_every_accepted_run_completes_and_nothing_done_is_done_again() {
    let cluster = Cluster::with(PostgresFor::OneTest(Durability::On), KafkaFor::Everybody).await;
    let (api, one) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let (other, relay) = tokio::join!(cluster.start("executor", &[]), cluster.start("relay", &[]));
    register(&cluster, api.client(), 500).await;
    let load = plans(api.client(), "load", 60, &["echo", "slow", "echo", "slow", "slow", "echo"]).await;
    let mut late = plans(api.client(), "late", 28, &["echo", "slow"]).await;
    let probe = late[0].workflow.clone();
    let mut runs = start(&[api.client()], load).await;

    let before = done(&cluster).await;
    let stop = cluster.postgres(|postgres| postgres.stop(Shutdown::Immediate).expect("PostgreSQL ends"));
    let clients = [api.client()];
    let (taken, ()) = tokio::join!(start_what_is_taken(&clients, late[..8].to_vec()), stop);
    for (role, process) in [("api", &api), ("executor", &one), ("relay", &relay)] {
        eventually(&format!("the {role} says that PostgreSQL is away"), async || {
            let (status, readiness) = process.readiness().await;
            assert_ne!(readiness["checks"]["kafka"]["status"], "unhealthy", "{readiness}");
            let database = &readiness["checks"]["database"];
            let message = database["message"].as_str().unwrap_or_default();
            let says_so = database["status"] == "unhealthy" && !message.is_empty() && message != "the store answers";
            (status == 503 && readiness["ready"] == false && says_so).then_some(())
        })
        .await;
    }
    let body = json!({"input_data": {"text": "hello"}});
    let refused = api.client().post(&format!("/workflows/{probe}/execute"), &body).await;
    assert_eq!((refused.status, refused.retry_after.as_deref()), (503, Some("1")), "{}", refused.text);
    cluster.postgres(|postgres| postgres.start().expect("PostgreSQL starts again")).await;

    eventually("all are ready again", async || {
        let ready = [api.is_ready().await, one.is_ready().await, other.is_ready().await, relay.is_ready().await];
        ready.iter().all(|ready| *ready).then_some(())
    })
    .await;
    println!("{} of 8 starts were accepted around the restart", taken.len());
    runs.extend(taken);
    // A connection that broke while nobody used it may cost a few starts another 503; clients ask again.
    for Plan { workflow, steps } in late.split_off(8) {
        let accepted = eventually("a start is accepted", async || api.client().try_execute(&workflow, &steps[0]).await);
        runs.push(Run { id: accepted.await, steps });
    }
    complete(api.client(), &runs).await;

    let repeats = repeated(&cluster.agents.calls().await, &runs, &before);
    println!("{repeats} calls were repeated after the restart");
    no_step_is_recorded_twice(&cluster).await;
    ends_are_told(&cluster, &runs).await;
    assert_eq!(cluster.number("SELECT count(*) FROM run_heads WHERE phase = 0").await, 0, "nothing stands still");
}

#[tokio::test]
async fn while_postgresql_is_gone_for_three_leases_no_run_changes_hands() {
    let stop = |postgres: &mut Postgres| postgres.stop(Shutdown::Fast).expect("PostgreSQL ends");
    let start = |postgres: &mut Postgres| postgres.start().expect("PostgreSQL starts again");
    keeps_its_owners(stop, start).await;
}

#[tokio::test]
async fn while_postgresql_is_frozen_for_three_leases_no_run_changes_hands() {
    keeps_its_owners(|postgres: &mut Postgres| postgres.pause(), |postgres: &mut Postgres| postgres.resume()).await;
}

async fn keeps_its_owners(
    leave: impl FnOnce(&mut Postgres) + Send + 'static,
    come_back: impl FnOnce(&mut Postgres) + Send + 'static,
) {
    let cluster = Cluster::with(PostgresFor::OneTest(Durability::On), KafkaFor::Everybody).await;
    let cluster = cluster.for_all(&["--lease-seconds", "2"]);
    let (api, one) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    register(&cluster, api.client(), 3000).await;
    let first = plans(api.client(), "first", 15, &["echo", "slow", "slow", "echo"]).await;
    let then = plans(api.client(), "then", 15, &["echo", "slow", "echo"]).await;
    let mut runs = start(&[api.client()], first).await;
    owns(&one, 15).await;
    let other = cluster.start("executor", &[]).await;
    runs.extend(start(&[api.client()], then).await);
    eventually("every run has an owner", async || {
        (cluster.number("SELECT count(*) FROM run_heads WHERE owner IS NOT NULL").await == 30).then_some(())
    })
    .await;
    let (owners, before) = (epochs(&cluster).await, done(&cluster).await);

    cluster.postgres(leave).await;
    let since = Instant::now();
    eventually_within(LEASE * 10, "three leases are over", async || {
        for executor in [&one, &other] {
            assert!(executor.readiness().await.0 == 503 || since.elapsed() < LEASE, "the executor is not ready");
        }
        (since.elapsed() > LEASE * 3).then_some(())
    })
    .await;
    cluster.postgres(come_back).await;

    complete(api.client(), &runs).await;
    assert_eq!(epochs(&cluster).await, owners, "no run has changed hands");
    for executor in [&one, &other] {
        never(executor, "orrery_runs_taken_over_total").await;
        never(executor, "orrery_leases_lost_total").await;
    }
    assert_eq!(repeated(&cluster.agents.calls().await, &runs, &before), 0, "nobody calls twice without need");
    no_step_is_recorded_twice(&cluster).await;
}

async fn never(executor: &Orrery, metric: &str) {
    let count = executor.metric(metric, "").await;
    assert!(count < 0.5, "{metric} is {count}");
}

/// The epoch of each run: it rises when the owner changes and by nothing else.
async fn epochs(cluster: &Cluster) -> BTreeMap<String, String> {
    cluster.pairs("SELECT run_id::text, epoch::text FROM run_heads").await.into_iter().collect()
}
