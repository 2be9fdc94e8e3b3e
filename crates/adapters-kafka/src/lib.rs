//! Kafka: what this system sends there, and what it is asked from there.
//!
//! The topics and shapes of the old system are section 3 of the contract; three topics are ours (events, ended runs, dead
//! letters).
//! This crate decides what a record looks like, when it counts as delivered and when it is acknowledged. It assigns no runs
//! and keeps nothing: what must not be lost is in the store before it is sent, and is given back to Kafka until the store
//! has it. It spawns nothing; what runs for long is a future that the composition root spawns.

mod backoff;
mod bridge;
mod bus;
mod checkup;
mod client;
mod config;
mod consumer;
mod dead_letter;
mod events;
mod executor;
mod gateway;
mod measures;
mod monitoring;
mod producer;
mod properties;
mod publisher;
mod questions;
mod requests;
mod secret;
mod security;
mod status;
mod topics;
mod trace;
mod wire;

pub use bridge::KafkaBridge;
pub use bus::{CannotConnect, KafkaBus};
pub use checkup::{TopicFacts, TopicState};
pub use config::{Compression, Groups, InvalidKafkaConfig, KafkaConfig, TopicShape, Topics};
pub use events::KafkaEvents;
pub use executor::KafkaExternalExecutor;
pub use gateway::{KafkaAgentGateway, KafkaResults};
pub use measures::{MEASURES, describe_metrics};
pub use monitoring::KafkaMonitoring;
pub use publisher::KafkaPublisher;
pub use requests::KafkaRequests;
pub use secret::Secret;
pub use security::{ClientCertificate, Sasl, SaslMechanism, Security, Tls, Verification};
pub use status::BusProblem;
