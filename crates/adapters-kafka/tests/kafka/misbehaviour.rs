//! Brokers that refuse, on librdkafka's mock: it answers with the errors that it is given.

use std::time::{Duration, Instant};

use domain::ports::{Delivery, Monitoring, Publisher};
use domain::runs::{MonitoringUpdate, News};
use rdkafka::{
    mocking::MockCluster,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use crate::{
    sending::message,
    support::{Place, config, records, run_id, until},
};

fn place(cluster: &MockCluster<'static, rdkafka::producer::DefaultProducerContext>) -> Place {
    let config = config(&cluster.bootstrap_servers(), "mock.");
    for topic in [&config.topics.run_events, &config.topics.dead_letters] {
        cluster.create_topic(topic, 1, 1).expect("a topic");
    }
    Place::at(config)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_a_broker_refuses_for_good_becomes_a_dead_letter() {
    let cluster = MockCluster::new(1).expect("a mock");
    let place = place(&cluster);
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD]);
    assert_eq!(place.bus.publisher().publish(&[message(1, 1, "no")]).await, [Delivery::Delivered]);
    let letter = records(&place.config.brokers, &place.config.topics.dead_letters, 1).await.remove(0);
    assert_eq!(letter.json()["run_id"], run_id(1).as_str(), "the original bytes are kept");
    assert_eq!(letter.headers["dead-letter.topic"], place.config.topics.run_events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_we_may_not_send_is_kept_for_later() {
    let cluster = MockCluster::new(1).expect("a mock");
    let place = place(&cluster);
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
    let deliveries = place.bus.publisher().publish(&[message(1, 1, "no"), message(2, 1, "no")]).await;
    let [Delivery::Unavailable(first), Delivery::Unavailable(second)] = deliveries.as_slice() else {
        panic!("{deliveries:?}")
    };
    assert!(first.contains("authorization"), "{first}");
    assert!(second.starts_with("an earlier message of the run was not delivered"), "{second}");
    // The client remembers the refusal until it looks at the topic again.
    let publisher = place.bus.publisher();
    until("they are delivered", async || {
        publisher.publish(&[message(1, 1, "no"), message(2, 1, "no")]).await
            == [Delivery::Delivered, Delivery::Delivered]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stumbles_is_asked_again() {
    let cluster = MockCluster::new(1).expect("a mock");
    let place = place(&cluster);
    let stumbles = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    ];
    cluster.request_errors(RDKafkaApiKey::Produce, &stumbles);
    assert_eq!(place.bus.publisher().publish(&[message(1, 1, "no")]).await, [Delivery::Delivered]);
    assert_eq!(records(&place.config.brokers, &place.config.topics.run_events, 1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn monitoring_updates_without_a_broker_are_dropped_and_nobody_waits() {
    let mut config = config("127.0.0.1:1", "nobody.");
    config.max_monitoring_queue = 10;
    let monitoring = Place::at(config).bus.monitoring().expect("sound settings");
    let began = Instant::now();
    for _ in 0..1000 {
        let news = News::RunFailed { workflow: "w".into(), step: None, error: "no".into() };
        let at = "2026-11-22T21:48:10Z".parse().expect("a time");
        monitoring.report(MonitoringUpdate { run: run_id(1), from: None, at, news });
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
