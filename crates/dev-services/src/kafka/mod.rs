//! Apache Kafka: its jars, brokers of one's own, and the broker that all tests share.

mod archive;
mod authority;
mod broker;
mod cluster;
mod libs;
mod settings;
mod shared;
mod wire;

pub(crate) use broker::kill_in;

pub use cluster::{Brokers, Kafka};
pub use libs::KafkaLibs;
pub use settings::{Credentials, KafkaOptions};
pub use shared::SharedKafka;
