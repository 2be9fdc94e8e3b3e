//! Kafka without which runs go on.

use std::collections::BTreeSet;

use dev_services::Brokers;
use e2e_tests::{Cluster, KafkaFor, Orrery, PostgresFor, eventually};

use crate::load::{complete, ends_are_told, plans, register, repeated, start};

#[tokio::test]
async fn when_kafka_dies_in_a_burst_of_starts_they_are_accepted_and_completed_and_afterwards_every_end_is_told() {
    let cluster = Cluster::with(PostgresFor::Everybody, KafkaFor::OneTest(Brokers::One)).await;
    let (api, executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let relay = cluster.start("relay", &[]).await;
    register(&cluster, api.client(), 50).await;
    let before = start(&[api.client()], plans(api.client(), "before", 10, &["echo"]).await).await;
    complete(api.client(), &before).await;
    ends_are_told(&cluster, &before).await;

    let load = plans(api.client(), "during", 200, &["echo", "slow", "echo"]).await;
    let clients = [api.client()];
    let dying = async {
        eventually("the burst has begun", async || (started(&cluster).await >= 10 + 20).then_some(())).await;
        cluster.kafka(|kafka| kafka.kill_broker(0)).await;
        started(&cluster).await
    };
    let (during, at_the_death) = tokio::join!(start(&clients, load), dying);
    println!("Kafka died after {} of 200 starts", at_the_death - 10);
    assert!(at_the_death < 210, "it died in the midst of the burst: {at_the_death}");
    complete(api.client(), &during).await;
    for (role, process) in [("api", &api), ("executor", &executor), ("relay", &relay)] {
        is_degraded(role, process).await;
    }
    let waiting = cluster.number("SELECT count(*) FROM outbox").await;
    assert!(waiting >= 210 - at_the_death, "what is for others waits: {waiting}");

    cluster.kafka(|kafka| kafka.start_broker(0).expect("the broker starts again")).await;
    let runs = [before, during].concat();
    let doubles = ends_are_told(&cluster, &runs).await;
    println!("after the return of Kafka, {doubles} of 210 ends were told twice");
    assert_eq!(repeated(&cluster.agents.calls().await, &runs, &BTreeSet::new()), 0, "runs noticed nothing");
    for (role, process) in [("api", &api), ("executor", &executor), ("relay", &relay)] {
        is_sound(role, process).await;
    }
}

/// How many runs were ever accepted.
async fn started(cluster: &Cluster) -> i64 {
    cluster.number("SELECT count(*) FROM run_heads").await
}

/// Ready, and says that Kafka is not there.
async fn is_degraded(role: &str, process: &Orrery) {
    eventually(&format!("the {role} says that Kafka is away"), async || {
        let (status, readiness) = process.readiness().await;
        assert_eq!((status, &readiness["ready"]), (200, &true.into()), "the {role} is ready: {readiness}");
        let kafka = &readiness["checks"]["kafka"];
        let message = kafka["message"].as_str().unwrap_or_default();
        let says_so = kafka["status"] == "degraded" && message.starts_with("no Kafka broker answers");
        assert_eq!(readiness["checks"]["database"]["status"], "healthy", "{readiness}");
        (readiness["degraded"] == true && says_so).then_some(())
    })
    .await;
}

async fn is_sound(role: &str, process: &Orrery) {
    eventually(&format!("the {role} says that all is well"), async || {
        let (status, readiness) = process.readiness().await;
        (status == 200 && readiness["degraded"] == false).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_role_starts_while_no_broker_answers_and_works_once_one_does() {
    let cluster = Cluster::with(PostgresFor::Everybody, KafkaFor::OneTest(Brokers::One)).await;
    cluster.kafka(|kafka| kafka.stop_broker(0)).await;
    let (api, executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let (relay, all) = tokio::join!(cluster.start("relay", &[]), cluster.start("all", &[]));
    for (role, process) in [("api", &api), ("executor", &executor), ("relay", &relay), ("all", &all)] {
        is_degraded(role, process).await;
    }
    register(&cluster, api.client(), 10).await;
    let runs = start(&[api.client()], plans(api.client(), "first", 10, &["echo", "slow"]).await).await;
    complete(api.client(), &runs).await;

    cluster.kafka(|kafka| kafka.start_broker(0).expect("the broker starts again")).await;
    assert_eq!(ends_are_told(&cluster, &runs).await, 0);
    is_sound("relay", &relay).await;
}

#[tokio::test]
async fn when_the_leader_of_three_brokers_is_killed_requests_and_ends_go_on() {
    if !dev_services::full_tests() {
        println!("NOT RUN: three-broker fail-over (cargo xtask test --full)");
        return;
    }
    let cluster = Cluster::with(PostgresFor::Everybody, KafkaFor::OneTest(Brokers::Three)).await;
    let (api, executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let relay = cluster.start("relay", &[]).await;
    register(&cluster, api.client(), 100).await;
    let mut load = plans(api.client(), "load", 200, &["echo", "slow", "echo"]).await;
    let rest = load.split_off(100);
    let mut runs = start(&[api.client()], load).await;

    let leader = cluster.kafka(|kafka| kafka.leader("workflow.run.events", 0).expect("an answer")).await;
    let leader = leader.expect("the partition has a leader");
    cluster.kafka(move |kafka| kafka.kill_broker(leader)).await;
    runs.extend(start(&[api.client()], rest).await);
    let asked = crate::requests::ask(&cluster, "asked", 20).await;
    complete(api.client(), &runs).await;
    crate::requests::complete(api.client(), &asked).await;

    let all = [runs, asked].concat();
    let doubles = ends_are_told(&cluster, &all).await;
    println!("after the kill of a leader, {doubles} of {} ends were told twice", all.len());
    assert_eq!(repeated(&cluster.agents.calls().await, &all, &BTreeSet::new()), 0, "runs noticed nothing");
    for (role, process) in [("api", &api), ("executor", &executor), ("relay", &relay)] {
        is_sound(role, process).await;
    }
}
