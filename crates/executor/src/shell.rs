//! The thin shell around the [`EngineCore`]: one task that feeds it, one that claims runs, one per call under way.
//!
//! The only file of this crate that spawns.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use application::plans::PlanCache;
use domain::{
    agents::RetryPolicy,
    ids::{ExecutorId, RunId, StepPath},
    ports::{Adopted, AgentGateway, Agents, Clock, Engine, IdGenerator, RunLeases, Runs, StoreError},
    runs::{AgentCall, CallFailure, CallOutcome},
};
use tokio::{
    sync::{Notify, mpsc},
    task::AbortHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    core::{Effect, EngineCore, EngineInput},
    directory::{AgentDirectory, Found},
    loading::{Loaded, RunLoader},
    writer::CommitQueue,
};

/// What the engine needs.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its type")]
pub struct EnginePorts {
    pub agents: Arc<dyn Agents>,
    pub runs: Arc<dyn Runs>,
    pub leases: Arc<dyn RunLeases>,
    pub gateway: Arc<dyn AgentGateway>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
    pub plans: Arc<PlanCache>,
}

/// The engine's settings.
#[derive(Debug, Clone, Copy)]
pub struct EngineConfig {
    /// The most runs that are owned at once.
    pub capacity: usize,
    /// The time between two looks for runs that nobody announced.
    pub scan_every: Duration,
    /// How long a drain waits for calls under way before it cuts them.
    pub drain_for: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { capacity: 10_000, scan_every: Duration::from_millis(200), drain_for: Duration::from_secs(10) }
    }
}

/// The engine as the rest of the process sees it. Cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    me: ExecutorId,
    inbox: mpsc::UnboundedSender<EngineInput>,
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

struct Shared {
    owned: AtomicUsize,
    capacity: usize,
    draining: AtomicBool,
    bell: Notify,
    ended: Notify,
    stop: CancellationToken,
}

impl Engine for EngineHandle {
    fn offer(&self) -> Option<ExecutorId> {
        let free = self.shared.owned.load(Ordering::Relaxed) < self.shared.capacity;
        (free && !self.shared.draining.load(Ordering::Relaxed)).then_some(self.me)
    }

    fn adopt(&self, run: Adopted) {
        let _ = self.inbox.send(EngineInput::Adopted(run));
    }

    fn ring(&self) {
        self.shared.bell.notify_one();
    }

    fn cancelled(&self, _: &RunId) {
        // The store knows whose run it was, and under which epoch.
        self.shared.ended.notify_one();
    }
}

impl EngineHandle {
    /// Takes no more runs, waits for calls under way, gives everything back. Answers when all of that is done.
    pub async fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
        self.shared.stop.cancel();
        self.tasks.wait().await;
    }
}

/// Starts the engine's tasks. They end by [`EngineHandle::drain`].
pub fn spawn(me: ExecutorId, ports: EnginePorts, writer: CommitQueue, config: EngineConfig) -> EngineHandle {
    let (inbox, inputs) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        owned: AtomicUsize::new(0),
        capacity: config.capacity,
        draining: AtomicBool::new(false),
        bell: Notify::new(),
        ended: Notify::new(),
        stop: CancellationToken::new(),
    });
    let tasks = TaskTracker::new();
    let handle = EngineHandle { me, inbox: inbox.clone(), shared: Arc::clone(&shared), tasks: tasks.clone() };
    let loader = RunLoader::new(Arc::clone(&ports.runs), Arc::clone(&ports.plans));
    let claimer =
        Claimer { me, ports: ports.clone(), loader: loader.clone(), inbox: inbox.clone(), shared: Arc::clone(&shared) };
    let shell = Shell {
        core: EngineCore::new(Arc::clone(&ports.ids)),
        directory: Arc::new(AgentDirectory::new(Arc::clone(&ports.agents))),
        calls: HashMap::new(),
        me,
        ports,
        loader,
        writer,
        inbox,
        shared,
        tasks: tasks.clone(),
    };
    tasks.spawn(claimer.run(config.scan_every));
    tasks.spawn(shell.run(inputs, config.drain_for));
    tasks.close();
    handle
}

struct Shell {
    me: ExecutorId,
    core: EngineCore,
    ports: EnginePorts,
    loader: RunLoader,
    writer: CommitQueue,
    directory: Arc<AgentDirectory>,
    inbox: mpsc::UnboundedSender<EngineInput>,
    calls: HashMap<(RunId, StepPath), AbortHandle>,
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

impl Shell {
    async fn run(mut self, mut inputs: mpsc::UnboundedReceiver<EngineInput>, drain_for: Duration) {
        let mut taken = Vec::with_capacity(1024);
        let mut effects = Vec::new();
        let mut drained_by: Option<Instant> = None;
        loop {
            let wait = self.wait(drained_by);
            tokio::select! {
                _ = inputs.recv_many(&mut taken, 1024) => {}
                () = tokio::time::sleep(wait) => {}
                () = self.shared.stop.cancelled(), if drained_by.is_none() => {
                    self.core.drain();
                    drained_by = Some(Instant::now() + drain_for);
                }
            }
            let now = self.ports.clock.now();
            for input in taken.drain(..) {
                if let EngineInput::CallEnded { key, .. } = &input {
                    self.calls.remove(&(key.run.clone(), key.path.clone()));
                }
                self.core.on(input, now, &mut effects);
            }
            self.core.on(EngineInput::Tick, now, &mut effects);
            for effect in effects.drain(..) {
                self.perform(effect);
            }
            self.shared.owned.store(self.core.len(), Ordering::Relaxed);
            metrics::gauge!("orrery_runs_owned").set(u32::try_from(self.core.len()).unwrap_or(u32::MAX));
            if drained_by.is_some_and(|by| !self.core.is_busy() || Instant::now() >= by) {
                break;
            }
        }
        self.give_back().await;
    }

    /// How long nothing happens unless somebody says something.
    fn wait(&self, drained_by: Option<Instant>) -> Duration {
        let now = self.ports.clock.now();
        let tick = self.core.next_tick().map_or(Duration::MAX, |at| (at - now).to_std().unwrap_or_default());
        let drain = drained_by.map_or(Duration::MAX, |by| by.saturating_duration_since(Instant::now()));
        // The sleep is bounded, so that a clock that jumps cannot put the executor to sleep for good.
        tick.min(drain).min(Duration::from_secs(1))
    }

    async fn give_back(mut self) {
        for (_, call) in self.calls.drain() {
            call.abort();
        }
        match self.ports.leases.release(self.me, self.ports.clock.now()).await {
            Ok(0) => tracing::info!("all runs had ended or been given back"),
            Ok(runs) => tracing::info!(runs, "unfinished runs were given back"),
            Err(error) => {
                tracing::error!(%error, "unfinished runs could not be given back; they are found at the next start");
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Commit(commit) => {
                let (run, id) = (commit.run().clone(), commit.id());
                let inbox = self.inbox.clone();
                self.writer.submit(commit, move |outcome| {
                    let _ = inbox.send(EngineInput::CommitEnded { run, commit: id, outcome });
                });
            }
            Effect::Call(call) => {
                let place = (call.key.run.clone(), call.key.path.clone());
                let inbox = self.inbox.clone();
                let (directory, gateway) = (Arc::clone(&self.directory), Arc::clone(&self.ports.gateway));
                let task = self.tasks.spawn(async move {
                    let (outcome, policy) = make_call(&directory, &*gateway, &call).await;
                    let _ = inbox.send(EngineInput::CallEnded { key: call.key, outcome, policy });
                });
                if let Some(replaced) = self.calls.insert(place, task.abort_handle()) {
                    replaced.abort();
                }
            }
            Effect::Abort(run, path) => {
                if let Some(call) = self.calls.remove(&(run, path)) {
                    call.abort();
                }
            }
            Effect::Reload(run) => {
                let (loader, inbox) = (self.loader.clone(), self.inbox.clone());
                self.tasks.spawn(async move {
                    match insist_unless_corrupt(|| loader.reload(&run)).await {
                        Ok(Loaded { state, data, .. }) => {
                            let _ = inbox.send(EngineInput::Reloaded { run, state, data });
                        }
                        Err(error) => tracing::error!(run.id = %run, %error, "a run cannot be continued"),
                    }
                });
            }
        }
    }
}

async fn make_call(
    directory: &AgentDirectory,
    gateway: &dyn AgentGateway,
    call: &AgentCall,
) -> (CallOutcome, RetryPolicy) {
    match insist(|| directory.find(&call.agent)).await {
        Found::Ready(agent) => {
            let started = Instant::now();
            let outcome = gateway.call(&agent, call).await;
            metrics::histogram!("orrery_agent_call_duration_seconds").record(started.elapsed());
            (outcome, agent.retry)
        }
        Found::Unusable(message) => {
            let failure = CallFailure { message, definite: true, retry_after: None, permanent: true };
            (CallOutcome::Failed(failure), RetryPolicy::default())
        }
    }
}

/// Asks the store until it answers; nothing can be done for a run without it.
async fn insist<T, F: Future<Output = Result<T, StoreError>>>(mut ask: impl FnMut() -> F) -> T {
    let mut wait = Duration::from_millis(50);
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => {
                tracing::warn!(%error, "the store did not answer; asking again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(5));
            }
        }
    }
}

/// Claims runs: when the bell rings, and by a scan that finds what no bell announced.
struct Claimer {
    me: ExecutorId,
    ports: EnginePorts,
    loader: RunLoader,
    inbox: mpsc::UnboundedSender<EngineInput>,
    shared: Arc<Shared>,
}

impl Claimer {
    /// The most runs claimed at once.
    const SLICE: usize = 256;

    async fn run(self, scan_every: Duration) {
        loop {
            tokio::select! {
                () = self.shared.stop.cancelled() => return,
                () = self.shared.bell.notified() => {}
                () = self.shared.ended.notified() => self.find_ended().await,
                () = tokio::time::sleep(scan_every) => self.find_ended().await,
            }
            while self.claim().await == Self::SLICE {}
        }
    }

    /// The durable twin of [`Engine::cancelled`].
    async fn find_ended(&self) {
        match self.ports.leases.take_ended(self.me).await {
            Ok(ended) => ended.into_iter().for_each(|(run, epoch)| {
                let _ = self.inbox.send(EngineInput::Cancelled(run, epoch));
            }),
            Err(error) => tracing::warn!(%error, "could not look for cancelled runs"),
        }
    }

    /// Claims a slice; answers how many runs it got.
    async fn claim(&self) -> usize {
        let free = self.shared.capacity.saturating_sub(self.shared.owned.load(Ordering::Relaxed)).min(Self::SLICE);
        if free == 0 || self.shared.stop.is_cancelled() {
            return 0;
        }
        let claimed = match self.ports.leases.claim(self.me, free, self.ports.clock.now()).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(%error, "could not claim runs");
                return 0;
            }
        };
        let count = claimed.len();
        for run in claimed {
            let (id, epoch) = (run.run.clone(), run.epoch);
            match insist_unless_corrupt(|| self.loader.prepare(&run.run, &run.history, run.input.clone())).await {
                Ok(Loaded { plan, state, data }) => {
                    let _ = self.inbox.send(EngineInput::Claimed { run: id, epoch, plan, state, data });
                }
                // It stays owned, so that it is not claimed again and again; a person has to look.
                Err(error) => tracing::error!(run.id = %id, %error, "a run cannot be continued"),
            }
        }
        self.shared.owned.fetch_add(count, Ordering::Relaxed);
        count
    }
}

async fn insist_unless_corrupt<T, F: Future<Output = Result<T, StoreError>>>(
    mut ask: impl FnMut() -> F,
) -> Result<T, StoreError> {
    insist(|| {
        let asked = ask();
        async move {
            match asked.await {
                Err(error @ StoreError::Corrupt(_)) => Ok(Err(error)),
                Ok(answer) => Ok(Ok(answer)),
                Err(other) => Err(other),
            }
        }
    })
    .await
}
