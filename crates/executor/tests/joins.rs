//! How many commits a parallel loop costs, where each commit collects what arrived while the one before it was written.

use std::{collections::VecDeque, sync::Arc};

use adapters_memory::SequentialIds;
use domain::{
    Timestamp,
    agents::RetryPolicy,
    ids::{CommitId, Epoch, ExecutorId, RunId},
    payload::Payload,
    ports::{Adopted, NoSchemas},
    runs::{AgentCall, CallOutcome, CommitOutcome, RunCommit, RunEvent, RunStatus, start},
    workflows::{StepDocument, WorkflowDocument, compile},
};
use executor::{Effect, EngineCore, EngineInput};
use serde_json::json;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// One run in the hands of the real engine; a store that takes its time, and agents that answer meanwhile.
struct Driven {
    core: EngineCore,
    run: RunId,
    writing: Option<CommitId>,
    calls: VecDeque<AgentCall>,
    commits: usize,
    made: usize,
    most_at_once: usize,
    events: Vec<RunEvent>,
    output: Option<Payload>,
    status: Option<RunStatus>,
}

impl Driven {
    /// A loop over so many items, so many of them at once.
    fn start(items: usize, at_once: usize) -> Self {
        let steps = json!({
            "each": {"id": "each", "type": "loop", "loop_config": {"collection": "${workflow.input.items}", "loop_body": ["a"],
                "execution_mode": "parallel", "max_parallelism": at_once}},
            "a": {"id": "a", "agent_name": "A", "input_mapping": {"n": "${loop.index}"}},
        });
        let steps: std::collections::BTreeMap<String, StepDocument> = serde_json::from_value(steps).expect("steps");
        let document = WorkflowDocument::new("w", 1, "each".to_owned(), steps);
        let document = document.declaring(None, Some(json!("${each.output.iterations}")));
        let plan = Arc::new(compile(&document, &NoSchemas).expect("sound"));
        let run = RunId::parse("run-1").expect("an id");
        let input = Payload::new(json!({"items": vec![0; items]})).expect("storable");
        let (state, data, made) = start(&plan, run.clone(), input, NOW);
        assert!(made.fits_a_start(), "one commit starts it");
        let mut driven = Self {
            core: EngineCore::new(Arc::new(SequentialIds::new(1))),
            run: run.clone(),
            writing: None,
            calls: VecDeque::new(),
            commits: 1,
            made: 0,
            most_at_once: 0,
            events: made.events,
            output: None,
            status: None,
        };
        let executor = ExecutorId::new(uuid::Uuid::nil());
        let adopted = Adopted { executor, run, epoch: Epoch::new(1), plan, state, data, calls: made.calls };
        driven.tell(EngineInput::Adopted(adopted));
        driven
    }

    fn tell(&mut self, input: EngineInput) {
        let mut effects = Vec::new();
        self.core.on(input, NOW, &mut effects);
        if effects.iter().any(|effect| matches!(effect, Effect::Commit(_))) {
            let in_flight = self.core.run(&self.run).map_or(0, |run| run.state().in_flight().count());
            self.most_at_once = self.most_at_once.max(in_flight);
        }
        for effect in effects {
            match effect {
                Effect::Commit(RunCommit::Advance(advance)) => {
                    assert!(self.writing.replace(advance.commit).is_none(), "one commit of a run at a time");
                    self.commits += 1;
                    if let Some(update) = advance.update {
                        (self.status, self.output) = (Some(update.status), update.output);
                    }
                    self.events.extend(advance.events);
                }
                Effect::Call(call) => {
                    self.made += 1;
                    self.calls.push_back(call);
                }
                other => panic!("nobody wants {other:?}"),
            }
        }
    }

    /// So many of the agents answer, with the number they were given.
    fn answer(&mut self, most: usize) {
        for _ in 0..most {
            let Some(call) = self.calls.pop_front() else { return };
            let outcome = CallOutcome::Completed(Payload::new(call.input.value()["n"].clone()).expect("storable"));
            self.tell(EngineInput::CallEnded { key: call.key, outcome, policy: RetryPolicy::default() });
        }
    }

    /// Until it has ended: while a commit is written, `arriving` answers arrive.
    fn go(&mut self, arriving: usize) {
        while self.status != Some(RunStatus::Completed) || self.writing.is_some() {
            self.answer(arriving);
            let Some(commit) = self.writing.take() else { continue };
            let outcome = CommitOutcome::Committed;
            self.tell(EngineInput::CommitEnded { run: self.run.clone(), commit, outcome });
        }
    }

    fn count(&self, is_such: impl Fn(&RunEvent) -> bool) -> usize {
        self.events.iter().filter(|event| is_such(event)).count()
    }
}

#[test]
fn a_parallel_loop_of_a_thousand_joins_exactly_once_in_fewer_than_a_hundred_commits() {
    // All that are in flight answer during a commit; or only a quarter of them, or a fifth.
    for arriving in [64, 16, 13] {
        let mut run = Driven::start(1000, 64);
        run.go(arriving);
        assert!(run.commits < 100, "{} commits where {arriving} answers arrive during each", run.commits);
        assert_eq!(run.most_at_once, 64);
        assert_eq!(run.made, 1000, "each iteration calls once");
        assert_eq!(run.count(|event| matches!(event, RunEvent::BlockClosed { .. })), 1);
        assert_eq!(run.count(|event| matches!(event, RunEvent::SlotEnded { error: None, .. })), 1000);
        assert_eq!(run.count(|event| matches!(event, RunEvent::RunCompleted)), 1);
        let expected: Vec<usize> = (0..1000).collect();
        assert_eq!(run.output.as_ref().expect("an output").value(), &json!(expected));
        assert!(run.core.is_empty(), "nothing is left of it");
    }
}

#[test]
fn a_loop_of_ten_thousand_has_a_thousand_iterations_under_way_and_no_more() {
    let mut run = Driven::start(10_000, 1000);
    run.go(500);
    assert_eq!((run.made, run.most_at_once), (10_000, 1000));
    assert_eq!(run.count(|event| matches!(event, RunEvent::BlockClosed { .. })), 1);
    assert!(run.commits < 100, "{} commits", run.commits);
}

#[test]
fn an_answer_that_is_told_twice_joins_nothing_twice() {
    let mut run = Driven::start(2, 2);
    let doubled = run.calls.clone();
    run.answer(2);
    run.calls.extend(doubled);
    run.go(4);
    assert_eq!(run.count(|event| matches!(event, RunEvent::SlotEnded { .. })), 2);
    assert_eq!(run.count(|event| matches!(event, RunEvent::BlockClosed { .. })), 1);
}
