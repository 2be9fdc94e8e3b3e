//! The world of one seed: who is in it, how runs come into it, and how one step follows the other.

use std::{collections::BTreeSet, time::Duration};

use application::{
    agents::NewAgent,
    runs::{Begins, Order},
    workflows::NewWorkflow,
};
use domain::{
    Timestamp,
    access::Actor,
    agents::{AgentAuth, AgentName, AgentSchemas, AgentUrl},
    ids::{ExecutorId, RunId, WorkflowId},
    payload::Payload,
    ports::Clock,
    runs::{EventRecord, Labels, RunCommit, RunStatus},
    workflows::{RunLimits, WorkflowName, WorkflowStatus},
};
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    agents::{Agents, policy},
    bus::Bus,
    documents::{AGENTS, Generated, generate},
    happenings::Happening,
    invariants::Memory,
    line::listen,
    node::{Node, Pending, Told},
    now,
    reference::{Expected, interpret},
    report::Report,
    wiring::{START, Wiring},
};

/// How many steps the scheduler takes with faults, and then at the most without.
const FAULTY_STEPS: u32 = 250;
const CALM_STEPS: u32 = 20_000;

/// A run that somebody wanted.
pub(crate) struct Started {
    pub(crate) run: RunId,
    pub(crate) expected: Expected,
}

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) wiring: Wiring,
    pub(crate) nodes: Vec<Node>,
    pub(crate) agents: Agents,
    pub(crate) memory: Memory,
    pub(crate) bus: Bus,
    pub(crate) runs: Vec<Started>,
    /// Those of them that are wanted over the bus and have not arrived.
    pub(crate) awaited: BTreeSet<RunId>,
    /// How many more runs will be wanted.
    to_start: usize,
    /// Commits that are still on the wire although nobody waits for their outcome any more.
    pub(crate) ghosts: Vec<RunCommit>,
    pub(crate) faults: bool,
    /// The use cases do not reach the store until then.
    pub(crate) away_until: Option<Timestamp>,
    pub(crate) began: Instant,
    pub(crate) began_at: Timestamp,
    pub(crate) to_next_beat: Duration,
    pub(crate) report: Report,
    /// None where nobody reads it.
    pub(crate) trace: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(seed: u64, traced: bool) -> Self {
        let wiring = Wiring::new(seed);
        let began_at = wiring.clock.now();
        let mut world = Self {
            rng: Rng::with_seed(seed),
            wiring,
            nodes: Vec::new(),
            agents: Agents::default(),
            memory: Memory::default(),
            bus: Bus::default(),
            runs: Vec::new(),
            awaited: BTreeSet::new(),
            to_start: 0,
            ghosts: Vec::new(),
            faults: true,
            away_until: None,
            began: Instant::now(),
            began_at,
            to_next_beat: Duration::from_secs(1),
            report: Report::default(),
            trace: traced.then(Vec::new),
        };
        for _ in 0..world.rng.usize(2..=4) {
            let node = world.node();
            world.nodes.push(node);
        }
        world
    }

    pub(crate) fn log(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let at = self.wiring.clock.now().timestamp_millis() - START * 1000;
            trace.push(format!("{at:>8} {}", line()));
        }
    }

    /// The events of all runs, for whoever looks for what went wrong.
    pub(crate) fn note_histories(&mut self) {
        let Some(trace) = &mut self.trace else { return };
        for started in &self.runs {
            self.wiring.store.look_at(&started.run, |row, history, _| {
                trace.push(format!("events of {} ({:?}):", row.id, row.status));
                for (number, event) in history.iter().flat_map(EventRecord::numbered) {
                    trace.push(format!("{number:>6} {event:?}"));
                }
            });
        }
    }

    /// The whole of a seed.
    pub(crate) fn play(&mut self) -> Result<(), String> {
        self.register_agents();
        self.register_children()?;
        self.to_start = self.rng.usize(1..=4);
        self.start_one_more()?;
        for _ in 0..FAULTY_STEPS {
            self.step()?;
        }
        self.calm_down();
        for step in 0..CALM_STEPS {
            // Seldom: it looks at all runs.
            if step % 16 == 0 && self.all_over()? {
                return self.compare();
            }
            self.step()?;
        }
        Err("a run does not end although the faults have stopped (G1, G12)".into())
    }

    fn step(&mut self) -> Result<(), String> {
        self.report.counts.steps += 1;
        self.retire();
        let what = Happening::choose(&mut self.rng, self.faults);
        self.happen(what)?;
        listen(&self.wiring.witness).verdict()
    }

    /// The run's status as far as it has come, once what has happened to it has been checked; none if it is yet to arrive.
    pub(crate) fn check(&mut self, run: &RunId) -> Result<Option<RunStatus>, String> {
        if self.awaited.contains(run) {
            return Ok(None);
        }
        self.memory.check(&self.wiring, run, &mut self.report.coverage).map(Some)
    }

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
                max_concurrent_calls: None,
                circuit_breaker: None,
                schemas: AgentSchemas::default(),
            };
            now(self.wiring.uses.create_agent.execute(agent, &Actor::system())).expect("registered");
        }
    }

    /// Somebody wants a run: over the API, or over the bus.
    pub(crate) fn start_one_more(&mut self) -> Result<(), String> {
        if self.to_start == 0 || self.away_until.is_some() {
            return Ok(());
        }
        self.to_start -= 1;
        let document = generate(&mut self.rng, self.runs.len());
        let input = json!({"x": format!("{:x}", self.rng.u32(..)), "list": [1, self.rng.u32(..)]});
        if self.rng.u8(0..4) == 0 {
            return self.request_run(document, input);
        }
        let expected = interpret(&document, &input);
        let name = WorkflowName::parse(&format!("w{}", self.runs.len())).expect("a name");
        let created = now(self.wiring.uses.create_workflow.execute(new_workflow(name, document), &Actor::named("me")))
            .map_err(|e| format!("a generated document was refused: {e}"))?;
        self.execute(created.id, input, expected)
    }

    fn execute(&mut self, workflow: WorkflowId, input: Value, expected: Expected) -> Result<(), String> {
        let instant = self.instant();
        let willing = self.rng.bool();
        let offered = self.awake().map(|at| &self.nodes[at]).filter(|node| willing && !node.retiring);
        let offered = offered.filter(|node| node.membership.holds_at(instant)).map(|node| node.membership.me());
        *self.wiring.doorstep.offered.lock().expect("not poisoned") = offered;
        let input = Payload::new(input).expect("storable");
        // Some of them for later; not by chance, which would make other worlds of all seeds.
        let begins = match self.runs.len() {
            number if number % 5 == 4 => Begins::In(Duration::from_secs(7 * (number as u64 % 4 + 1))),
            _ => Begins::AtOnce,
        };
        let order = Order { version: None, input, labels: Labels::default(), begins };
        let run = now(self.wiring.uses.execute_workflow.execute_order(workflow, order, &Actor::named("me")))
            .map_err(|e| e.to_string())?
            .run;
        self.hand_over(offered);
        self.report.counts.runs += 1;
        self.log(|| format!("{} starts, taken by {offered:?}, expecting {:?}", run.id, expected.status));
        self.check(&run.id)?;
        self.runs.push(Started { run: run.id, expected });
        Ok(())
    }

    /// A run that was started for an executor of the same process is on its way to it; a crash would lose it.
    fn hand_over(&mut self, offered: Option<ExecutorId>) {
        let adopted: Vec<_> = std::mem::take(&mut *self.wiring.doorstep.adopted.lock().expect("not poisoned"));
        for run in adopted {
            if let Some(node) = self.nodes.iter_mut().find(|node| Some(node.membership.me()) == offered) {
                node.pending.push(Pending::Tell(Told::Adopted(Box::new(run))));
            }
        }
    }

    pub(crate) fn some_run(&mut self) -> RunId {
        let at = self.rng.usize(0..self.runs.len());
        self.runs[at].run.clone()
    }
}

pub(crate) fn new_workflow(name: WorkflowName, document: Generated) -> NewWorkflow {
    let Generated { start: start_step, steps, output, on_complete } = document;
    NewWorkflow {
        name,
        description: None,
        start_step,
        steps,
        input_schema: None,
        output,
        on_complete: Some(on_complete).filter(|runs| !runs.is_empty()).map(Value::Array),
        limits: RunLimits::default(),
        status: WorkflowStatus::Active,
        change_summary: None,
    }
}
