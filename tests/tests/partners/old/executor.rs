//! The execution consumer of contract 3.4. It keeps only the first record of what it polls and drops the rest, starts
//! whatever it is asked for, refuses plans that 5.1 refuses, and on a cancellation stops without a word.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use serde_json::Value;
use tokio::{
    sync::{Notify, mpsc},
    task::{AbortHandle, JoinSet},
};

use super::{Surroundings, kafka, kafka::Producer, plan::OldPlan, registry::RegistryClient, run::OldRun};

/// How long a poll waits for a record.
const POLL: Duration = Duration::from_millis(100);

/// How long a broker may take to answer.
const ANSWER: Duration = Duration::from_mins(1);

/// What goes wrong in it besides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExecutorHabits {
    /// So many execution requests are lost by a crash right after their offsets were committed.
    pub(crate) loses_requests: usize,
    /// So many cancellations of each run go down in a batch.
    pub(crate) loses_cancellations: usize,
    /// Every task of it is sent twice.
    pub(crate) doubles_tasks: bool,
}

/// What it has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The runs that it has begun, once for each time.
    pub(crate) begun: Vec<String>,
    /// The runs that it was asked to cancel, once for each time.
    pub(crate) cancellations: Vec<String>,
    /// How many records it has dropped because they came in a batch.
    pub(crate) dropped: usize,
    /// What it has refused, and why.
    pub(crate) refused: Vec<String>,
    /// Statements that failed.
    pub(crate) troubles: Vec<String>,
    /// A record by which its partition is stuck for good.
    pub(crate) stuck: Option<String>,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Seen>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The old executor. Dropping it is a crash: rows stay as they are.
pub(crate) struct OldExecutor {
    shared: Shared,
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
    _serving: JoinSet<()>,
}

impl OldExecutor {
    pub(crate) fn start(around: &Surroundings, habits: ExecutorHabits) -> Self {
        let (shared, stop) = (Shared::default(), Arc::new(AtomicBool::new(false)));
        let (sender, records) = mpsc::unbounded_channel();
        let results = Results::default();
        let polling = Polling { around: around.clone(), shared: shared.clone(), stop: Arc::clone(&stop) };
        let reading = Reading { around: around.clone(), results: results.clone(), stop: Arc::clone(&stop) };
        let threads = vec![thread::spawn(move || polling.poll(&sender)), thread::spawn(move || reading.read())];
        let mut serving = JoinSet::new();
        let server = Server {
            around: Arc::new(around.clone()),
            registry: Arc::new(RegistryClient::new(&around.registry)),
            producer: Producer::new(&around.brokers),
            results,
            shared: shared.clone(),
            habits,
        };
        serving.spawn(server.serve(records));
        Self { shared, stop, threads, _serving: serving }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.shared.lock().clone()
    }
}

impl Drop for OldExecutor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic of it was shown already.
            let _ended = thread.join();
        }
    }
}

/// The wrapper's `consume_one`.
struct Polling {
    around: Surroundings,
    shared: Shared,
    stop: Arc<AtomicBool>,
}

impl Polling {
    fn poll(&self, sender: &mpsc::UnboundedSender<Value>) {
        let topics = &self.around.topics;
        let consumer: BaseConsumer =
            kafka::consumer(&self.around.brokers, &topics.group).create().expect("a consumer can be made");
        consumer.subscribe(&[&topics.executions, &topics.cancellations]).expect("topics can be subscribed to");
        while !self.stop.load(Ordering::Relaxed) {
            let Some(Ok(first)) = consumer.poll(POLL) else { continue };
            let value: Option<Value> = serde_json::from_slice(first.payload().unwrap_or_default()).ok();
            let Some(value) = value.filter(Value::is_object) else {
                // Raised inside `poll`: the position does not move any more (contract 3.2).
                self.shared.lock().stuck = Some(String::from_utf8_lossy(first.payload().unwrap_or_default()).into());
                return;
            };
            while consumer.poll(Duration::ZERO).is_some_and(|record| record.is_ok()) {
                self.shared.lock().dropped += 1;
            }
            if sender.send(value).is_err() {
                return;
            }
        }
    }
}

/// The results of all tasks, from the earliest. The old executor has a consumer for each run, which sees the same.
struct Reading {
    around: Surroundings,
    results: Results,
    stop: Arc<AtomicBool>,
}

impl Reading {
    fn read(&self) {
        let (brokers, topic) = (&self.around.brokers, &self.around.topics.results);
        let consumer: BaseConsumer = kafka::consumer(brokers, "executor-group")
            .set("enable.auto.commit", "false")
            .create()
            .expect("a consumer can be made");
        let metadata = consumer.fetch_metadata(Some(topic), ANSWER).expect("a broker answers");
        let mut all = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            all.add_partition_offset(topic, partition.id(), Offset::Beginning).expect("an offset");
        }
        consumer.assign(&all).expect("partitions can be assigned");
        while !self.stop.load(Ordering::Relaxed) {
            let Some(Ok(record)) = consumer.poll(POLL) else { continue };
            let result: Value = serde_json::from_slice(record.payload().unwrap_or_default()).unwrap_or_default();
            self.results.add(result);
        }
    }
}

/// Results by correlation id.
#[derive(Clone, Default)]
pub(crate) struct Results(Arc<(Mutex<HashMap<String, Value>>, Notify)>);

impl Results {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Value>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, result: Value) {
        let has_all = ["run_id", "task_id", "status"].iter().all(|member| result[member].is_string());
        if let Some(correlation) = result["correlation_id"].as_str().filter(|_| has_all) {
            let correlation = correlation.to_owned();
            self.lock().insert(correlation, result);
            self.0.1.notify_waiters();
        }
    }

    /// Waits for the result of a task.
    pub(crate) async fn of(&self, correlation: &str) -> Value {
        loop {
            let added = self.0.1.notified();
            tokio::pin!(added);
            added.as_mut().enable();
            if let Some(result) = self.lock().get(correlation) {
                return result.clone();
            }
            added.await;
        }
    }
}

/// The consumer's loop: one task for each message, without a limit.
struct Server {
    around: Arc<Surroundings>,
    registry: Arc<RegistryClient>,
    producer: Producer,
    results: Results,
    shared: Shared,
    habits: ExecutorHabits,
}

impl Server {
    async fn serve(mut self, mut records: mpsc::UnboundedReceiver<Value>) {
        let mut active: HashMap<String, AbortHandle> = HashMap::new();
        let mut runs = JoinSet::new();
        while let Some(record) = records.recv().await {
            let kind = record["message_type"].as_str();
            let Some(run) = record["run_id"].as_str() else { continue };
            if kind == Some("execution_request") || (kind.is_none() && record["workflow_plan"].is_object()) {
                if self.habits.loses_requests > 0 {
                    self.habits.loses_requests -= 1;
                } else if let Some(run) = self.accepted(run, &record) {
                    let (id, shared) = (run.run.clone(), self.shared.clone());
                    shared.lock().begun.push(id.clone());
                    let handle = runs.spawn(async move {
                        if let Err(error) = run.execute().await {
                            shared.lock().troubles.push(error.to_string());
                        }
                    });
                    active.insert(id, handle);
                }
            } else if kind == Some("cancellation_request") {
                let told = self.told_to_cancel(run);
                if let Some(active) = active.get(run).filter(|_| told > self.habits.loses_cancellations) {
                    active.abort();
                }
            }
        }
    }

    /// How often it has been told so by now.
    fn told_to_cancel(&self, run: &str) -> usize {
        let mut seen = self.shared.lock();
        seen.cancellations.push(run.to_owned());
        seen.cancellations.iter().filter(|told| *told == run).count()
    }

    fn accepted(&self, run: &str, record: &Value) -> Option<OldRun> {
        let plan = match OldPlan::accept(&record["workflow_plan"]) {
            Ok(plan) => plan,
            Err(why) => {
                self.shared.lock().refused.push(why);
                return None;
            }
        };
        let input = record.get("input_data").cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        Some(OldRun {
            run: run.to_owned(),
            plan,
            input,
            around: Arc::clone(&self.around),
            registry: Arc::clone(&self.registry),
            producer: self.producer.clone(),
            results: self.results.clone(),
            doubles_tasks: self.habits.doubles_tasks,
        })
    }
}
