//! Servers and relays that are killed between a commit and what others hear of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
};

use e2e_tests::{AgentSpec, Cluster, Orrery, Record, eventually};
use serde_json::json;

use crate::load::{Run, complete, ends_are_told, plans, register, repeated, start, start_what_is_taken};

#[tokio::test]
async fn starts_that_a_killed_server_has_accepted_complete_and_their_ends_are_told() {
    let cluster = Cluster::new().await;
    let (killed, survivor) = tokio::join!(cluster.start("api", &[]), cluster.start("api", &[]));
    let _executor = cluster.start("executor", &[]).await;
    register(&cluster, survivor.client(), 50).await;
    let load = plans(survivor.client(), "accepted", 100, &["echo", "slow", "echo"]).await;

    let client = killed.client().clone();
    let starting = async { start_what_is_taken(&[&client], load).await };
    let killing = async {
        eventually("starts are committed", async || {
            (cluster.number("SELECT count(*) FROM run_heads").await >= 20).then_some(())
        })
        .await;
        killed.kill9();
    };
    let (runs, ()) = tokio::join!(starting, killing);
    println!("{} of 100 starts were accepted before the kill", runs.len());
    assert!((1..100).contains(&runs.len()), "it was killed in the midst of the starts: {}", runs.len());

    complete(survivor.client(), &runs).await;
    assert!(cluster.number("SELECT count(*) FROM outbox").await > 0, "nobody has told of it so far");
    let _relay = cluster.start("relay", &[]).await;
    ends_are_told(&cluster, &runs).await;
    assert_eq!(repeated(&cluster.agents.calls().await, &runs, &BTreeSet::new()), 0, "the executor noticed nothing");
}

#[tokio::test]
async fn what_a_process_committed_and_could_not_send_before_it_was_killed_is_sent_by_another() {
    let cluster = Cluster::new().await.for_all(&["--lease-seconds", "2"]);
    let nobody = nobody_there();
    let killed = cluster.start("all", &["--kafka-brokers", &nobody]).await;
    register(&cluster, killed.client(), 50).await;
    let load = plans(killed.client(), "committed", 30, &["echo", "slow"]).await;
    let runs = start(&[killed.client()], load).await;
    complete(killed.client(), &runs).await;
    assert_eq!(cluster.number("SELECT count(*) FROM outbox").await, 30, "it could not send");
    killed.kill9();

    let _other = cluster.start("all", &[]).await;
    ends_are_told(&cluster, &runs).await;
}

/// An address of this machine that nobody listens at.
fn nobody_there() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("a listener has an address").to_string()
}

#[tokio::test]
async fn after_the_kill_of_a_relay_another_tells_every_end_in_the_order_of_its_run() {
    let cluster = Cluster::new().await.for_all(&["--lease-seconds", "2"]);
    let (api, _executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let (killed, survivor) = tokio::join!(cluster.start("relay", &[]), cluster.start("relay", &[]));
    register(&cluster, api.client(), 20).await;
    // It fails at first and completes when it is retried, so that each run has two ends to be told of.
    api.client().register(AgentSpec::new("flaky", cluster.agents.url("flaky?fail=1"))).await;
    let load = plans(api.client(), "twice", 150, &["slow", "flaky", "slow"]).await;
    let runs = start(&[api.client()], load).await;

    let retrying = retry_all(&api, &runs);
    let killing = async {
        eventually("both relays have sent something", async || {
            let relayed = async |relay: &Orrery| relay.metric("orrery_messages_relayed_total", "").await;
            (relayed(&killed).await > 0.0 && relayed(&survivor).await > 0.0).then_some(())
        })
        .await;
        killed.kill9();
    };
    tokio::join!(retrying, killing);
    complete(api.client(), &runs).await;

    let wanted = runs.len() * 2;
    let enough = move |records: &[Record]| events(records).len() >= wanted;
    let records = cluster.topics.read("workflow.run.events", "two ends of every run", enough).await;
    println!("{} records tell of {wanted} ends after the kill of a relay", records.len());
    assert_eq!(events(&records).len(), wanted, "no end is invented");
    let mut told: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in &records {
        let of_run = told.entry(&record.key).or_default();
        assert!(of_run.iter().all(|before| before.partition == record.partition), "a run keeps to its partition");
        if of_run.iter().all(|before| before.text("event_id") != record.text("event_id")) {
            of_run.push(record);
        }
    }
    for run in &runs {
        let statuses: Vec<_> = told[run.id.as_str()].iter().map(|record| record.text("status")).collect();
        assert_eq!(statuses, ["FAILED", "COMPLETED"], "run {}", run.id);
    }
}

fn events(records: &[Record]) -> BTreeSet<&str> {
    records.iter().map(|record| record.text("event_id")).collect()
}

/// Retries each as soon as it has failed.
async fn retry_all(api: &Orrery, runs: &[Run]) {
    for run in runs {
        api.client().reaches(&run.id, "FAILED").await;
        api.client().post(&format!("/runs/{}/retry", run.id), &json!({})).await.expect(202);
    }
}
