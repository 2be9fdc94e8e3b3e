//! Logins and encryption: those that work, and what is said about those that do not.

use adapters_kafka::{BusProblem, Sasl, SaslMechanism, Secret, Tls};
use dev_services::{Brokers, Credentials, Kafka, KafkaOptions, SharedKafka};
use domain::ports::{Delivery, Publisher};

use crate::{
    sending::message,
    support::{Place, config, until},
};

fn sasl(mechanism: SaslMechanism, password: &str) -> Sasl {
    Sasl { mechanism, user: "orrery".into(), password: Secret::new(password) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_works_with_its_password_and_a_wrong_one_is_named() {
    let credentials = Credentials { user: "orrery".into(), password: "right".into() };
    let options = KafkaOptions { sasl: Some(credentials), ..KafkaOptions::default() };
    let starting = move || Kafka::temporary(Brokers::One, options);
    let kafka = tokio::task::spawn_blocking(starting).await.expect("no panic").expect("a broker");
    let brokers = kafka.sasl_bootstrap().expect("a listener with logins");
    for mechanism in [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
        let mut right = config(&brokers, "security.");
        right.security.sasl = Some(sasl(mechanism, "right"));
        let place = Place::at(right);
        assert_eq!(place.bus.publisher().publish(&[message(1, 1, "no")]).await, [Delivery::Delivered], "{mechanism:?}");

        let mut wrong = config(&brokers, "security.");
        wrong.security.sasl = Some(sasl(mechanism, "wrong"));
        let place = Place::at(wrong);
        let is_refused = async || matches!(place.bus.status().await, Err(BusProblem::AuthenticationFailed(_)));
        until("the login is refused", is_refused).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_brokers_are_trusted_with_the_file_of_their_authority_and_with_no_other() {
    let options = KafkaOptions { tls: true, ..KafkaOptions::default() };
    let starting = move || Kafka::temporary(Brokers::One, options);
    let kafka = tokio::task::spawn_blocking(starting).await.expect("no panic").expect("a broker");
    let with = |ca_file| {
        let mut encrypted = config(&kafka.tls_bootstrap().expect("a listener with TLS"), "security.");
        encrypted.security.tls = Some(Tls { ca_file, ..Tls::default() });
        Place::at(encrypted)
    };
    let place = with(kafka.ca_file());
    assert_eq!(place.bus.publisher().publish(&[message(1, 1, "no")]).await, [Delivery::Delivered]);
    assert_eq!(place.bus.status().await, Ok(()));

    for untrusted in [kafka.strangers_ca_file(), None] {
        let place = with(untrusted);
        let refused = async || matches!(place.bus.status().await, Err(BusProblem::TlsFailed(_)));
        until("the broker is not trusted", refused).await;
        let said = place.bus.status().await.expect_err("it is not trusted").to_string();
        assert!(
            said.starts_with("no TLS connection to Kafka: ") && said.contains("certificate verify failed"),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_encryption_is_told_apart_from_one_that_is_away() {
    let kafka = tokio::task::spawn_blocking(SharedKafka::get).await.expect("no panic").expect("a broker");
    let mut encrypted = config(kafka.bootstrap(), "security.");
    encrypted.security.tls = Some(Tls::default());
    let place = Place::at(encrypted);
    let status = place.bus.status().await;
    assert!(matches!(status, Err(BusProblem::TlsFailed(_))), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_away_are_named() {
    let place = Place::at(config("127.0.0.1:1", "nobody."));
    let status = place.bus.status().await.expect_err("nobody is there");
    assert!(matches!(status, BusProblem::Unreachable(_)), "{status:?}");
    assert!(status.to_string().starts_with("no Kafka broker answers: "), "{status}");
}
