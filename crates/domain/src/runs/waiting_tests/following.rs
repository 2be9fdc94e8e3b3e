//! Runs that follow a run which has completed.

use super::*;
use crate::workflows::MAX_FOLLOWING;

/// A run of one step after which `child` may follow.
fn followed_by(items: Value) -> Run {
    followed_from(items, &[])
}

/// The same with more events after the first.
fn followed_from(items: Value, more: &[RunEvent]) -> Run {
    let step = StepDocument {
        id: "s".to_owned(),
        agent_name: Some("A".to_owned()),
        input_mapping: Some(serde_json::Map::new()),
        ..StepDocument::default()
    };
    let document = WorkflowDocument::new("w", 1, "s".to_owned(), BTreeMap::from([("s".to_owned(), step)]));
    let document = document.followed_by(Some(items));
    let plan = compile(&document, &RequiredOnly).unwrap_or_else(|found| panic!("{found:#?}"));
    let commit = CommitId::new(uuid::Uuid::nil());
    let mut events = vec![RunEvent::Started { plan: plan.hash(), parent: None, starts_at: None, trace: None }];
    events.extend(more.iter().cloned());
    let history = vec![EventRecord { first: Seq::new(1), commit, at: at(0), events }];
    let state = RunState::fold(&history).expect("sound");
    let data = RunData::new(RunId::parse("run-1").expect("an id"), payload(json!({"n": 1})));
    let mut run = Run { plan, state, data, history, last: Transition::default(), now: 0 };
    run.tell(Input::Continue);
    run
}

fn after(more: &Value) -> Value {
    let mut item = json!({"workflow_name": "child"});
    item.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    json!([item])
}

/// Its step answers.
fn answered(run: &mut Run, output: Value) {
    let key = CallKey { run: run.data.run.clone(), path: path("s"), generation: 0, round: 0 };
    run.tell(Input::CallEnded {
        key,
        outcome: CallOutcome::Completed(payload(output)),
        policy: RetryPolicy::default(),
    });
}

fn found(run: &mut Run, found: Result<ChildDefinition, String>) {
    run.tell(Input::LookedUp { target: target(), found });
}

/// Why nothing follows.
fn left(run: &Run) -> Option<&str> {
    run.last.events.iter().find_map(|event| match event {
        RunEvent::FollowUpLeft { reason, .. } => Some(reason.as_str()),
        _ => None,
    })
}

#[test]
fn the_run_that_follows_is_started_in_the_transition_that_completes_the_run() {
    let mapping = json!({"input_mapping": {"in": "${workflow.input.n}", "out": "${workflow.output.text}"}});
    let mut run = followed_by(after(&mapping));
    answered(&mut run, json!({"text": "done"}));
    assert_eq!(
        (&run.last.lookups[..], run.state.status()),
        (&[target()][..], RunStatus::Running),
        "it is looked up first"
    );

    found(&mut run, Ok(definition()));
    let [next] = &run.last.outward.children[..] else { panic!("one run: {:?}", run.last) };
    let id = run.data.run.follower(0, 0);
    let follows = RunEvent::Follows { run: run.data.run.clone(), depth: 1 };
    let trace = Some(run.state.origin().span(&run.data.run));
    assert_eq!(
        next.events,
        [RunEvent::Started { plan: next.plan, parent: None, starts_at: None, trace }, follows],
        "it belongs to the trace of the run before it"
    );
    assert_eq!((&next.run, next.input.value()), (&id, &json!({"in": 1, "out": "done"})));
    assert_eq!((&next.parent, followed(&next.triggered_by).as_ref()), (&None, Some(&run.data.run)));
    assert_eq!(run.last.events, [RunEvent::FollowUpStarted { number: 0, run: id }, RunEvent::RunCompleted]);
    assert_eq!(run.state.status(), RunStatus::Completed);
}

#[test]
fn a_condition_decides_by_the_input_and_the_output() {
    for (condition, is_wanted) in [
        ("${workflow.output.ok} == true and ${workflow.input.n} == 1", true),
        ("${workflow.output.ok} == false", false),
        ("${workflow.output.nothing.there} == null", true),
    ] {
        let mut run = followed_by(after(&json!({"condition": condition})));
        answered(&mut run, json!({"ok": true}));
        if is_wanted {
            found(&mut run, Ok(definition()));
            assert_eq!(run.last.outward.children.len(), 1, "{condition}");
        } else {
            assert_eq!(left(&run), Some("Its condition does not hold"), "{condition}");
            assert_eq!(run.last.lookups, [], "nobody looks for what is not wanted");
        }
        assert_eq!(run.state.status(), RunStatus::Completed);
    }
}

#[test]
fn whatever_is_in_the_way_of_what_follows_the_run_completes_and_says_so() {
    let mut run = followed_by(after(&json!({})));
    answered(&mut run, json!({}));
    found(&mut run, Err("Workflow 'child' not found".to_owned()));
    assert_eq!((left(&run), run.state.status()), (Some("Workflow 'child' not found"), RunStatus::Completed));

    let mut run = followed_by(after(&json!({"input_mapping": {"x": "${workflow.output.not.there}"}})));
    answered(&mut run, json!({}));
    found(&mut run, Ok(definition()));
    assert!(left(&run).is_some_and(|why| why.starts_with("Its input cannot be made")), "{:?}", run.last.events);
    assert_eq!((run.state.status(), run.last.outward.children.len()), (RunStatus::Completed, 0));
}

#[test]
fn runs_do_not_follow_each_other_for_ever_whatever_they_start_in_between() {
    let other = RunId::parse("run-0").expect("an id");
    for (depth, follows) in [(MAX_FOLLOWING - 1, true), (MAX_FOLLOWING, false)] {
        let mut run = followed_from(after(&json!({})), &[RunEvent::Follows { run: other.clone(), depth }]);
        answered(&mut run, json!({}));
        if follows {
            found(&mut run, Ok(definition()));
        }
        assert_eq!(
            (run.last.outward.children.len() == 1, left(&run).is_some()),
            (follows, !follows),
            "at depth {depth}"
        );
    }
    let parent = Parent { run: other, path: path("up"), depth: 1, following: 7 };
    let started =
        RunEvent::Started { plan: PlanHash::new([0; 32]), parent: Some(parent), starts_at: None, trace: None };
    let record =
        EventRecord { first: Seq::new(1), commit: CommitId::new(uuid::Uuid::nil()), at: at(0), events: vec![started] };
    assert_eq!(RunState::fold(&[record]).expect("sound").following(), 7, "a child counts on from its parent");
}

#[test]
fn a_run_that_fails_is_followed_by_nothing() {
    let mut run = followed_by(after(&json!({})));
    let key = CallKey { run: run.data.run.clone(), path: path("s"), generation: 0, round: 0 };
    let failure = CallFailure { permanent: true, ..CallFailure::definite(FailureKind::Task, "boom".to_owned()) };
    run.tell(Input::CallEnded { key, outcome: CallOutcome::Failed(failure), policy: RetryPolicy::default() });
    assert_eq!((run.state.status(), run.last.outward.children.len()), (RunStatus::Failed, 0));
}
