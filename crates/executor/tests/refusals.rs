//! What an executor makes of commits that the store refuses: no answer of an agent is lost with them.

use std::{collections::BTreeMap, sync::Arc};

use adapters_memory::SequentialIds;
use domain::{
    Timestamp,
    agents::RetryPolicy,
    ids::{CommitId, Epoch, ExecutorId, RunId, Seq},
    payload::Payload,
    ports::{Adopted, NoSchemas},
    runs::{
        AdvanceRun, AgentCall, CallOutcome, CommitOutcome, EventRecord, RunCommit, RunData, RunEvent, RunState, start,
    },
    workflows::{SharedPlan, StepDocument, WorkflowDocument, compile},
};
use executor::{Effect, EngineCore, EngineInput, Loaded};
use serde_json::json;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const POISON: &str = "poison";

/// A run of a loop of three iterations at once, and a store that cannot hold poison.
struct House {
    run: RunId,
    /// What the engine wants to be told of the run's events, where it is not told at once.
    reloads: Option<Vec<EngineInput>>,
    core: EngineCore,
    plan: SharedPlan,
    input: Payload,
    history: Vec<EventRecord>,
    calls: Vec<AgentCall>,
    writing: Option<AdvanceRun>,
}

impl House {
    fn start(body: &[&str]) -> Self {
        let mut steps = json!({
            "each": {"id": "each", "type": "loop", "loop_config": {"collection": "${workflow.input.items}", "loop_body": body,
                "execution_mode": "parallel", "on_error": "continue"}},
            "a": {"id": "a", "agent_name": "A", "input_mapping": {"n": "${loop.index}"}},
            "b": {"id": "b", "agent_name": "B", "input_mapping": {}},
        });
        steps.as_object_mut().expect("an object").retain(|id, _| id == "each" || body.contains(&id.as_str()));
        let steps: BTreeMap<String, StepDocument> = serde_json::from_value(steps).expect("steps");
        let document = WorkflowDocument::new("w", 1, "each".to_owned(), steps);
        let plan = Arc::new(compile(&document, &NoSchemas).expect("sound"));
        let run = RunId::parse("run-1").expect("an id");
        let input = Payload::new(json!({"items": [0, 0, 0]})).expect("storable");
        let (state, data, made) = start(&plan, run.clone(), input.clone(), NOW);
        let first =
            EventRecord { first: Seq::new(1), commit: CommitId::new(uuid::Uuid::nil()), at: NOW, events: made.events };
        let mut house = Self {
            run: run.clone(),
            reloads: None,
            core: EngineCore::new(Arc::new(SequentialIds::new(1))),
            plan: plan.clone(),
            input,
            history: vec![first],
            calls: Vec::new(),
            writing: None,
        };
        let executor = ExecutorId::new(uuid::Uuid::nil());
        house.tell(EngineInput::Adopted(Adopted {
            executor,
            run,
            epoch: Epoch::new(1),
            plan,
            state,
            data,
            calls: made.calls,
        }));
        house
    }

    fn tell(&mut self, input: EngineInput) {
        let mut effects = Vec::new();
        self.core.on(input, NOW, &mut effects);
        for effect in effects {
            match effect {
                Effect::Commit(RunCommit::Advance(advance)) => {
                    assert!(self.writing.replace(advance).is_none(), "one commit of a run at a time");
                }
                Effect::Reload(run, epoch) => {
                    let reloaded = EngineInput::Reloaded { run, epoch, loaded: self.loaded() };
                    match &mut self.reloads {
                        Some(reloads) => reloads.push(reloaded),
                        None => self.tell(reloaded),
                    }
                }
                // The agents answer by themselves.
                Effect::Abort(..) => {}
                Effect::Call(call) => self.calls.push(call),
                other => panic!("nobody wants {other:?}"),
            }
        }
    }

    fn loaded(&self) -> Loaded {
        let state = RunState::fold(&self.history).expect("sound");
        let data = RunData::new(self.run.clone(), self.input.clone());
        Loaded { plan: self.plan.clone(), state, data, calls: Vec::new(), resumes: Vec::new() }
    }

    fn answer(&mut self, path: &str, text: &str) {
        let outcome = CallOutcome::Completed(Payload::new(json!(text)).expect("storable elsewhere"));
        let call = self.calls.iter().rfind(|call| call.key.path.as_str() == path).expect("it was called");
        let key = call.key.clone();
        self.tell(EngineInput::CallEnded { key, outcome, policy: RetryPolicy::default() });
    }

    /// The store writes what is under way; answers whether it could hold it.
    fn write(&mut self) -> Option<bool> {
        let advance = self.writing.take()?;
        let is_poison = |output: &Payload| output.text().contains(POISON);
        let holds = !advance.closed.iter().filter_map(|closed| closed.output.as_ref()).any(is_poison);
        let follows = RunState::fold(&self.history).expect("sound").seq() == advance.seq;
        let outcome = match (follows, holds) {
            (false, _) => CommitOutcome::Moved,
            (true, false) => CommitOutcome::Unstorable,
            (true, true) => CommitOutcome::Committed,
        };
        let (run, commit) = (advance.run, advance.commit);
        if outcome == CommitOutcome::Committed && !advance.events.is_empty() {
            let (first, at, events) = (advance.seq.next(), advance.at, advance.events);
            self.history.push(EventRecord { first, commit, at, events });
        }
        self.tell(EngineInput::CommitEnded { run, commit, outcome });
        Some(holds)
    }

    fn write_all(&mut self) {
        while self.write().is_some() {}
    }

    fn succeeded(&self) -> Vec<String> {
        let events = self.history.iter().flat_map(|record| &record.events);
        let paths = events.filter_map(|event| match event {
            RunEvent::StepSucceeded { path, .. } => Some(path.to_string()),
            _ => None,
        });
        paths.collect()
    }
}

#[test]
fn an_answer_that_cannot_be_stored_fails_its_step_and_none_that_came_with_it() {
    for order in [[0, 1, 2], [1, 0, 2], [1, 2, 0], [2, 0, 1]] {
        let mut house = House::start(&["a"]);
        house.write_all();
        // One of them is being written while the others arrive, to be decided together.
        for at in order {
            house.answer(&format!("each[{at}]/a"), if at == 1 { POISON } else { "good" });
        }
        house.write_all();
        let mut succeeded = house.succeeded();
        succeeded.sort();
        assert_eq!(succeeded, ["each[0]/a", "each[2]/a"], "answers came in the order {order:?}");
        let last = house.history.last().and_then(|record| record.events.last());
        assert_eq!(last, Some(&RunEvent::RunCompleted), "answers came in the order {order:?}");
        assert!(house.core.is_empty(), "nothing is left of it");
    }
}

#[test]
fn what_an_earlier_owner_wanted_to_know_does_not_set_a_later_one_back() {
    let mut house = House::start(&["a", "b"]);
    house.write_all();
    house.reloads = Some(Vec::new());
    // An answer cannot be stored, so the run's events are asked for; before they come, the run is another process's, and then
    // this one's again, and a step further.
    house.answer("each[1]/a", POISON);
    house.write_all();
    let late = house.reloads.take().expect("it waits").pop().expect("the events were asked for");
    let (run, loaded) = (house.run.clone(), house.loaded());
    house.tell(EngineInput::Claimed { run, epoch: Epoch::new(3), loaded, inbox: Vec::new() });
    house.answer("each[0]/a", "good");
    house.write_all();
    house.tell(late);
    for path in ["each[0]/b", "each[1]/a", "each[2]/a", "each[1]/b", "each[2]/b"] {
        house.answer(path, "good");
        house.write_all();
    }
    let last = house.history.last().and_then(|record| record.events.last());
    assert_eq!(last, Some(&RunEvent::RunCompleted), "no answer was lost");
    assert!(house.core.is_empty(), "nothing is left of it");
}
