//! A broker that goes away and comes back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use adapters_kafka::BusProblem;
use dev_services::{Brokers, Kafka, KafkaOptions};
use domain::ports::{Delivery, Publisher};

use crate::{
    bridge::Agents,
    sending::message,
    support::{Place, config, records, send, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_while_the_broker_is_away_is_delivered_when_it_is_back() {
    let starting = || Kafka::temporary(Brokers::One, KafkaOptions::default());
    let mut kafka = tokio::task::spawn_blocking(starting).await.expect("no panic").expect("a broker");
    let mut config = config(&kafka.bootstrap(), "outage.");
    config.send_timeout = Duration::from_secs(2);
    let mut place = Place::at(config);
    place.bus.prepare_topics().await.expect("topics");
    let (publisher, topics) = (place.bus.publisher(), place.config.topics.clone());
    let agents = Arc::new(Agents::new());
    let (bridge, handler) = (place.bus.bridge(), Arc::clone(&agents));
    let shutdown = place.run(|shutdown| bridge.run(handler, shutdown));
    assert_eq!(publisher.publish(&[message(1, 1, "before")]).await, [Delivery::Delivered]);
    assert_eq!(place.bus.status().await, Ok(()));

    kafka = stopped(kafka).await;
    let deliveries = publisher.publish(&[message(2, 1, "while"), message(3, 1, "while")]).await;
    assert!(deliveries.iter().all(|delivery| matches!(delivery, Delivery::Unavailable(_))), "{deliveries:?}");
    let status = place.bus.status().await;
    assert!(matches!(status, Err(BusProblem::Unreachable(_))), "{status:?}");

    let kafka = started(kafka).await;
    until("the broker answers", async || place.bus.status().await.is_ok()).await;
    let again = publisher.publish(&[message(2, 1, "after"), message(3, 1, "after")]).await;
    assert_eq!(again, [Delivery::Delivered, Delivery::Delivered]);
    let events = records(&kafka.bootstrap(), &topics.run_events, 3).await;
    let said: Vec<_> = events.iter().map(|seen| seen.json()["error_message"].clone()).collect();
    assert!(said.contains(&"before".into()) && said.contains(&"after".into()), "{said:?}");
    // A consumer that lived through it goes on.
    let task = "{\"run_id\": \"r\", \"task_id\": \"t\", \"agent_name\": \"A\", \"correlation_id\": \"c\"}";
    send(&kafka.bootstrap(), &topics.tasks, "r", Some(task), None).await;
    assert_eq!(records(&kafka.bootstrap(), &topics.results, 1).await[0].json()["correlation_id"], "c");

    // And does not hold up the end of the process when the broker is away again.
    let _kafka = stopped(kafka).await;
    let began = Instant::now();
    shutdown.cancel();
    place.background.join_next().await.expect("it was spawned").expect("no panic");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

async fn stopped(mut kafka: Kafka) -> Kafka {
    let stop = move || {
        kafka.kill_broker(0);
        kafka
    };
    tokio::task::spawn_blocking(stop).await.expect("no panic")
}

async fn started(mut kafka: Kafka) -> Kafka {
    let start = move || {
        kafka.start_broker(0).expect("a broker");
        kafka
    };
    tokio::task::spawn_blocking(start).await.expect("no panic")
}
