//! Events on Kafka that runs wait for.

use e2e_tests::{Cluster, eventually};
use serde_json::{Value, json};

use crate::load::register;

const EVENTS: &str = "workflow.events";

/// A run of it waits until its order is paid in full, and then tells who has paid.
fn order() -> Value {
    json!({"name": "order", "start_step": "hold", "steps": {
        "hold": {
            "id": "hold", "type": "wait_for_event", "next_step": "thank",
            "event_config": {
                "event": "payment_received", "correlation": "${workflow.input.order}",
                "filter": "${event.data.amount} >= ${workflow.input.price}",
            },
        },
        "thank": {
            "id": "thank", "agent_name": "echo", "next_step": null,
            "input_mapping": {"text": "${hold.output.data.payer}"},
        },
    }})
}

/// Sends one record and waits until it is dealt with, and every run has taken its mail.
async fn tell(cluster: &Cluster, record: Value) {
    cluster.topics.send(EVENTS, &[("orders".to_owned(), record)]).await;
    eventually("the record is dealt with", async || {
        (cluster.topics.lag("orrery-events", EVENTS).await == 0).then_some(())
    })
    .await;
    eventually("the inboxes are empty", async || {
        (cluster.number("SELECT count(*) FROM run_inbox").await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_run_goes_on_with_the_record_that_it_waits_for_and_its_filter_lets_through() {
    let cluster = Cluster::new().await;
    let (api, _executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let client = api.client();
    register(&cluster, client, 20).await;
    let id = client.create(&order()).await;
    let one = client.execute_with(&id, &json!({"order": "order-1", "price": 20})).await;
    let other = client.execute_with(&id, &json!({"order": "order-2", "price": 20})).await;
    eventually("both wait", async || (cluster.number("SELECT count(*) FROM run_waits").await == 2).then_some(())).await;

    let paid = |amount: u32| json!({"amount": amount, "payer": "Ada"});
    tell(&cluster, json!({"event": "payment_received", "correlation": "order-1", "data": paid(19)})).await;
    assert_eq!(cluster.number("SELECT count(*) FROM run_waits").await, 2, "too little");
    tell(&cluster, json!({"event": "payment_received", "correlation": "order-3", "data": paid(20)})).await;
    assert_eq!(cluster.number("SELECT count(*) FROM run_waits").await, 2, "nobody's order");

    tell(&cluster, json!({"event": "payment_received", "correlation": "order-1", "data": paid(20)})).await;
    client.reaches(&one, "COMPLETED").await;
    let steps = client.steps(&one).await;
    let thanks = steps.iter().find(|step| step["step_id"] == "thank").expect("it thanks");
    assert_eq!(thanks["input_data"]["text"], "Ada");
    assert_eq!(cluster.number("SELECT count(*) FROM run_waits").await, 1, "the other still waits");

    tell(&cluster, json!({"event": "payment_received", "run_id": other, "data": paid(21)})).await;
    client.reaches(&other, "COMPLETED").await;
}

#[tokio::test]
async fn an_event_that_can_be_told_to_nobody_is_kept_as_a_dead_letter_and_the_next_is_told() {
    let cluster = Cluster::new().await;
    let (api, _executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let client = api.client();
    register(&cluster, client, 20).await;
    let id = client.create(&order()).await;
    let run = client.execute_with(&id, &json!({"order": "order-1", "price": 20})).await;
    let data = json!({"amount": 20, "payer": "Ada"});
    let poison = [
        json!({"event": "payment_received", "run_id": "run-of-nobody", "data": data}),
        json!({"event": "payment_received", "run_id": run, "data": "x".repeat(64 << 10)}),
        json!({"event": "payment_received", "run": run}),
    ];
    for record in &poison {
        tell(&cluster, record.clone()).await;
    }
    tell(&cluster, json!({"event": "payment_received", "run_id": run, "data": data})).await;
    client.reaches(&run, "COMPLETED").await;
    let letters = cluster.topics.read("workflow.dead.letters", "three letters", |letters| letters.len() >= 3).await;
    let letters: Vec<_> = letters.into_iter().map(|letter| letter.value).collect();
    assert_eq!(letters, poison, "as they were sent, and in their order: they have the same key");
}
