//! The scheduler: chooses what happens next, does it, and lets the invariants be checked.

use std::{fmt, sync::Arc, time::Duration};

use application::{
    agents::NewAgent,
    workflows::{NewWorkflow, find_child},
};
use domain::{
    agents::{AgentAuth, AgentName, AgentSchemas, AgentUrl, RetryPolicy},
    ids::{Epoch, ExecutorId, RunId, WorkflowId},
    payload::Payload,
    ports::{Clock, IdGenerator, Mail, RunLeases},
    runs::{AgentCall, CallKey, CallOutcome, ChildDefinition, CommitOutcome, InboxMessage, RunCommit, RunStatus},
    workflows::{ChildTarget, WorkflowName, WorkflowStatus},
};
use executor::{Effect, EngineCore, EngineInput};
use fastrand::Rng;
use serde_json::json;

use crate::{
    Violation,
    agents::{ATTEMPTS, Agents},
    documents::{AGENTS, Generated, generate},
    invariants::{Memory, check_call},
    now,
    reference::{Expected, interpret},
    wiring::Wiring,
};

/// How many steps the scheduler takes with faults, and then at the most without.
const FAULTY_STEPS: u32 = 250;
const CALM_STEPS: u32 = 20_000;

/// What a seed did.
#[derive(Debug, Default)]
pub struct Report {
    /// Every step.
    pub trace: Vec<String>,
    pub(crate) counts: Counts,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    runs: u64,
    calls: u64,
    repeated: u64,
    pub(crate) crashes: u64,
    pub(crate) robberies: u64,
    pub(crate) drains: u64,
    refused: u64,
    pub(crate) cancels: u64,
    pub(crate) resumes: u64,
    pub(crate) pauses: u64,
    pub(crate) events: u64,
}

impl Report {
    /// Adds another report's figures.
    pub fn add(&mut self, other: &Self) {
        let (sum, more) = (&mut self.counts, &other.counts);
        sum.runs += more.runs;
        sum.calls += more.calls;
        sum.repeated += more.repeated;
        sum.crashes += more.crashes;
        sum.robberies += more.robberies;
        sum.drains += more.drains;
        sum.refused += more.refused;
        sum.cancels += more.cancels;
        sum.resumes += more.resumes;
        sum.pauses += more.pauses;
        sum.events += more.events;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { runs, calls, repeated, crashes, robberies, drains, refused, cancels, resumes, pauses, events } =
            &self.counts;
        write!(
            f,
            "{runs} runs, {calls} calls ({repeated} repeated), {crashes} crashes, {robberies} leases lost, {drains} drains, "
        )?;
        write!(f, "{refused} commits refused, {cancels} cancelled, {resumes} resumed, {pauses} paused, {events} events")
    }
}

/// One life of an executor.
pub(crate) struct Node {
    pub(crate) id: ExecutorId,
    pub(crate) core: EngineCore,
    pub(crate) pending: Vec<Pending>,
    /// Whether it drains, to be replaced once nothing of its own is under way.
    pub(crate) retiring: bool,
}

/// Something that an executor's shell has yet to do or to tell; a crash loses it.
#[derive(Clone)]
pub(crate) enum Pending {
    Do(Arc<Effect>),
    Tell(Told),
}

#[derive(Clone)]
pub(crate) enum Told {
    Adopted(Box<domain::ports::Adopted>),
    CallEnded(CallKey, CallOutcome),
    CommitEnded(RunId, domain::ids::CommitId, CommitOutcome),
    Cancelled(RunId, Epoch),
    Mail(Mail),
    LookedUp(RunId, ChildTarget, Result<ChildDefinition, String>),
    Resumed(RunId, domain::ids::StepPath, Option<InboxMessage>),
}

pub(crate) struct Started {
    pub(crate) run: RunId,
    pub(crate) expected: Expected,
}

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) wiring: Wiring,
    pub(crate) nodes: Vec<Node>,
    agents: Agents,
    memory: Memory,
    pub(crate) runs: Vec<Started>,
    /// Commits of dead processes that are still on the wire.
    pub(crate) ghosts: Vec<RunCommit>,
    /// Executors whose leases will be found to have run out.
    pub(crate) dead: Vec<ExecutorId>,
    pub(crate) faults: bool,
    pub(crate) report: Report,
}

/// Runs one seed to its end.
pub fn run_seed(seed: u64) -> Result<Report, Violation> {
    let mut world = World::new(seed);
    match world.play() {
        Ok(()) => {
            world.report.counts.calls = world.agents.calls;
            world.report.counts.repeated = world.agents.repeated;
            Ok(world.report)
        }
        Err(what) => Err(Violation { what, trace: world.report.trace }),
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let wiring = Wiring::new(seed);
        let mut world = Self {
            rng: Rng::with_seed(seed),
            wiring,
            nodes: Vec::new(),
            agents: Agents::default(),
            memory: Memory::default(),
            runs: Vec::new(),
            ghosts: Vec::new(),
            dead: Vec::new(),
            faults: true,
            report: Report::default(),
        };
        world.nodes = vec![world.node(), world.node()];
        world
    }

    pub(crate) fn node(&self) -> Node {
        let ids = &self.wiring.ids;
        Node {
            id: ExecutorId::new(ids.unique()),
            core: EngineCore::new(ids.clone()),
            pending: Vec::new(),
            retiring: false,
        }
    }

    pub(crate) fn log(&mut self, line: impl FnOnce() -> String) {
        let at = self.wiring.clock.now().timestamp_millis() - 1_800_000_000_000;
        let line = format!("{at:>8} {}", line());
        self.report.trace.push(line);
    }

    fn play(&mut self) -> Result<(), String> {
        self.register_agents();
        self.register_children()?;
        let runs = self.rng.usize(1..=4);
        for _ in 0..runs {
            self.start_run()?;
        }
        for _ in 0..FAULTY_STEPS {
            self.step()?;
        }
        self.faults = false;
        self.log(|| "the faults stop".into());
        for step in 0..CALM_STEPS {
            // Seldom: it folds the histories of all runs.
            if step % 16 == 0 && self.all_over()? {
                return self.compare();
            }
            self.step()?;
        }
        Err("a run does not end although the faults have stopped (G1)".into())
    }

    fn step(&mut self) -> Result<(), String> {
        self.retire()?;
        match self.rng.u8(0..100) {
            0..66 => return self.deliver(),
            66..70 if self.faults => return self.deliver(),
            // Somebody must say what runs wait for; while nothing goes wrong, it is all that is left to wait for.
            66..70 if !self.faults => self.happen(),
            70..78 => return self.claim(),
            78..88 => self.pass_time(),
            88..89 => return self.find_ended(),
            89..90 if self.rng.bool() => self.fetch_mail(),
            89..90 => return self.audit(),
            90..92 => return self.expire(),
            92..94 => return self.haunt(),
            94..95 if self.faults => self.crash(),
            95..96 if self.faults => return self.rob(),
            96..97 if self.faults => self.drain(),
            97..98 if self.faults && self.rng.bool() => return self.cancel(),
            97..98 if self.faults => self.pause(),
            98..99 if self.rng.bool() => return self.resume(),
            98..99 if self.rng.bool() => self.unpause(),
            98..99 => self.happen(),
            99.. if self.faults => self.duplicate(),
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn check(&mut self, run: &RunId) -> Result<RunStatus, String> {
        self.memory.check(&self.wiring.store, run)
    }

    // ---- people ------------------------------------------------------------------------------------------------------

    fn register_agents(&mut self) {
        for name in AGENTS {
            let agent = NewAgent {
                name: AgentName::parse(name).expect("a name"),
                url: AgentUrl::parse("http://agent/").expect("a URL"),
                description: None,
                auth: AgentAuth::None,
                timeout: Duration::from_secs(30),
                retry: policy(),
                retry_strategy: None,
                circuit_breaker: None,
                max_concurrent_calls: None,
                schemas: AgentSchemas::default(),
            };
            now(self.wiring.uses.create_agent.execute(agent)).expect("registered");
        }
    }

    fn start_run(&mut self) -> Result<(), String> {
        let document = generate(&mut self.rng);
        let input = json!({"x": format!("{:x}", self.rng.u32(..)), "list": [1, self.rng.u32(..)]});
        let expected = interpret(&document, &input);
        let name = WorkflowName::parse(&format!("w{}", self.runs.len())).expect("a name");
        let new = new_workflow(name, document);
        let created = now(self.wiring.uses.create_workflow.execute(new, "me"))
            .map_err(|e| format!("a generated document was refused: {e}"))?;
        self.execute(created.id, input, expected)
    }

    fn execute(&mut self, workflow: WorkflowId, input: serde_json::Value, expected: Expected) -> Result<(), String> {
        let node = &self.nodes[self.rng.usize(0..self.nodes.len())];
        let offered = (self.rng.bool() && !node.retiring).then_some(node.id);
        *self.wiring.doorstep.offered.lock().expect("not poisoned") = offered;
        let input = Payload::new(input).expect("storable");
        let run = now(self.wiring.uses.execute_workflow.execute(workflow, input, "me")).map_err(|e| e.to_string())?;
        self.hand_over(offered);
        self.report.counts.runs += 1;
        self.log(|| format!("{} starts, taken by {offered:?}, expecting {:?}", run.id, expected.status));
        self.check(&run.id)?;
        self.runs.push(Started { run: run.id, expected });
        Ok(())
    }

    pub(crate) fn some_run(&mut self) -> RunId {
        let at = self.rng.usize(0..self.runs.len());
        self.runs[at].run.clone()
    }

    // ---- the shells --------------------------------------------------------------------------------------------------

    /// A run that was started for an executor of the same process is on its way to it; a crash would lose it.
    fn hand_over(&mut self, offered: Option<ExecutorId>) {
        let adopted: Vec<_> = std::mem::take(&mut *self.wiring.doorstep.adopted.lock().expect("not poisoned"));
        for run in adopted {
            if let Some(node) = self.nodes.iter_mut().find(|node| Some(node.id) == offered) {
                node.pending.push(Pending::Tell(Told::Adopted(Box::new(run))));
            }
        }
    }

    fn deliver(&mut self) -> Result<(), String> {
        let at = self.rng.usize(0..self.nodes.len());
        let count = self.nodes[at].pending.len();
        if count == 0 {
            return Ok(());
        }
        let pending = self.nodes[at].pending.swap_remove(self.rng.usize(0..count));
        match pending {
            Pending::Do(effect) => self.perform(at, &effect),
            Pending::Tell(told) => {
                self.tell(at, told);
                Ok(())
            }
        }
    }

    fn tell(&mut self, at: usize, told: Told) {
        let (line, input) = match told {
            Told::Adopted(run) => (format!("adopted {}", run.run), EngineInput::Adopted(*run)),
            Told::CallEnded(key, outcome) => (
                format!("call of {} round {} of {} ended: {outcome:?}", key.path, key.round, key.run),
                EngineInput::CallEnded { key, outcome, policy: policy() },
            ),
            Told::CommitEnded(run, commit, outcome) => {
                (format!("commit to {run} ended: {outcome:?}"), EngineInput::CommitEnded { run, commit, outcome })
            }
            Told::LookedUp(run, target, found) => {
                (format!("{target} was looked up for {run}"), EngineInput::LookedUp { run, target, found })
            }
            Told::Resumed(run, path, ended) => {
                (format!("the run of {path} was resumed for {run}"), EngineInput::Resumed { run, path, ended })
            }
            Told::Mail(mail) => (format!("{} has mail at epoch {}", mail.run, mail.epoch), EngineInput::Mail(mail)),
            Told::Cancelled(run, epoch) => {
                (format!("{run} was cancelled at epoch {epoch}"), EngineInput::Cancelled(run, epoch))
            }
        };
        self.log(|| format!("node {at} is told: {line}"));
        self.input(at, input);
    }

    pub(crate) fn input(&mut self, at: usize, input: EngineInput) {
        let mut effects = Vec::new();
        let now = self.wiring.clock.now();
        self.nodes[at].core.on(input, now, &mut effects);
        for effect in effects {
            let pending = &mut self.nodes[at].pending;
            match effect {
                // The shell does this at once; anything else takes its time.
                Effect::Abort(run, path) | Effect::Cancel(run, path) => {
                    pending.retain(
                        |p| !matches!(p, Pending::Tell(Told::CallEnded(key, _)) if key.run == run && key.path == path),
                    );
                }
                Effect::Commit(_)
                | Effect::Call(_)
                | Effect::Reload(..)
                | Effect::GiveBack(_)
                | Effect::LookUp(..)
                | Effect::Resume(..) => {
                    pending.push(Pending::Do(Arc::new(effect)));
                }
                // Nobody watches, and whoever has room looks by itself.
                Effect::Report(_) | Effect::Ring => {}
            }
        }
    }

    fn perform(&mut self, at: usize, effect: &Arc<Effect>) -> Result<(), String> {
        match &**effect {
            Effect::Commit(commit) => self.commit(at, commit, effect),
            Effect::Call(call) => self.call(at, call),
            Effect::Abort(..) | Effect::Cancel(..) | Effect::Report(_) | Effect::Ring => Ok(()),
            Effect::LookUp(run, target) => {
                let found = now(find_child(&self.wiring.store, target)).map_err(|e| e.to_string())?;
                let told = Told::LookedUp(run.clone(), target.clone(), found);
                self.nodes[at].pending.push(Pending::Tell(told));
                Ok(())
            }
            Effect::Resume(run, resume) => self.resume_child(at, run, resume, effect),
            Effect::GiveBack(runs) => {
                let (id, at_now) = (self.nodes[at].id, self.wiring.clock.now());
                now(self.wiring.store.give_back(id, runs, at_now)).map_err(|e| e.to_string())
            }
            Effect::Reload(run, epoch) => {
                let loaded = now(self.wiring.loader.reload(run)).map_err(|e| e.to_string())?;
                self.input(at, EngineInput::Reloaded { run: run.clone(), epoch: *epoch, loaded });
                Ok(())
            }
        }
    }

    fn commit(&mut self, at: usize, commit: &RunCommit, effect: &Arc<Effect>) -> Result<(), String> {
        let outcome = self.wiring.store.commit_now(std::slice::from_ref(commit))[0];
        let refused = !matches!(outcome, CommitOutcome::Committed | CommitOutcome::AlreadyApplied);
        self.report.counts.refused += u64::from(refused);
        self.log(|| format!("node {at} commits to {}: {outcome:?}", commit.run()));
        if self.faults && self.rng.u8(0..12) == 0 {
            // The connection breaks before the answer: the same commit is sent again.
            self.nodes[at].pending.push(Pending::Do(Arc::clone(effect)));
        } else {
            self.nodes[at].pending.push(Pending::Tell(Told::CommitEnded(commit.run().clone(), commit.id(), outcome)));
        }
        self.check(commit.run()).map(drop)
    }

    fn call(&mut self, at: usize, call: &AgentCall) -> Result<(), String> {
        check_call(&self.wiring.store, call)?;
        let outcome = self.agents.call(call, &mut self.rng, self.faults)?;
        self.log(|| {
            format!("node {at} calls {} for {} round {} of {}", call.agent, call.key.path, call.key.round, call.key.run)
        });
        self.nodes[at].pending.push(Pending::Tell(Told::CallEnded(call.key.clone(), outcome)));
        Ok(())
    }

    fn claim(&mut self) -> Result<(), String> {
        let at = self.rng.usize(0..self.nodes.len());
        if self.nodes[at].retiring {
            return Ok(());
        }
        let limit = self.rng.usize(1..=3);
        let claimed = self.wiring.store.claim_now(self.nodes[at].id, limit, self.wiring.clock.now());
        if self.faults && self.rng.u8(0..8) == 0 {
            self.log(|| format!("the answer to a claim of node {at} is lost"));
            return Ok(());
        }
        for run in claimed {
            self.log(|| format!("node {at} claims {} at epoch {}", run.run, run.epoch));
            let loaded =
                now(self.wiring.loader.prepare(&run.run, &run.history, run.input)).map_err(|e| e.to_string())?;
            self.input(at, EngineInput::Claimed { run: run.run, epoch: run.epoch, loaded, inbox: run.inbox });
        }
        Ok(())
    }

    fn find_ended(&mut self) -> Result<(), String> {
        let at = self.rng.usize(0..self.nodes.len());
        for (run, epoch) in now(self.wiring.store.take_ended(self.nodes[at].id)).map_err(|e| e.to_string())? {
            self.nodes[at].pending.push(Pending::Tell(Told::Cancelled(run, epoch)));
        }
        Ok(())
    }

    fn audit(&mut self) -> Result<(), String> {
        let at = self.rng.usize(0..self.nodes.len());
        let owned = now(self.wiring.store.owned(self.nodes[at].id)).map_err(|e| e.to_string())?;
        self.input(at, EngineInput::Owned(owned));
        Ok(())
    }

    fn fetch_mail(&mut self) {
        let at = self.rng.usize(0..self.nodes.len());
        let mail = self.wiring.store.mail_now(self.nodes[at].id, 10);
        self.nodes[at].pending.extend(mail.into_iter().map(|mail| Pending::Tell(Told::Mail(mail))));
    }

    fn pass_time(&mut self) {
        let by = if self.rng.bool() { self.rng.u64(1..200) } else { self.rng.u64(1000..40_000) };
        self.wiring.clock.advance(Duration::from_millis(by));
        for at in 0..self.nodes.len() {
            self.input(at, EngineInput::Tick);
        }
    }
}

pub(crate) fn new_workflow(name: WorkflowName, document: Generated) -> NewWorkflow {
    let Generated { start: start_step, steps, output } = document;
    NewWorkflow {
        name,
        description: None,
        start_step,
        steps,
        limits: domain::workflows::RunLimits::default(),
        input_schema: None,
        output,
        status: WorkflowStatus::Active,
        change_summary: None,
    }
}

fn policy() -> RetryPolicy {
    RetryPolicy::new(ATTEMPTS, 100, 60_000, 2.0).expect("valid")
}
