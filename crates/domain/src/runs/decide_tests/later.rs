//! Runs that were started for a later time.

use super::*;
use crate::{ids::EventId, runs::waiting_on};

impl Driven {
    /// A run that was started at second 0 to begin at second 60, and that somebody has claimed.
    fn later() -> Self {
        let plan = plan(1);
        let events = vec![RunEvent::Started { plan: plan.hash(), parent: None, starts_at: Some(at(60)), trace: None }];
        let commit = CommitId::new(uuid::Uuid::nil());
        let history = vec![EventRecord { first: Seq::new(1), commit, at: at(0), events }];
        let state = RunState::fold(&history).expect("sound");
        let data = RunData::new(run_id(), payload(1));
        Self { plan, state, data, history, closed: vec![], calls: vec![], status: RunStatus::Pending, now: 0 }
    }

    fn looks(&mut self, second: i64) {
        self.now = second;
        self.tell(Input::Continue).expect("a live run");
    }
}

#[test]
fn it_begins_when_its_time_has_come_and_not_before() {
    let mut run = Driven::later();
    assert_eq!(run.state.wake_at(&run.plan), Some(at(60)));
    run.looks(59);
    assert_eq!((run.calls.len(), run.status), (0, RunStatus::Pending));
    assert_eq!(waiting_on(&run.plan, &run.state, &run.data), [WaitingOn::Start { at: at(60) }]);
    run.looks(60);
    assert_eq!((run.calls.len(), run.status), (1, RunStatus::Running));
    assert_eq!((run.state.starts_at(), run.state.wake_at(&run.plan)), (None, None));
    assert_eq!(RunState::fold(&run.history).expect("sound"), run.state);
}

#[test]
fn what_it_is_told_before_begins_nothing() {
    let mut run = Driven::later();
    let id = Some(EventId::new(uuid::Uuid::nil()));
    run.tell(told(InboxMessage::Event { name: "paid".to_owned(), path: None, data: payload(2), id })).expect("live");
    run.tell(pause()).expect("a live run");
    run.looks(61);
    assert_eq!(run.calls.len(), 0, "a pause lasts beyond the time");
    run.now = 30;
    run.tell(unpause()).expect("a live run");
    assert_eq!((run.calls.len(), run.state.wake_at(&run.plan)), (0, Some(at(60))));
    run.looks(60);
    assert_eq!(run.calls.len(), 1);
}

#[test]
fn it_is_cancelled_before_it_has_begun_and_a_retry_begins_at_once() {
    let mut run = Driven::later();
    run.tell(told(InboxMessage::Cancel { by: "me".to_owned(), reason: None })).expect("a live run");
    assert_eq!((run.status, run.state.wake_at(&run.plan)), (RunStatus::Cancelled, None));
    let resumed = RunEvent::RunResumed { by: "me".to_owned() };
    run.state.apply(at(10), &resumed);
    run.looks(10);
    assert_eq!(run.calls.len(), 1);
}

#[test]
fn its_own_time_counts_from_its_start() {
    let run = Driven::later();
    let plan = plan_with_timeout(10);
    assert_eq!(run.state.time_limit(&plan), Some(at(70)));
}

fn plan_with_timeout(seconds: u64) -> Plan {
    let document = WorkflowDocument::new(
        "w",
        1,
        "s0".into(),
        BTreeMap::from([(
            "s0".to_owned(),
            serde_json::from_value::<StepDocument>(
                json!({"id": "s0", "agent_name": "A", "next_step": null, "input_mapping": {}}),
            )
            .expect("a step"),
        )]),
    );
    let limits = crate::workflows::RunLimits { timeout_seconds: Some(json!(seconds)), max_retry_budget: None };
    compile(&document.limited(limits), &crate::ports::NoSchemas).expect("sound")
}
