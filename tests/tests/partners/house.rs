//! What every test here stands on: a database, topics, agents that count their calls, and a look at rows and records.

use std::time::Duration;

use e2e_tests::{Cluster, Orrery, eventually_within};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{Headers, OwnedMessage},
};
use serde_json::Value;
use sqlx::PgPool;

use crate::old::{Names, OldApi, Surroundings};

/// How long what has to happen may take on a busy machine; a lost request alone is missed for fifteen seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// How long a record is waited for in one look at a topic.
const LOOK: Duration = Duration::from_millis(50);

/// Every topic that anybody here uses, by its name in the contract.
const TOPICS: [&str; 7] = [
    "workflow.execution.requests",
    "workflow.cancellation.requests",
    "orchestrator.tasks.http",
    "results.topic",
    "workflow.monitoring.updates",
    "workflow.run.events",
    "workflow.dead.letters",
];

/// A database and topics. Declare it before what is started on it, so that it goes last.
pub(crate) struct House {
    pub(crate) pool: PgPool,
    pub(crate) cluster: Cluster,
}

impl House {
    /// An empty database, and topics of three partitions.
    pub(crate) async fn new() -> Self {
        Self::with_partitions(3).await
    }

    async fn with_partitions(partitions: i32) -> Self {
        let cluster = Cluster::new().await.for_all(&["--lease-seconds", "3"]);
        make_topics(&cluster, partitions).await;
        let pool = PgPool::connect(cluster.database_url()).await.expect("the database lets tests in");
        Self { pool, cluster }
    }

    /// A database as the old system leaves it, with a few rows of each kind.
    pub(crate) async fn of_the_old_system() -> Self {
        Self::of_the_old_system_with(3).await
    }

    pub(crate) async fn of_the_old_system_with(partitions: i32) -> Self {
        let house = Self::with_partitions(partitions).await;
        let old = include_str!("../../../migration/tests/old_system.sql");
        sqlx::raw_sql(old).execute(&house.pool).await.expect("the old system's tables can be made");
        house
    }

    /// A part of Orrery.
    pub(crate) async fn start(&self, role: &str, more: &[&str]) -> Orrery {
        self.cluster.start(role, more).await
    }

    /// For components of the old system, which look agents up at a part of ours.
    pub(crate) fn around(&self, registry: &Orrery) -> Surroundings {
        Surroundings {
            brokers: self.cluster.topics.brokers().to_owned(),
            topics: Names::of(&self.cluster.topics),
            database: self.cluster.database_url().to_owned(),
            registry: registry.registry(),
        }
    }

    /// The same for those that look nobody up.
    pub(crate) fn around_alone(&self) -> Surroundings {
        Surroundings {
            brokers: self.cluster.topics.brokers().to_owned(),
            topics: Names::of(&self.cluster.topics),
            database: self.cluster.database_url().to_owned(),
            registry: "http://127.0.0.1:1".to_owned(),
        }
    }

    pub(crate) fn old_api(&self) -> OldApi {
        OldApi::new(&self.pool, &self.around_alone())
    }

    /// The row of a run, as the old programs see it.
    pub(crate) async fn row(&self, run: &str) -> Option<Value> {
        let row =
            "SELECT jsonb_build_object('run_id', run_id, 'workflow_id', workflow_id, 'workflow_name', workflow_name,
                     'workflow_definition_id', workflow_definition_id, 'status', status, 'input_data', input_data,
                     'triggered_by', triggered_by, 'created_at', created_at, 'updated_at', updated_at,
                     'completed_at', completed_at, 'cancelled_at', cancelled_at, 'cancelled_by', cancelled_by,
                     'error_message', error_message)
                   FROM workflow_runs WHERE run_id = $1";
        sqlx::query_scalar(row).bind(run).fetch_optional(&self.pool).await.expect("runs can be read")
    }

    /// The rows of its steps, as the old programs see them.
    pub(crate) async fn step_rows(&self, run: &str) -> Vec<Value> {
        let rows = "SELECT jsonb_build_object('id', id, 'run_id', run_id, 'step_id', step_id, 'step_name', step_name,
                      'agent_name', agent_name, 'status', status, 'input_data', input_data, 'output_data', output_data,
                      'started_at', started_at, 'completed_at', completed_at, 'error_message', error_message,
                      'parent_step_id', parent_step_id, 'branch_name', branch_name, 'join_policy', join_policy)
                    FROM step_executions WHERE run_id = $1 ORDER BY started_at, id";
        sqlx::query_scalar(rows).bind(run).fetch_all(&self.pool).await.expect("steps can be read")
    }

    /// Waits until the row of a run has a status, and answers the row. One that ended otherwise fails the test at once.
    pub(crate) async fn reaches(&self, run: &str, status: &str) -> Value {
        eventually_within(PATIENCE, &format!("the row of {run} is {status}"), async || {
            let row = self.row(run).await?;
            let now = row["status"].as_str().unwrap_or_default();
            let ended = matches!(now, "COMPLETED" | "FAILED" | "CANCELLED");
            assert!(!ended || now == status, "{run} is {now} and will not be {status}: {row}");
            (now == status).then_some(row)
        })
        .await
    }

    /// So many records of a topic, by its name in the contract.
    pub(crate) async fn records(&self, topic: &str, count: usize) -> Vec<OwnedMessage> {
        let (brokers, topic) = (self.cluster.topics.brokers().to_owned(), self.cluster.topics.name(topic));
        let look = move || {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", &brokers).set("group.id", "a-test-that-looks");
            config.set("enable.auto.commit", "false").set("fetch.wait.max.ms", "50");
            let consumer: BaseConsumer = config.create().expect("a consumer");
            let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE).expect("the broker answers");
            let mut all = TopicPartitionList::new();
            for partition in metadata.topics()[0].partitions() {
                all.add_partition_offset(&topic, partition.id(), Offset::Beginning).expect("a partition");
            }
            consumer.assign(&all).expect("an assignment");
            let deadline = std::time::Instant::now() + PATIENCE;
            let mut seen = Vec::new();
            while seen.len() < count {
                assert!(std::time::Instant::now() < deadline, "{} of {count} records on {topic}", seen.len());
                seen.extend(consumer.poll(LOOK).and_then(Result::ok).map(|record| record.detach()));
            }
            seen
        };
        tokio::task::spawn_blocking(look).await.expect("the reader does not panic")
    }
}

async fn make_topics(cluster: &Cluster, partitions: i32) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.topics.brokers());
    let admin: AdminClient<DefaultClientContext> = config.create().expect("a client can be made");
    let names = TOPICS.map(|name| cluster.topics.name(name));
    let topics: Vec<_> = names.iter().map(|name| NewTopic::new(name, partitions, TopicReplication::Fixed(1))).collect();
    let made = admin.create_topics(&topics, &AdminOptions::new()).await.expect("the broker answers");
    for made in made {
        made.expect("a topic can be made");
    }
}

/// The value of a record.
pub(crate) fn json(record: &OwnedMessage) -> Value {
    serde_json::from_slice(record.payload().expect("the record has a value")).expect("the record is JSON")
}

/// A header of a record.
pub(crate) fn header(record: &OwnedMessage, name: &str) -> String {
    let headers = record.headers().expect("the record has headers");
    let found = headers.iter().find(|header| header.key == name).and_then(|header| header.value);
    String::from_utf8_lossy(found.unwrap_or_else(|| panic!("no header {name}"))).into_owned()
}

/// Whatever came twice: each step of a run has one row, COMPLETED, and the agent was called so often at most, with the same
/// bytes under the same message id.
pub(crate) async fn assert_one_message_for_each_step(house: &House, run: &str, steps: &[String], most: u64) {
    let rows = house.step_rows(run).await;
    let states: Vec<_> = rows.iter().map(|row| (row["step_id"].as_str(), row["status"].as_str())).collect();
    let expected: Vec<_> = steps.iter().map(|step| (Some(step.as_str()), Some("COMPLETED"))).collect();
    assert_eq!(states, expected, "one row for each step of {run}");
    let calls = house.cluster.agents.calls().await;
    for step in steps {
        let [(message, count)] = calls.of_step(step)[..] else { panic!("{step}: {:?}", calls.of_step(step)) };
        assert!((1..=most).contains(&count), "{step} was called {count} times");
        let mut digests = calls.digests_of(message);
        digests.dedup();
        assert_eq!(digests.len(), 1, "the calls of {step} have the same bytes");
    }
}
