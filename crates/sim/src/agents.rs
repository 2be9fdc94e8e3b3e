//! Scripted agents. They de-duplicate by message id, as good agents do, and remember every call for the checks.

use std::collections::{BTreeMap, VecDeque};

use application::tasks::TaskReport;
use domain::{
    access::TaskGrant,
    agents::RetryPolicy,
    payload::Payload,
    runs::{AgentCall, CallFailure, CallKey, CallOutcome, FailureKind, RunCommit},
};
use fastrand::Rng;
use serde_json::{Value, json};

/// What an agent makes of an input; none where it never succeeds. The whole of an agent's work, for the engine and for the
/// reference interpreter alike.
///
/// What the poisonous one answers, no store can keep: for a run it is as good as none.
pub(crate) fn answer(agent: &str, input: &Value) -> Option<Value> {
    (agent != "broken" && agent != "poisonous").then(|| {
        let text = format!("{agent}{input}");
        let digest =
            text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        json!({"x": format!("{digest:016x}")})
    })
}

/// How often a policy tries; more than the failures that are injected into one step, so that these never decide a run.
const ATTEMPTS: u32 = 10;

/// The policy of all agents.
pub(crate) fn policy() -> RetryPolicy {
    RetryPolicy::new(ATTEMPTS, 100, 60_000, 2.0).expect("valid")
}

/// A text that the store of the simulation refuses.
const POISON: &str = "poison";

/// Whether a commit holds what the store refuses.
pub(crate) fn carries_poison(commit: &RunCommit) -> bool {
    let RunCommit::Advance(advance) = commit else { return false };
    let mut outputs = advance.closed.iter().filter_map(|closed| closed.output.as_ref());
    outputs.any(|output| output.text().contains(POISON))
}

/// Outcomes that the network hides from the engine, per step.
const UNKNOWN_PER_STEP: u32 = 3;

/// All agents.
#[derive(Default)]
pub(crate) struct Agents {
    /// The bytes that came with each message id.
    bytes: BTreeMap<String, Payload>,
    /// Calls per run and step, and how many of their outcomes were hidden.
    hidden: BTreeMap<(String, String), u32>,
    /// What they have been asked for lately, to be reported about.
    asked: VecDeque<(TaskGrant, Payload)>,
    pub(crate) calls: u64,
    pub(crate) repeated: u64,
}

/// How many calls are remembered to be reported about.
const REMEMBERED: usize = 40;

impl Agents {
    fn remember(&mut self, call: &AgentCall) {
        let CallKey { run, path, generation, round } = call.key.clone();
        let grant = TaskGrant { run, step: path, generation, round, agent: call.agent.clone() };
        self.asked.push_back((grant, call.input.clone()));
        if self.asked.len() > REMEMBERED {
            self.asked.pop_front();
        }
    }

    /// One of the calls of late, however it went, and what its agent says about it: what it would answer in the end.
    pub(crate) fn report(&self, rng: &mut Rng) -> Option<(TaskGrant, TaskReport)> {
        // Mostly about the last few, which may be under way.
        let most = if rng.bool() { 4 } else { REMEMBERED };
        let back = rng.usize(0..self.asked.len().clamp(1, most));
        let (grant, input) = self.asked.iter().rev().nth(back)?;
        let report = match answer(grant.agent.as_str(), input.value()) {
            _ if rng.u8(0..4) == 0 => TaskReport::Working { message: "on it".to_owned() },
            Some(output) => TaskReport::Completed(Payload::new(output).expect("storable")),
            None => TaskReport::Failed { error: "broken".to_owned() },
        };
        Some((grant.clone(), report))
    }

    /// A call arrives. Answers what the engine learns of it, or what is wrong with it.
    pub(crate) fn call(&mut self, call: &AgentCall, rng: &mut Rng, faults: bool) -> Result<CallOutcome, String> {
        self.calls += 1;
        let id = call.ids().message;
        match self.bytes.get(&id) {
            Some(bytes) if *bytes != call.input => return Err(format!("message {id} was repeated with other bytes")),
            Some(_) => self.repeated += 1,
            None => {
                self.bytes.insert(id, call.input.clone());
                self.remember(call);
            }
        }
        let place = (call.key.run.to_string(), call.key.path.to_string());
        let hidden = self.hidden.entry(place).or_default();
        if faults && *hidden < UNKNOWN_PER_STEP && rng.u8(0..10) == 0 {
            *hidden += 1;
            return Ok(failed("no answer in time", false));
        }
        // A moody agent refuses its first two rounds.
        if call.agent.as_str() == "moody" && call.key.round < 2 {
            return Ok(failed("not in the mood", true));
        }
        if call.agent.as_str() == "poisonous" {
            return Ok(CallOutcome::Completed(Payload::new(json!({"x": POISON})).expect("storable elsewhere")));
        }
        Ok(match answer(call.agent.as_str(), call.input.value()) {
            Some(output) => CallOutcome::Completed(Payload::new(output).expect("storable")),
            None => failed("broken", true),
        })
    }
}

fn failed(message: &str, definite: bool) -> CallOutcome {
    CallOutcome::Failed(CallFailure { definite, ..CallFailure::definite(FailureKind::Task, message) })
}
