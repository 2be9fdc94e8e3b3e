//! Kafka: whether brokers answer, whether the topics are there, and whether their partitions are as they must be.

use std::sync::Arc;

use adapters_kafka::{BusProblem, KafkaBus, KafkaConfig, TopicFacts, TopicState};

use super::Finding;
use crate::composition::system::SystemClock;

pub(super) async fn examine(config: KafkaConfig, wanted: Option<u16>) -> Vec<Finding> {
    let brokers = config.brokers.clone();
    let topics = config.topics.clone();
    let (creates, partitions) = (config.topic_shape.create, config.topic_shape.partitions);
    let answer = match KafkaBus::connect(config, Arc::new(SystemClock::default())) {
        Ok(bus) => bus.examine().await,
        Err(error) => return vec![Finding::error("kafka", error.to_string(), "correct the settings of Kafka")],
    };
    let facts = match answer {
        Ok(facts) => facts,
        Err(problem) => return vec![refused(&problem, &brokers)],
    };
    let mut findings = vec![Finding::good("kafka", format!("the brokers at {brokers} answer"))];
    let examined = Examined { brokers: first(&brokers), facts: &facts, creates, partitions, wanted };
    findings.extend(examined.topics());
    findings.extend(examined.requests(&topics.execution_requests, &topics.cancellation_requests));
    findings
}

fn refused(problem: &BusProblem, brokers: &str) -> Finding {
    let hint = match problem {
        BusProblem::Unreachable(_) => format!(
            "look whether the brokers run and whether --kafka-brokers is right (nc -vz {}); what they call themselves in \
             advertised.listeners must be reached from here as well",
            first(brokers).replacen(':', " ", 1)
        ),
        BusProblem::AuthenticationFailed(_) => {
            "correct KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM".to_owned()
        }
        BusProblem::TlsFailed(_) => {
            "look at KAFKA_SSL_CA_FILE and KAFKA_SECURITY_PROTOCOL: openssl s_client -connect <broker> shows the certificate"
                .to_owned()
        }
    };
    Finding::error("kafka", problem.to_string(), hint)
}

/// The broker that commands in hints are given.
fn first(brokers: &str) -> &str {
    brokers.split(',').next().unwrap_or(brokers).trim()
}

struct Examined<'a> {
    brokers: &'a str,
    facts: &'a [TopicFacts],
    creates: bool,
    /// How many partitions missing topics get.
    partitions: u16,
    /// How many somebody has said that there must be.
    wanted: Option<u16>,
}

impl Examined<'_> {
    fn topics(&self) -> Vec<Finding> {
        let missing = self.facts.iter().filter(|topic| topic.state == TopicState::Missing).count();
        // Before the first start there are none, and that is no fault.
        let is_new = missing == self.facts.len() && self.creates;
        let found: Vec<_> = self.facts.iter().flat_map(|topic| self.topic(topic, is_new)).collect();
        if found.is_empty() {
            vec![Finding::good("kafka.topics", format!("all {} topics are there", self.facts.len()))]
        } else {
            found
        }
    }

    fn topic(&self, TopicFacts { name, state, .. }: &TopicFacts, is_new: bool) -> Vec<Finding> {
        let brokers = self.brokers;
        match state {
            TopicState::There { partitions, leaderless, behind } => {
                self.partitions(name, *partitions).into_iter().chain(copies(name, *leaderless, *behind)).collect()
            }
            TopicState::Missing => {
                let (found, check) = (format!("the topic {name} is missing"), "kafka.topics");
                let make = format!(
                    "kafka-topics.sh --bootstrap-server {brokers} --create --topic {name} --partitions {}",
                    self.partitions
                );
                let hint =
                    if self.creates { format!("{make}\na server makes it, too, when it is started") } else { make };
                vec![if is_new { Finding::warning(check, found, hint) } else { Finding::error(check, found, hint) }]
            }
            TopicState::Forbidden => vec![Finding::error(
                "kafka.permissions",
                format!("this user may not know of the topic {name}"),
                format!(
                    "kafka-acls.sh --bootstrap-server {brokers} --add --allow-principal User:<user> --operation All --topic {name}"
                ),
            )],
            TopicState::Troubled(why) => vec![Finding::error(
                "kafka.topics",
                format!("the brokers say of the topic {name}: {why}"),
                format!("kafka-topics.sh --bootstrap-server {brokers} --describe --topic {name}"),
            )],
        }
    }

    fn partitions(&self, name: &str, partitions: usize) -> Option<Finding> {
        let wanted = usize::from(self.wanted?);
        if partitions == wanted {
            return None;
        }
        let found = format!("the topic {name} has {partitions} partitions where --kafka-partitions says {wanted}");
        let hint = if partitions < wanted {
            self.raised(name, wanted)
        } else {
            format!("partitions cannot be taken away: say --kafka-partitions {partitions}, or make the topic anew")
        };
        Some(Finding::error("kafka.partitions", found, hint))
    }

    /// The two topics of requests are read by one group, and a cancellation must reach the consumer of its run.
    fn requests(&self, executions: &str, cancellations: &str) -> Option<Finding> {
        let count = |name: &str| match self.facts.iter().find(|topic| topic.name == name).map(|topic| &topic.state) {
            Some(TopicState::There { partitions, .. }) => Some(*partitions),
            _ => None,
        };
        let (of_executions, of_cancellations) = (count(executions)?, count(cancellations)?);
        if of_executions == of_cancellations {
            return Some(Finding::good(
                "kafka.partitions",
                format!("the topics of requests have {of_executions} partitions each"),
            ));
        }
        let most = of_executions.max(of_cancellations);
        let fewer = if of_executions < of_cancellations { executions } else { cancellations };
        Some(Finding::error(
            "kafka.partitions",
            format!(
                "{executions} has {of_executions} partitions and {cancellations} has {of_cancellations}: a cancellation can reach \
                 another consumer than its run"
            ),
            self.raised(fewer, most),
        ))
    }

    fn raised(&self, name: &str, partitions: usize) -> String {
        format!("kafka-topics.sh --bootstrap-server {} --alter --topic {name} --partitions {partitions}", self.brokers)
    }
}

fn copies(name: &str, leaderless: usize, behind: usize) -> Option<Finding> {
    if leaderless > 0 {
        return Some(Finding::error(
            "kafka.topics",
            format!("{leaderless} partitions of the topic {name} have no leader"),
            "start the brokers that are down: nothing can be sent there before",
        ));
    }
    (behind > 0).then(|| {
        Finding::warning(
            "kafka.topics",
            format!("{behind} partitions of the topic {name} have fewer copies than they should"),
            "start the brokers that are down, or wait until they have caught up",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Severity, *};

    fn there(partitions: usize) -> TopicState {
        TopicState::There { partitions, leaderless: 0, behind: 0 }
    }

    fn examined(states: [TopicState; 2], creates: bool, wanted: Option<u16>) -> Vec<Finding> {
        let names = ["e", "c"];
        let facts: Vec<_> = names
            .into_iter()
            .zip(states)
            .map(|(name, state)| TopicFacts { setting: "topics", name: name.to_owned(), state })
            .collect();
        let examined = Examined { brokers: "b:1", facts: &facts, creates, partitions: 12, wanted };
        examined.topics().into_iter().chain(examined.requests("e", "c")).collect()
    }

    fn errors(findings: &[Finding]) -> Vec<&str> {
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| finding.hint.as_deref().unwrap_or_default()).collect()
    }

    #[test]
    fn unequal_and_unwanted_counts_are_wrong_and_the_command_raises_the_smaller_one() {
        assert_eq!(
            errors(&examined([there(3), there(12)], true, None)),
            ["kafka-topics.sh --bootstrap-server b:1 --alter --topic e --partitions 12"]
        );
        assert!(errors(&examined([there(3), there(3)], true, None)).is_empty());
        assert_eq!(errors(&examined([there(3), there(3)], true, Some(12))).len(), 2);
    }

    #[test]
    fn a_missing_topic_is_wrong_unless_all_are_yet_to_be_made() {
        assert_eq!(errors(&examined([there(3), TopicState::Missing], true, None)).len(), 1);
        assert!(errors(&examined([TopicState::Missing, TopicState::Missing], true, None)).is_empty());
        assert_eq!(errors(&examined([TopicState::Missing, TopicState::Missing], false, None)).len(), 2);
    }
}
