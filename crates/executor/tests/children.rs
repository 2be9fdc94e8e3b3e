//! Runs that are resumed for the run that has started them: whose word about it counts.

use std::{collections::BTreeMap, sync::Arc};

use adapters_memory::SequentialIds;
use domain::{
    Timestamp,
    ids::{CommitId, Epoch, RunId, Seq},
    payload::Payload,
    ports::NoSchemas,
    runs::{
        AdvanceRun, ChildResume, CommitOutcome, EventRecord, RunCommit, RunData, RunEvent, RunState, Wake,
        resumed_children,
    },
    workflows::{SharedPlan, StepDocument, WorkflowDocument, compile},
};
use executor::{Effect, EngineCore, EngineInput, Loaded};
use serde_json::json;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A run whose only step waits for a run that it has started.
struct Parent {
    core: EngineCore,
    plan: SharedPlan,
    run: RunId,
    events: Vec<RunEvent>,
    epoch: Epoch,
}

impl Parent {
    fn new() -> Self {
        let steps = json!({"s": {"id": "s", "type": "sub_workflow", "workflow_name": "child"}});
        let steps: BTreeMap<String, StepDocument> = serde_json::from_value(steps).expect("steps");
        let plan = Arc::new(compile(&WorkflowDocument::new("w", 1, "s".to_owned(), steps), &NoSchemas).expect("sound"));
        let path = plan.first().top_level();
        let events = vec![
            RunEvent::Started { plan: plan.hash(), parent: None, starts_at: None, trace: None },
            RunEvent::ChildStarted { path, generation: 0, until: None },
        ];
        let core = EngineCore::new(Arc::new(SequentialIds::new(1)));
        Self { core, plan, run: RunId::parse("run-1").expect("an id"), events, epoch: Epoch::new(1) }
    }

    fn tell(&mut self, input: EngineInput) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.core.on(input, NOW, &mut effects);
        effects
    }

    /// Somebody cancels it and changes his mind, and the same executor claims it again. Answers what it wants to be resumed.
    fn be_cancelled_and_resumed(&mut self) -> ChildResume {
        let by = "somebody".to_owned();
        self.events.push(RunEvent::RunCancelled { by: by.clone(), reason: None });
        self.events.push(RunEvent::RunResumed { by });
        self.epoch = self.epoch.next();
        let commit = CommitId::new(uuid::Uuid::nil());
        let record = EventRecord { first: Seq::new(1), commit, at: NOW, events: self.events.clone() };
        let state = RunState::fold(&[record]).expect("sound");
        let (run, plan) = (self.run.clone(), self.plan.clone());
        let data = RunData::new(run.clone(), Payload::empty());
        let resumes = resumed_children(&state, &run);
        let loaded = Loaded { plan, state, data, calls: Vec::new(), resumes };
        let effects = self.tell(EngineInput::Claimed { run, epoch: self.epoch, loaded, inbox: Vec::new() });
        let commit = written(effects).expect("it begins anew");
        self.events.extend(commit.events.clone());
        let ended =
            EngineInput::CommitEnded { run: commit.run, commit: commit.commit, outcome: CommitOutcome::Committed };
        let wanted = self.tell(ended).into_iter().find_map(|effect| match effect {
            Effect::Resume(_, resume) => Some(resume),
            _ => None,
        });
        wanted.expect("its child is to be resumed")
    }

    fn is_told_of(&mut self, resume: &ChildResume) -> Option<AdvanceRun> {
        let input = EngineInput::Resumed { run: self.run.clone(), commit: resume.commit, ended: None };
        written(self.tell(input))
    }
}

fn written(effects: Vec<Effect>) -> Option<AdvanceRun> {
    effects.into_iter().find_map(|effect| match effect {
        Effect::Commit(RunCommit::Advance(advance)) => Some(advance),
        _ => None,
    })
}

#[test]
fn a_run_is_not_given_back_before_its_child_is_resumed_although_it_was_once_before() {
    let mut parent = Parent::new();
    let earlier = parent.be_cancelled_and_resumed();
    let later = parent.be_cancelled_and_resumed();
    assert_eq!(
        parent.is_told_of(&earlier),
        None,
        "a crash now would lose the later resume, and nobody would wake the run"
    );
    let given_back = parent.is_told_of(&later).expect("there is nothing to be done until the child ends");
    assert_eq!(given_back.wake, Wake::Asleep);
}
