//! Makes the topics that do not exist, where that is wanted and allowed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use crate::{
    client::Listening,
    config::{KafkaConfig, TopicShape},
    questions::Questions,
    status::BusProblem,
};

/// How long brokers may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// How many partitions each of our topics has that exists.
type Existing = HashMap<String, usize>;

/// Makes missing topics. What cannot be made is logged: somebody else may make it later.
pub(crate) async fn prepare(
    properties: &ClientConfig,
    questions: &Arc<Questions>,
    listening: Listening,
    config: &KafkaConfig,
) -> Result<(), BusProblem> {
    let names: Vec<String> = config.topics.all().iter().map(|(_, name)| (*name).to_owned()).collect();
    let mut existing = Existing::new();
    // One by one: a question about all topics is answered with all of a cluster's.
    for name in &names {
        let partitions = questions.partitions(name).await?;
        existing.extend((partitions > 0).then(|| (name.clone(), partitions)));
    }
    let missing = missing(&names, &existing, config);
    if !missing.is_empty() && !config.topic_shape.create {
        let missing: Vec<_> = missing.iter().map(|(name, _)| name).collect();
        tracing::warn!(kafka.topics = ?missing, "topics are missing; they are used as soon as somebody makes them");
        return Ok(());
    }
    if let Err(error) = make(properties, listening, &missing, config.topic_shape).await {
        return Err(questions.problem(&error));
    }
    warn_of_unequal_counts(&existing, config);
    Ok(())
}

/// The topics that do not exist, with the partitions they are to have. The two of requests get equally many (contract 3.2):
/// else a cancellation can be given to another consumer than its run.
fn missing(names: &[String], existing: &Existing, config: &KafkaConfig) -> Vec<(String, i32)> {
    let topics = &config.topics;
    let requests = [&topics.execution_requests, &topics.cancellation_requests];
    let of_requests = requests.into_iter().find_map(|name| existing.get(name)).and_then(|n| i32::try_from(*n).ok());
    let partitions = i32::from(config.topic_shape.partitions);
    let is_missing = names.iter().filter(|name| !existing.contains_key(*name));
    let with_partitions = is_missing.map(|name| {
        let is_request = requests.contains(&name);
        (name.clone(), of_requests.filter(|_| is_request).unwrap_or(partitions))
    });
    with_partitions.collect()
}

async fn make(
    properties: &ClientConfig,
    listening: Listening,
    missing: &[(String, i32)],
    shape: TopicShape,
) -> Result<(), KafkaError> {
    if missing.is_empty() {
        return Ok(());
    }
    let admin: AdminClient<Listening> = properties.create_with_context(listening)?;
    // -1 is what the brokers do by default (KIP-464).
    let copies = shape.replication.map_or(-1, i32::from);
    let new: Vec<_> = missing
        .iter()
        .map(|(name, partitions)| NewTopic::new(name, *partitions, TopicReplication::Fixed(copies)))
        .collect();
    let options = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
    for outcome in admin.create_topics(&new, &options).await? {
        match outcome {
            Ok(name) => tracing::info!(kafka.topic = name, "the topic is made"),
            // Somebody was quicker.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                tracing::warn!(kafka.topic = name, reason = %code, "the topic is missing and cannot be made");
            }
        }
    }
    Ok(())
}

fn warn_of_unequal_counts(existing: &Existing, config: &KafkaConfig) {
    let topics = &config.topics;
    let counts = (existing.get(&topics.execution_requests), existing.get(&topics.cancellation_requests));
    if let (Some(executions), Some(cancellations)) = counts
        && executions != cancellations
    {
        tracing::warn!(
            executions,
            cancellations,
            "the topics of requests have unequal partition counts: a cancellation can reach another consumer than its run"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_of_requests_get_equally_many_partitions() {
        let config = KafkaConfig::new("a:1");
        let names: Vec<String> = config.topics.all().iter().map(|(_, name)| (*name).to_owned()).collect();
        let existing = Existing::from([("workflow.execution.requests".to_owned(), 3), ("results.topic".to_owned(), 1)]);
        let missing = missing(&names, &existing, &config);
        assert_eq!(missing.len(), 7);
        assert!(missing.contains(&("workflow.cancellation.requests".to_owned(), 3)), "{missing:?}");
        assert!(missing.contains(&("orchestrator.tasks.http".to_owned(), 12)), "{missing:?}");
        assert!(missing.contains(&("workflow.events".to_owned(), 12)), "{missing:?}");
    }
}
