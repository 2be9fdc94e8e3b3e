//! The floors under every figure: what the same server does with the smallest possible durable commit, for which it needs
//! no schema, and what it does with the commits of runs when nothing else has to be done.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{
    Timestamp,
    access::Actor,
    agents::AgentName,
    audit::AuditEntry,
    ids::{AuditId, CommitId, Epoch, ExecutorId, PlanHash, RunId, Seq, StepId, StepPath, WorkflowId},
    payload::Payload,
    ports::{RunJournal, StoreError, Vault},
    runs::{
        AdvanceRun, ClosedAttempt, CommitOutcome, Labels, Outward, RunCommit, RunEvent, RunOrigin, RunStatus, StartRun,
        Wake,
    },
};
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{ConnectError, PgStore, connect};

/// As large as the row of the floor of the other store.
const BODY: usize = 100;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Commits that were made, one row each.
    pub commits: u64,
    /// The time that they took, all connections at once.
    pub elapsed: Duration,
    /// The latency that half of the commits stayed below.
    pub p50: Duration,
    /// The latency that 99 of 100 commits stayed below.
    pub p99: Duration,
}

impl Floor {
    /// Commits per second, of all connections together.
    pub fn per_second(&self) -> f64 {
        if self.elapsed.is_zero() { 0.0 } else { count(self.commits) / self.elapsed.as_secs_f64() }
    }
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum FloorError {
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] ConnectError),
    /// The database cannot be reached, or refuses a statement.
    #[error("the database does not do what is measured")]
    Database(#[from] sqlx::Error),
    /// A connection's work ended with a panic.
    #[error("the work on a connection has panicked")]
    Panicked(#[from] tokio::task::JoinError),
    /// The journal does not take what runs write.
    #[error("the journal does not take what is measured")]
    Journal(#[from] StoreError),
    /// The journal refuses a commit that nothing stands against.
    #[error("the journal answers {0:?} where a commit is due")]
    Refused(CommitOutcome),
}

/// What the journal does with whole batches, when there is neither an engine nor an agent nor a bus.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct JournalFloor {
    /// Runs that were started per second, each with its entry of the audit log.
    pub starts_per_second: f64,
    /// The same without these entries, which no start of a person lacks: what they cost.
    pub unaudited_starts_per_second: f64,
    /// Steps that were closed, each with the dispatch of the next one, per second.
    pub steps_per_second: f64,
}

/// Starts runs and takes them from step to step as fast as the journal takes their commits, in batches of this size, two at a
/// time. The schema must be there; the rows stay.
pub async fn floor_journal(
    url: &str,
    batch: usize,
    duration: Duration,
    vault: Arc<dyn Vault>,
) -> Result<JournalFloor, FloorError> {
    let mut keeper = connect::options(url)?.connect().await?;
    let workflow = WorkflowId::new(Uuid::from_u128(1));
    let definition =
        "INSERT INTO workflow_definitions (id, name, workflow_data) VALUES ($1, 'floor', '{}') ON CONFLICT DO NOTHING";
    sqlx::query(definition).bind(workflow.uuid()).execute(&mut keeper).await?;
    keeper.close().await?;
    let store = PgStore::connect(url, vault).await?;
    let mut lanes = JoinSet::new();
    for number in 1..=2_u128 {
        let lane = Lane { store: store.clone(), workflow, batch, duration, ids: number << 64 };
        lanes.spawn(lane.measure());
    }
    let mut floor = JournalFloor::default();
    while let Some(lane) = lanes.join_next().await {
        let lane = lane??;
        floor.starts_per_second += lane.starts_per_second;
        floor.unaudited_starts_per_second += lane.unaudited_starts_per_second;
        floor.steps_per_second += lane.steps_per_second;
    }
    Ok(floor)
}

/// One batch after the other.
struct Lane {
    store: PgStore,
    workflow: WorkflowId,
    batch: usize,
    duration: Duration,
    /// Counts up, so that ids are ordered as those of real runs are.
    ids: u128,
}

impl Lane {
    async fn measure(mut self) -> Result<JournalFloor, FloorError> {
        let mut runs = Vec::new();
        // In turns, so that what grows slower with the tables is the same for both.
        let (mut rates, turns) = ([0.0, 0.0], 4_u32);
        for turn in 0..2 * turns {
            let (audited, mut starts, began) = (turn % 2 == 1, 0, Instant::now());
            while began.elapsed() < self.duration / turns || runs.is_empty() {
                runs = (0..self.batch).map(|_| RunId::mint(self.id())).collect::<Vec<_>>();
                let batch = runs.iter().map(|run| self.start(run, audited)).collect();
                self.commit(batch).await?;
                starts += runs.len() as u64;
            }
            rates[usize::from(audited)] += count(starts) / began.elapsed().as_secs_f64() / f64::from(turns);
        }
        let [unaudited_starts_per_second, starts_per_second] = rates;
        let (mut steps, mut seq) = (0, Seq::new(2));
        let began = Instant::now();
        while began.elapsed() < self.duration {
            let batch = runs.iter().map(|run| self.advance(run, seq)).collect();
            self.commit(batch).await?;
            steps += runs.len() as u64;
            seq = seq.next().next();
        }
        let steps_per_second = count(steps) / began.elapsed().as_secs_f64();
        Ok(JournalFloor { starts_per_second, unaudited_starts_per_second, steps_per_second })
    }

    fn id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    async fn commit(&self, batch: Vec<RunCommit>) -> Result<(), FloorError> {
        let outcomes = self.store.commit(Arc::from(batch)).await?;
        let refused = outcomes.into_iter().find(|outcome| *outcome != CommitOutcome::Committed);
        refused.map_or(Ok(()), |refused| Err(FloorError::Refused(refused)))
    }

    /// As the engine writes the start of a run whose first step calls an agent.
    fn start(&mut self, run: &RunId, audited: bool) -> RunCommit {
        let plan = PlanHash::new([0; 32]);
        let mut start = StartRun {
            commit: CommitId::new(self.id()),
            run: run.clone(),
            workflow: self.workflow,
            workflow_name: "floor".to_owned(),
            workflow_version: 1,
            plan,
            input: payload(),
            triggered_by: "floor".to_owned(),
            labels: Labels::default(),
            at: Timestamp::UNIX_EPOCH,
            starts_at: None,
            events: vec![RunEvent::Started { plan, parent: None, starts_at: None, trace: None }, dispatched()],
            status: RunStatus::Running,
            owner: Some(ExecutorId::new(Uuid::nil())),
            parent: None,
            audit: None,
        };
        if audited {
            let by = Actor { request: Some(self.id().to_string()), ..Actor::named("key:floor") };
            start.audit = Some(Arc::new(AuditEntry::of_start(AuditId::new(self.id()), &by, &start)));
        }
        RunCommit::Start(start)
    }

    /// As the engine writes a step in the midst of a run: it has succeeded, and its successor is dispatched.
    fn advance(&mut self, run: &RunId, seq: Seq) -> RunCommit {
        RunCommit::Advance(AdvanceRun {
            commit: CommitId::new(self.id()),
            run: run.clone(),
            epoch: Epoch::new(1),
            seq,
            at: Timestamp::UNIX_EPOCH,
            origin: RunOrigin { from: None, since: Timestamp::UNIX_EPOCH },
            events: vec![RunEvent::StepSucceeded { path: path(), execution: seq }, dispatched()],
            closed: vec![ClosedAttempt {
                execution: seq,
                step: step(),
                path: path(),
                agent: agent(),
                attempt: 1,
                generation: 0,
                round: 0,
                input: payload(),
                output: Some(payload()),
                error: None,
                started_at: Timestamp::UNIX_EPOCH,
                completed_at: Timestamp::UNIX_EPOCH,
            }],
            update: None,
            drained: Vec::new(),
            wake: Wake::Owned,
            outward: Outward::default(),
        })
    }
}

fn agent() -> AgentName {
    AgentName::parse("floor").unwrap_or_else(|_| unreachable!("it is a name"))
}

fn dispatched() -> RunEvent {
    RunEvent::StepDispatched { path: path(), attempt: 1, generation: 0, round: 0, until: None }
}

fn step() -> StepId {
    StepId::parse("floor").unwrap_or_else(|_| unreachable!("it is an id"))
}

fn path() -> StepPath {
    step().top_level()
}

fn payload() -> Payload {
    Payload::from_stored(format!(r#"{{"text":"{}"}}"#, "x".repeat(BODY)))
}

/// Commits single-row inserts on so many connections at once, one after the other on each, for about as long as it is told.
/// The rows go into a table of their own, which is dropped afterwards.
pub async fn floor_commits(url: &str, connections: usize, duration: Duration) -> Result<Floor, FloorError> {
    let options = connect::options(url)?;
    let mut keeper = options.connect().await?;
    // One that was killed half-way has left its own.
    let create = "DROP TABLE IF EXISTS orrery_bench_floor;
                  CREATE TABLE orrery_bench_floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL)";
    sqlx::raw_sql(create).execute(&mut keeper).await?;
    let measured = measure(&options, connections, duration).await;
    sqlx::raw_sql("DROP TABLE orrery_bench_floor").execute(&mut keeper).await?;
    keeper.close().await?;
    measured
}

async fn measure(options: &PgConnectOptions, connections: usize, duration: Duration) -> Result<Floor, FloorError> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = options.connect().await?;
        // Prepares the statement.
        insert(&mut connection).await?;
        open.push(connection);
    }
    let began = Instant::now();
    let mut working = JoinSet::new();
    for connection in open {
        working.spawn(inserts(connection, began + duration));
    }
    let mut latencies = Vec::new();
    while let Some(of_one) = working.join_next().await {
        latencies.extend(of_one??);
    }
    Ok(summary(latencies, began.elapsed()))
}

async fn inserts(mut connection: PgConnection, end: Instant) -> Result<Vec<Duration>, sqlx::Error> {
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let one = Instant::now();
        insert(&mut connection).await?;
        latencies.push(one.elapsed());
    }
    Ok(latencies)
}

/// Outside of a transaction a statement commits by itself.
async fn insert(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("INSERT INTO orrery_bench_floor (body) VALUES ($1)").bind("x".repeat(BODY));
    insert.execute(connection).await.map(drop)
}

fn summary(mut latencies: Vec<Duration>, elapsed: Duration) -> Floor {
    latencies.sort_unstable();
    let at = |percent: usize| {
        let rank = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
        latencies.get(rank).copied().unwrap_or_default()
    };
    Floor { commits: latencies.len() as u64, elapsed, p50: at(50), p99: at(99) }
}

#[expect(clippy::cast_precision_loss, reason = "a count of commits is far below 2^52")]
fn count(commits: u64) -> f64 {
    commits as f64
}

#[cfg(test)]
mod tests {
    use adapters_auth::{AeadVault, Keyring};

    use super::*;

    #[test]
    fn commits_of_all_connections_count_against_the_time_that_passed() {
        let latencies = (1..=200).map(Duration::from_millis).collect();
        let floor = summary(latencies, Duration::from_secs(4));
        assert!((floor.per_second() - 50.0).abs() < 1e-9);
        assert_eq!((floor.p50, floor.p99), (Duration::from_millis(101), Duration::from_millis(199)));
    }

    #[tokio::test]
    async fn rows_are_committed_and_nothing_is_left_of_them() {
        let database = dev_services::Database::new(None).await;
        let floor = floor_commits(database.url(), 2, Duration::from_millis(100)).await.expect("it is measured");
        assert!(floor.commits > 0 && floor.p50 <= floor.p99);
        let mut connection = PgConnection::connect(database.url()).await.expect("it is there");
        let gone: bool = sqlx::query_scalar("SELECT to_regclass('orrery_bench_floor') IS NULL")
            .fetch_one(&mut connection)
            .await
            .expect("an answer");
        assert!(gone, "the table stays");
    }

    #[tokio::test]
    async fn the_journal_takes_what_is_measured() {
        let database = dev_services::Database::new(None).await;
        migration::up(database.url()).await.expect("the schema can be made");
        let keys = Keyring::parse(&Keyring::fresh_line("bench")).expect("it is a key");
        let floor = floor_journal(database.url(), 8, Duration::from_millis(100), AeadVault::new(&keys)).await;
        let floor = floor.expect("it is measured");
        assert!(floor.starts_per_second > 0.0 && floor.steps_per_second > 0.0);
    }

    #[test]
    fn nothing_measured_is_no_division_by_zero() {
        assert!(summary(Vec::new(), Duration::ZERO).per_second().abs() < 1e-9);
    }
}
