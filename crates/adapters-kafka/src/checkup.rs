//! What brokers say of topics, for people who look for what is wrong with them. Nothing is made or changed.

use rdkafka::{
    metadata::MetadataTopic,
    types::{RDKafkaErrorCode, RDKafkaRespErr},
};

/// One of our topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFacts {
    /// The setting that names it: the path of its field in [`KafkaConfig`](crate::KafkaConfig).
    pub setting: &'static str,
    /// Its name.
    pub name: String,
    /// What is with it.
    pub state: TopicState,
}

/// What is with a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicState {
    /// It is there.
    There {
        /// How many partitions it has.
        partitions: usize,
        /// How many of them nobody leads: nothing can be sent there, or read.
        leaderless: usize,
        /// How many of them have fewer copies than they should.
        behind: usize,
    },
    /// There is none.
    Missing,
    /// We may not know.
    Forbidden,
    /// Brokers say something else is wrong with it.
    Troubled(String),
}

impl TopicState {
    pub(crate) fn of(topic: &MetadataTopic) -> Self {
        match topic.error() {
            None => Self::There {
                partitions: topic.partitions().len(),
                leaderless: topic.partitions().iter().filter(|partition| partition.leader() < 0).count(),
                behind: topic.partitions().iter().filter(|p| p.isr().len() < p.replicas().len()).count(),
            },
            Some(error) => Self::of_error(error),
        }
    }

    fn of_error(error: RDKafkaRespErr) -> Self {
        match RDKafkaErrorCode::from(error) {
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => Self::Missing,
            RDKafkaErrorCode::TopicAuthorizationFailed => Self::Forbidden,
            other => Self::Troubled(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_may_not_know_is_not_taken_for_missing() {
        let of = TopicState::of_error;
        assert_eq!(of(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED), TopicState::Forbidden);
        assert_eq!(of(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), TopicState::Missing);
        assert!(matches!(of(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION), TopicState::Troubled(_)));
    }
}
