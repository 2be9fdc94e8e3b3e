//! How many steps per second the store makes durable, in batches of several sizes, next to the floor of the same folder.
//!
//! `cargo run --release -p adapters-sqlite --example throughput [folder [seconds per size]]`

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use adapters_auth::{AeadVault, Keyring};
use adapters_sqlite::{OpenError, SqliteStore, floor::floor_commits};
use domain::{
    access::Actor,
    agents::{AgentName, InvalidAgent},
    audit::AuditEntry,
    ids::{AuditId, CommitId, Epoch, ExecutorId, InvalidId, PlanHash, RunId, Seq, StepId, WorkflowId},
    payload::{NotStorable, Payload},
    ports::{RunJournal, StoreError},
    runs::{
        AdvanceRun, ClosedAttempt, CommitOutcome, Labels, Outward, RunCommit, RunEvent, RunOrigin, RunStatus,
        RunUpdate, StartRun, Wake,
    },
};
use uuid::Uuid;

const STEPS: u64 = 10;

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Agent(#[from] InvalidAgent),
    #[error(transparent)]
    Id(#[from] InvalidId),
    #[error(transparent)]
    Payload(#[from] NotStorable),
    #[error("a commit was {0:?}")]
    Refused(CommitOutcome),
}

/// A run that takes one step after the other.
struct Load {
    step: StepId,
    agent: AgentName,
    payload: Payload,
    made: u128,
}

impl Load {
    fn unique(&mut self) -> Uuid {
        self.made += 1;
        // Ordered like UUIDv7.
        Uuid::from_u128((self.made << 64) | (1 << 63))
    }

    fn start(&mut self, audited: bool) -> RunCommit {
        let now = domain::Timestamp::UNIX_EPOCH;
        let plan = PlanHash::new([1; 32]);
        let mut start = StartRun {
            commit: CommitId::new(self.unique()),
            run: RunId::mint(self.unique()),
            workflow: WorkflowId::new(Uuid::from_u128(1)),
            workflow_name: "throughput".to_owned(),
            workflow_version: 1,
            plan,
            input: self.payload.clone(),
            triggered_by: "example".to_owned(),
            labels: Labels::default(),
            at: now,
            starts_at: None,
            events: vec![RunEvent::Started { plan, parent: None, starts_at: None, trace: None }, self.dispatched()],
            status: RunStatus::Running,
            owner: Some(ExecutorId::new(Uuid::from_u128(1))),
            parent: None,
            audit: None,
        };
        if audited {
            let by = Actor { request: Some(self.unique().to_string()), ..Actor::named("key:example") };
            start.audit = Some(Arc::new(AuditEntry::of_start(AuditId::new(self.unique()), &by, &start)));
        }
        RunCommit::Start(start)
    }

    fn dispatched(&self) -> RunEvent {
        RunEvent::StepDispatched { path: self.step.top_level(), attempt: 1, generation: 0, round: 0, until: None }
    }

    /// Closes the step that is under way; the last one ends the run.
    fn step(&mut self, run: &RunId, done: u64) -> RunCommit {
        let now = domain::Timestamp::UNIX_EPOCH;
        let last = done + 1 == STEPS;
        let execution = Seq::new(2 + 2 * done);
        let next = if last { RunEvent::RunCompleted } else { self.dispatched() };
        let closed = ClosedAttempt {
            execution,
            step: self.step.clone(),
            path: self.step.top_level(),
            agent: self.agent.clone(),
            attempt: 1,
            generation: 0,
            round: 0,
            input: self.payload.clone(),
            output: Some(self.payload.clone()),
            error: None,
            started_at: now,
            completed_at: now,
        };
        RunCommit::Advance(AdvanceRun {
            drained: Vec::new(),
            commit: CommitId::new(self.unique()),
            run: run.clone(),
            epoch: Epoch::new(1),
            seq: execution,
            at: now,
            origin: RunOrigin { from: None, since: now },
            events: vec![RunEvent::StepSucceeded { path: self.step.top_level(), execution }, next],
            closed: vec![closed],
            update: last.then_some(RunUpdate::to(RunStatus::Completed, None)),
            outward: Outward::default(),
            wake: if last { Wake::Never } else { Wake::Owned },
        })
    }
}

/// Four batches' worth of runs are alive, so that neighbours in a batch are not the same from one to the next.
async fn measure(store: &SqliteStore, load: &mut Load, batch: usize, time: Duration) -> Result<(), Failed> {
    let (mut steps, mut stepping, mut starting) = (0_u32, Duration::ZERO, [Duration::ZERO; 2]);
    let mut started = [0_u32; 2];
    let mut latencies = Vec::new();
    while stepping < time {
        // In turns, so that what grows slower with the tables is the same for both.
        let audited = usize::from(started[0] > started[1]);
        let starts: Vec<RunCommit> = (0..4 * batch).map(|_| load.start(audited == 1)).collect();
        let runs: Vec<RunId> = starts.iter().map(|start| start.run().clone()).collect();
        for starts in starts.chunks(batch) {
            started[audited] += u32::try_from(starts.len()).unwrap_or(u32::MAX);
            starting[audited] += commit(store, starts.to_vec()).await?;
        }
        for done in 0..STEPS {
            for runs in runs.chunks(batch) {
                let took = commit(store, runs.iter().map(|run| load.step(run, done)).collect()).await?;
                stepping += took;
                latencies.push(took);
                steps += u32::try_from(runs.len()).unwrap_or(u32::MAX);
            }
        }
    }
    latencies.sort_unstable();
    let per_second = f64::from(steps) / stepping.as_secs_f64();
    let [unaudited, starts] = [0, 1].map(|n| f64::from(started[n]) / starting[n].as_secs_f64());
    let (p50, p99) = (latencies[latencies.len() / 2], latencies[latencies.len() * 99 / 100]);
    println!(
        "batch {batch:>3}: {per_second:>7.0} steps/s, {starts:>7.0} starts/s ({unaudited:.0} unaudited), p50 {p50:?}, p99 {p99:?} per batch"
    );
    Ok(())
}

async fn commit(store: &SqliteStore, batch: Vec<RunCommit>) -> Result<Duration, Failed> {
    let began = Instant::now();
    let outcomes = store.commit(batch.into()).await?;
    let took = began.elapsed();
    match outcomes.into_iter().find(|outcome| *outcome != CommitOutcome::Committed) {
        Some(refused) => Err(Failed::Refused(refused)),
        None => Ok(took),
    }
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let folder = std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("orrery-throughput"), PathBuf::from);
    let seconds = std::env::args().nth(2).and_then(|seconds| seconds.parse().ok()).unwrap_or(2);
    let time = Duration::from_secs(seconds);
    let floor = floor_commits(&folder, time)?;
    println!("floor: {:.0} single-row commits/s, p50 {:?}, p99 {:?}", floor.per_second(), floor.p50, floor.p99);
    let mut load = Load {
        step: StepId::parse("translate")?,
        agent: AgentName::parse("translator")?,
        payload: Payload::new(serde_json::json!({"text": "x".repeat(180)}))?,
        made: 0,
    };
    for batch in [1, 16, 64, 256] {
        // A store of its own for each size: ids begin anew.
        let folder = folder.join(batch.to_string());
        let keyring = Keyring::parse(&Keyring::fresh_line("bench")).expect("it is a key");
        let store = SqliteStore::open(&folder, AeadVault::new(&keyring))?;
        load.made = 0;
        measure(&store, &mut load, batch, time).await?;
        drop(store);
        // What stays behind does no harm.
        let _ = std::fs::remove_dir_all(folder);
    }
    Ok(())
}
