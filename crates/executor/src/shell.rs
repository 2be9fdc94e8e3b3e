//! The thin shell around the [`EngineCore`]: one task that feeds it, one that claims runs, one per call under way.
//!
//! The only file of this crate that spawns.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use application::plans::PlanCache;
use domain::{
    Timestamp,
    agents::WaitingCall,
    ids::{ExecutorId, RunId, StepPath},
    ports::{
        Adopted, AgentGateway, AgentTraffic, Agents, Clock, Doorbell, Engine, IdGenerator, Monitoring, RunInbox,
        RunLeases, Runs, Spans, Workflows,
    },
    runs::{AgentCall, MonitoringUpdate},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::AbortHandle,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    call_tokens::CallTokens,
    calling::{Caller, Way, make_call},
    claimer::Claimer,
    core::{Effect, EngineCore, EngineInput},
    directory::{AgentDirectory, Found},
    gate::{Gate, GatePorts},
    loading::RunLoader,
    membership::Membership,
    news::started,
    patience::{Insisted, insist_unless_corrupt},
    relatives,
    spans::CallSpans,
    writer::CommitQueue,
};

/// What the engine needs.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its type")]
pub struct EnginePorts {
    pub agents: Arc<dyn Agents>,
    pub workflows: Arc<dyn Workflows>,
    pub runs: Arc<dyn Runs>,
    pub leases: Arc<dyn RunLeases>,
    pub inbox: Arc<dyn RunInbox>,
    pub gateway: Arc<dyn AgentGateway>,
    /// None where calls carry no tokens.
    pub call_tokens: Option<CallTokens>,
    pub traffic: Arc<dyn AgentTraffic>,
    pub clock: Arc<dyn Clock>,
    pub spans: Arc<dyn Spans>,
    pub ids: Arc<dyn IdGenerator>,
    pub plans: Arc<PlanCache>,
    /// None where nobody watches.
    pub monitoring: Option<Arc<dyn Monitoring>>,
    /// None where no other process makes runs claimable.
    pub doorbell: Option<Arc<dyn Doorbell>>,
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
    membership: Membership,
    inbox: mpsc::UnboundedSender<Message>,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    directory: Arc<AgentDirectory>,
    gate: Arc<Gate>,
    drain_for: Duration,
}

/// What the shell is told: an input, and of which call it is the end.
pub(crate) struct Message {
    call: Option<u64>,
    /// Who this process was when it was given a run, for inputs that give it one.
    owner: Option<ExecutorId>,
    input: EngineInput,
}

impl Message {
    /// A run that was claimed for this executor.
    pub(crate) fn for_owner(owner: ExecutorId, input: EngineInput) -> Self {
        Self { call: None, owner: Some(owner), input }
    }
}

impl From<EngineInput> for Message {
    fn from(input: EngineInput) -> Self {
        Self { call: None, owner: None, input }
    }
}

/// What the engine's tasks and its handle share.
pub(crate) struct Shared {
    pub(crate) owned: AtomicUsize,
    pub(crate) capacity: usize,
    draining: AtomicBool,
    pub(crate) bell: Notify,
    pub(crate) ended: Notify,
    pub(crate) stop: CancellationToken,
    /// Cancelled when one of the two tasks has ended, by a panic too.
    over: CancellationToken,
}

impl Shared {
    /// Tells everybody that the engine is over, however its holder ends.
    pub(crate) fn end_on_drop(&self) -> DropGuard {
        self.over.clone().drop_guard()
    }
}

impl Engine for EngineHandle {
    fn offer(&self) -> Option<ExecutorId> {
        let free = self.shared.owned.load(Ordering::Relaxed) < self.shared.capacity;
        let willing = !self.shared.draining.load(Ordering::Relaxed) && !self.shared.over.is_cancelled();
        (free && willing && self.membership.lease().holds()).then(|| self.membership.me())
    }

    fn adopt(&self, run: Adopted) {
        let _ = self.inbox.send(Message::for_owner(run.executor, EngineInput::Adopted(run)));
    }

    fn ring(&self) {
        self.shared.bell.notify_one();
    }

    fn agents_changed(&self) {
        self.directory.forget();
    }

    fn cancelled(&self, _: &RunId) {
        // The store knows whose run it was, and under which epoch.
        self.shared.ended.notify_one();
    }

    fn waiting_of(&self, owner: ExecutorId, run: &RunId) -> Option<Vec<WaitingCall>> {
        self.gate.waiting_of(owner, run)
    }
}

impl EngineHandle {
    /// Takes no more runs, waits for calls under way, gives everything back. Answers when all of that is done, or when a
    /// store that does not answer has had its time: what was not given back is found at the next start.
    pub async fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
        self.shared.stop.cancel();
        if tokio::time::timeout(self.drain_for + GIVE_BACK_FOR, self.tasks.wait()).await.is_err() {
            tracing::error!("the engine did not come to an end in time");
        }
    }

    /// Waits until the engine is over: after a drain, or because one of its tasks has failed.
    pub async fn over(&self) {
        self.shared.over.cancelled().await;
    }
}

/// How long giving runs back may take.
const GIVE_BACK_FOR: Duration = Duration::from_secs(5);

/// Starts the engine's tasks. They end by [`EngineHandle::drain`].
pub fn spawn(membership: Membership, ports: EnginePorts, writer: CommitQueue, config: EngineConfig) -> EngineHandle {
    let (inbox, inputs) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        owned: AtomicUsize::new(0),
        capacity: config.capacity,
        draining: AtomicBool::new(false),
        bell: Notify::new(),
        ended: Notify::new(),
        stop: CancellationToken::new(),
        over: CancellationToken::new(),
    });
    let tasks = TaskTracker::new();
    let directory = Arc::new(AgentDirectory::new(Arc::clone(&ports.agents)));
    let gate_ports = GatePorts {
        directory: Arc::clone(&directory),
        traffic: Arc::clone(&ports.traffic),
        clock: Arc::clone(&ports.clock),
        monitoring: ports.monitoring.clone(),
    };
    let gate = Arc::new(Gate::new(gate_ports, membership.clone()));
    let handle = EngineHandle {
        membership: membership.clone(),
        directory: Arc::clone(&directory),
        gate: Arc::clone(&gate),
        inbox: inbox.clone(),
        shared: Arc::clone(&shared),
        tasks: tasks.clone(),
        drain_for: config.drain_for,
    };
    let loader = RunLoader::new(Arc::clone(&ports.runs), Arc::clone(&ports.plans));
    let claimer = Claimer {
        membership: membership.clone(),
        ports: ports.clone(),
        loader: loader.clone(),
        writer: writer.clone(),
        inbox: inbox.clone(),
        shared: Arc::clone(&shared),
    };
    let shell = Shell {
        core: if ports.monitoring.is_some() {
            EngineCore::new(Arc::clone(&ports.ids)).reporting()
        } else {
            EngineCore::new(Arc::clone(&ports.ids))
        },
        directory,
        gate: Arc::clone(&gate),
        calls: HashMap::new(),
        made: 0,
        me: membership.me(),
        membership,
        tracing: CallSpans { spans: Arc::clone(&ports.spans), clock: Arc::clone(&ports.clock) },
        ports,
        loader,
        writer,
        inbox,
        shared: Arc::clone(&shared),
        tasks: tasks.clone(),
    };
    // Until somebody has looked, there is none: a missing series would look like a missing executor.
    for kind in ["idle", "unattended"] {
        metrics::gauge!("orrery_runs_unexplained", "kind" => kind).set(0);
    }
    tasks.spawn(gate.keep_exchanging(shared.over.clone()));
    tasks.spawn(claimer.run(config.scan_every));
    tasks.spawn(shell.run(inputs, config.drain_for));
    tasks.close();
    handle
}

struct Shell {
    membership: Membership,
    /// Who this process was when its runs became its own.
    me: ExecutorId,
    core: EngineCore,
    ports: EnginePorts,
    loader: RunLoader,
    writer: CommitQueue,
    tracing: CallSpans,
    directory: Arc<AgentDirectory>,
    gate: Arc<Gate>,
    inbox: mpsc::UnboundedSender<Message>,
    /// The calls under way, each with its number: the end of an older call at the same place must not be taken for its own.
    calls: HashMap<(RunId, StepPath), UnderWay>,
    made: u64,
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

/// A call under way.
struct UnderWay {
    number: u64,
    handle: AbortHandle,
    call: Arc<AgentCall>,
    hold: watch::Sender<bool>,
}

/// How long an agent is told that its work is not wanted any more, before the connection to it is cut.
const TELL_AGENT_FOR: Duration = Duration::from_millis(1500);

impl Shell {
    async fn run(mut self, mut inputs: mpsc::UnboundedReceiver<Message>, drain_for: Duration) {
        let _dies_with_us = self.shared.end_on_drop();
        let mut taken = Vec::with_capacity(1024);
        let mut effects = Vec::new();
        let mut drained_by: Option<Instant> = None;
        let mut membership = self.membership.clone();
        loop {
            let wait = self.wait(drained_by);
            tokio::select! {
                _ = inputs.recv_many(&mut taken, 1024) => {}
                () = tokio::time::sleep(wait) => {}
                () = membership.reborn() => {}
                () = self.shared.stop.cancelled(), if drained_by.is_none() => {
                    self.core.drain();
                    drained_by = Some(Instant::now() + drain_for);
                }
            }
            let now = self.ports.clock.now();
            // Before the inputs, and after they were taken: what is among them of the new identity was sent after it changed.
            let me = self.membership.me();
            if me != self.me {
                self.me = me;
                self.core.on(EngineInput::Disowned, now, &mut effects);
            }
            let mut audited = false;
            for Message { call, owner, input } in taken.drain(..) {
                // Started for who this process was before: whoever looks for the runs of the dead finds it.
                if owner.is_some_and(|owner| owner != self.me) {
                    continue;
                }
                if let (Some(number), EngineInput::CallEnded { key, .. }) = (call, &input) {
                    self.forget_call(number, (key.run.clone(), key.path.clone()));
                }
                audited |= matches!(input, EngineInput::Owned(_));
                self.core.on(input, now, &mut effects);
            }
            self.core.on(EngineInput::Tick, now, &mut effects);
            for effect in effects.drain(..) {
                self.perform(effect);
            }
            self.shared.owned.store(self.core.len(), Ordering::Relaxed);
            metrics::gauge!("orrery_runs_owned").set(u32::try_from(self.core.len()).unwrap_or(u32::MAX));
            if audited {
                let idle = u32::try_from(self.core.idle()).unwrap_or(u32::MAX);
                metrics::gauge!("orrery_runs_unexplained", "kind" => "idle").set(idle);
            }
            if drained_by.is_some_and(|by| !self.core.is_busy() || Instant::now() >= by) {
                break;
            }
        }
        self.give_back().await;
    }

    fn forget_call(&mut self, number: u64, place: (RunId, StepPath)) {
        if let Entry::Occupied(call) = self.calls.entry(place)
            && call.get().number == number
        {
            call.remove();
        }
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
            call.handle.abort();
        }
        match self.ports.leases.release(self.membership.me(), self.ports.clock.now()).await {
            Ok(0) => tracing::info!("all runs had ended or been given back"),
            Ok(runs) => tracing::info!(runs, "unfinished runs were given back"),
            Err(error) => {
                tracing::error!(%error, "unfinished runs could not be given back; they are found at the next start");
            }
        }
    }

    fn report(&self, update: impl FnOnce(Timestamp) -> MonitoringUpdate) {
        if let Some(monitoring) = &self.ports.monitoring {
            monitoring.report(update(self.ports.clock.now()));
        }
    }

    fn make(&mut self, call: AgentCall) {
        let place = (call.key.run.clone(), call.key.path.clone());
        let (inbox, shared) = (self.inbox.clone(), Arc::clone(&self.shared));
        let way = Way {
            directory: Arc::clone(&self.directory),
            gate: Arc::clone(&self.gate),
            gateway: Arc::clone(&self.ports.gateway),
            tokens: self.ports.call_tokens.clone(),
            tracing: self.tracing.clone(),
        };
        let owned = self.core.run(&call.key.run);
        let (plan, origin) = (owned.map(|run| Arc::clone(run.plan())), owned.map(|run| run.state().origin()));
        self.made += 1;
        let number = self.made;
        self.report(|now| started(&call, origin.and_then(|origin| origin.from), now));
        let call = Arc::new(call);
        let made = Arc::clone(&call);
        let (hold, is_held) = watch::channel(false);
        let caller = Caller { membership: self.membership.clone(), me: self.me, plan, origin, held: is_held };
        let task = self.tasks.spawn(async move {
            let Some((outcome, policy)) = make_call(&shared.stop, &caller, &way, &call).await else {
                return;
            };
            let input = EngineInput::CallEnded { key: call.key.clone(), outcome, policy };
            let _ = inbox.send(Message { call: Some(number), owner: None, input });
        });
        let under_way = UnderWay { number, handle: task.abort_handle(), call: made, hold };
        if let Some(replaced) = self.calls.insert(place, under_way) {
            replaced.handle.abort();
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Commit(commit) => {
                let (run, id) = (commit.run().clone(), commit.id());
                let inbox = self.inbox.clone();
                self.writer.submit(commit, move |outcome| {
                    let _ = inbox.send(EngineInput::CommitEnded { run, commit: id, outcome }.into());
                });
            }
            Effect::Call(call) => self.make(call),
            Effect::GiveBack(runs) => {
                tracing::warn!(runs = runs.len(), "runs that nobody here knows of are given back");
                let (leases, me, now) = (Arc::clone(&self.ports.leases), self.me, self.ports.clock.now());
                self.tasks.spawn(async move {
                    if let Err(error) = leases.give_back(me, &runs, now).await {
                        tracing::warn!(%error, "runs could not be given back; it is tried again");
                    }
                });
            }
            Effect::Hold(run, holds) => {
                for (_, call) in self.calls.iter().filter(|((of, _), _)| *of == run) {
                    call.hold.send_replace(holds);
                }
            }
            Effect::Report(update) => self.report(|_| update),
            Effect::Ring => self.shared.bell.notify_one(),
            Effect::LookUp(run, target) => {
                let (workflows, stop, inbox) =
                    (Arc::clone(&self.ports.workflows), self.shared.stop.clone(), self.inbox.clone());
                self.tasks.spawn(async move {
                    if let Some(input) = relatives::look_up(&stop, &workflows, run, target).await {
                        let _ = inbox.send(input.into());
                    }
                });
            }
            Effect::Resume(run, resume) => {
                let (runs, writer, stop) =
                    (Arc::clone(&self.ports.runs), self.writer.clone(), self.shared.stop.clone());
                let (inbox, now) = (self.inbox.clone(), self.ports.clock.now());
                self.tasks.spawn(async move {
                    if let Some(input) = relatives::resume(&stop, &runs, &writer, run, resume, now).await {
                        let _ = inbox.send(input.into());
                    }
                });
            }
            Effect::Abort(run, path) => {
                if let Some(call) = self.calls.remove(&(run, path)) {
                    call.handle.abort();
                }
            }
            Effect::Cancel(run, path) => {
                if let Some(UnderWay { handle, call, .. }) = self.calls.remove(&(run, path)) {
                    let (directory, gateway) = (Arc::clone(&self.directory), Arc::clone(&self.ports.gateway));
                    self.tasks.spawn(async move {
                        // Before the call is cut: with it goes what is known of the agent's task.
                        let told = async {
                            if let Ok(Found::Ready(agent)) = directory.find(&call.agent).await {
                                gateway.cancel(&agent, &call.ids()).await;
                            }
                        };
                        let _ = tokio::time::timeout(TELL_AGENT_FOR, told).await;
                        handle.abort();
                    });
                }
            }
            Effect::Reload(run, epoch) => {
                let (loader, inbox) = (self.loader.clone(), self.inbox.clone());
                let stop = self.shared.stop.clone();
                self.tasks.spawn(async move {
                    let input = match insist_unless_corrupt(&stop, || loader.reload(&run)).await {
                        Insisted::Answer(Ok(found)) => EngineInput::Reloaded { run, epoch, loaded: found },
                        Insisted::Answer(Err(error)) => {
                            tracing::error!(run.id = %run, %error, "a run cannot be continued");
                            EngineInput::GivenUp(run)
                        }
                        Insisted::Stopped => EngineInput::GivenUp(run),
                    };
                    let _ = inbox.send(input.into());
                });
            }
        }
    }
}
