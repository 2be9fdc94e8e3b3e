//! Brokers of one's own, and the shared one.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use dev_services::{Brokers, Credentials, Kafka, KafkaOptions, ServiceError, SharedKafka, full_tests};

/// Kafka's own producer, an independent judge: sends lines and waits until they are confirmed.
fn produce(kafka: &Kafka, bootstrap: &str, topic: &str, lines: &str, settings: &[&str]) -> bool {
    let mut producer = tool(kafka, "ConsoleProducer", bootstrap, topic);
    for setting in settings {
        producer.args(["--producer-property", setting]);
    }
    producer.args(["--producer-property", "acks=all", "--producer-property", "delivery.timeout.ms=30000"]);
    producer.args(["--producer-property", "request.timeout.ms=5000", "--sync"]);
    let mut child = producer.stdin(Stdio::piped()).spawn().expect("the producer starts");
    child.stdin.take().expect("it is piped").write_all(lines.as_bytes()).expect("the producer reads");
    let output = child.wait_with_output().expect("the producer ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    output.status.success() && !said.contains("ERROR")
}

/// Kafka's own consumer: so many lines from the beginning.
fn consume(kafka: &Kafka, bootstrap: &str, topic: &str, count: usize) -> Vec<String> {
    let mut consumer = tool(kafka, "consumer.ConsoleConsumer", bootstrap, topic);
    consumer.args(["--from-beginning", "--timeout-ms", "30000", "--max-messages", &count.to_string()]);
    let output = consumer.output().expect("the consumer runs");
    let mut lines: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    lines.retain(|line| line.starts_with("record"));
    lines.sort();
    lines
}

fn tool(kafka: &Kafka, name: &str, bootstrap: &str, topic: &str) -> Command {
    let mut tool = kafka.libs().java(128);
    tool.arg(format!("org.apache.kafka.tools.{name}")).args(["--bootstrap-server", bootstrap, "--topic", topic]);
    tool.stdout(Stdio::piped()).stderr(Stdio::piped());
    tool
}

fn eventually(what: &str, mut probe: impl FnMut() -> bool) {
    let start = Instant::now();
    while !probe() {
        assert!(start.elapsed() < Duration::from_mins(1), "waited in vain for this: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_broker_that_was_killed_or_stopped_comes_back_on_the_same_port_with_what_it_confirmed() {
    let mut kafka = Kafka::temporary(Brokers::One, KafkaOptions::default()).expect("a broker");
    let bootstrap = kafka.bootstrap();
    kafka.create_topic("t", 2, 1).expect("a topic");
    assert!(matches!(kafka.create_topic("t", 2, 1), Err(ServiceError::Topic { code: 36, .. })));
    assert!(produce(&kafka, &bootstrap, "t", "record 1\n", &[]));
    kafka.kill_broker(0);
    assert!(!kafka.is_running(0));
    kafka.start_broker(0).expect("it recovers");
    assert!(produce(&kafka, &bootstrap, "t", "record 2\n", &[]));
    kafka.stop_broker(0);
    kafka.start_broker(0).expect("it starts again");
    assert_eq!(kafka.bootstrap(), bootstrap);
    assert_eq!(consume(&kafka, &bootstrap, "t", 2), ["record 1", "record 2"]);
}

#[test]
fn who_says_no_password_or_a_wrong_one_is_turned_away() {
    let somebody = Credentials { user: "alice".to_owned(), password: "secret".to_owned() };
    let options = KafkaOptions { sasl: Some(somebody), ..KafkaOptions::default() };
    let kafka = Kafka::temporary(Brokers::One, options).expect("a broker");
    let bootstrap = kafka.sasl_bootstrap().expect("a listener that wants a password");
    let produce = |mechanism: &str, module: &str, password: &str| {
        let login = "org.apache.kafka.common.security";
        let jaas = format!("{login}.{module} required username=\"alice\" password=\"{password}\";");
        let settings = ["security.protocol=SASL_PLAINTEXT".to_owned(), format!("sasl.mechanism={mechanism}")];
        let jaas = format!("sasl.jaas.config={jaas}");
        produce(&kafka, &bootstrap, "t", "record\n", &[&settings[0], &settings[1], &jaas])
    };
    assert!(produce("PLAIN", "plain.PlainLoginModule", "secret"));
    assert!(produce("SCRAM-SHA-512", "scram.ScramLoginModule", "secret"));
    assert!(!produce("SCRAM-SHA-256", "scram.ScramLoginModule", "wrong"));
    assert_eq!(consume(&kafka, &kafka.bootstrap(), "t", 2), ["record", "record"]);
}

#[test]
fn the_shared_broker_is_the_same_for_all_and_no_two_tests_get_the_same_prefix() {
    let (one, other) = (SharedKafka::get().expect("a broker"), SharedKafka::get().expect("a broker"));
    assert_eq!(one.bootstrap(), other.bootstrap());
    assert_ne!(one.topic_prefix(), other.topic_prefix());
    one.create_topic(&(one.topic_prefix() + "events"), 4).expect("a topic");
}

#[test]
fn three_brokers_lose_nothing_that_was_confirmed_when_the_leader_is_killed() {
    if !full_tests() {
        eprintln!("NOT RUN: three-broker fail-over (cargo xtask test --full)");
        return;
    }
    let mut kafka = Kafka::temporary(Brokers::Three, KafkaOptions::default()).expect("three brokers");
    kafka.create_topic("t", 1, 3).expect("a topic");
    let bootstrap = kafka.bootstrap();
    assert!(produce(&kafka, &bootstrap, "t", "record 1\n", &[]));
    let first = kafka.leader("t", 0).expect("the brokers answer").expect("a leader");
    kafka.kill_broker(first);
    eventually("another broker leads", || {
        kafka.leader("t", 0).is_ok_and(|leader| leader.is_some_and(|leader| leader != first))
    });
    assert!(produce(&kafka, &bootstrap, "t", "record 2\n", &[]));
    assert_eq!(consume(&kafka, &bootstrap, "t", 2), ["record 1", "record 2"]);
    kafka.start_broker(first).expect("it comes back");
    eventually("all copies are in sync", || kafka.in_sync("t", 0).is_ok_and(|copies| copies == 3));
}
