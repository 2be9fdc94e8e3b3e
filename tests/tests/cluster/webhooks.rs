//! Webhooks of several servers on one database: any of them delivers, and none of them is needed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use e2e_tests::{AgentSpec, Cluster, Receiver, Reception, eventually_within, workflow};
use serde_json::json;

const RUNS: usize = 40;

/// Longer than a delivery is another server's to make, once its claimer is gone.
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test]
async fn every_end_is_told_by_one_message_though_a_server_is_killed_and_the_receiver_fails_for_a_while() {
    let cluster = Cluster::new().await.for_all(&["--webhook-first-retry-ms", "5"]);
    let (api, other, _executor) =
        tokio::join!(cluster.start("api", &[]), cluster.start("api", &[]), cluster.start("executor", &[]));
    let client = api.client();
    client.register(AgentSpec::new("echo", cluster.agents.url("echo"))).await;
    let id = client.create(&workflow("told", &[("only", "echo")])).await;
    let (steady, moody) = (Receiver::start(Reception::Take).await, Receiver::start(Reception::Status(500)).await);
    for (name, receiver) in [("steady", &steady), ("moody", &moody)] {
        let webhook = json!({"name": name, "url": receiver.url(), "statuses": ["COMPLETED"]});
        client.post("/webhooks", &webhook).await.expect(201);
    }

    let mut runs = BTreeSet::new();
    for number in 0..RUNS {
        if number == RUNS / 2 {
            moody.receive(Reception::Take);
        }
        runs.insert(client.execute(&id, &format!("text {number}")).await);
    }
    // It may have claimed deliveries, and be making some.
    other.kill9();

    for receiver in [&steady, &moody] {
        let all = async || (receiver.told().len() >= RUNS).then_some(());
        eventually_within(PATIENCE, "the receiver was told of all runs", all).await;
        let told: Vec<_> = receiver.told().into_values().map(|body| body["data"]["run_id"].clone()).collect();
        let of: BTreeSet<_> = told.iter().filter_map(|run| run.as_str().map(str::to_owned)).collect();
        assert_eq!((told.len(), of), (RUNS, runs.clone()), "one message for each run");
    }
    // A message is sent again only where nobody knows whether it arrived.
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for message in steady.came() {
        *taken.entry(message.id).or_default() += 1;
    }
    let again = taken.values().filter(|times| **times > 1).count();
    assert!(again < RUNS / 2, "{again} messages came again to a receiver that takes everything");
}
