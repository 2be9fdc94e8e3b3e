//! Runs that steps start: their beginning, their end, and what a cancellation or a retry means for them.

use super::*;

#[test]
fn a_child_is_looked_up_before_anything_is_durable() {
    let run = Run::start(plan("s", &json!({"s": sub(&json!({}))}), None), json!({}));
    assert_eq!(run.last.lookups, [target()]);
    assert_eq!(run.last.events.len(), 1, "the run has started, and nothing else");
    assert!(run.last.fits_a_start() && run.last.outward.children.is_empty());
}

#[test]
fn a_child_is_started_in_the_transition_that_says_so() {
    let run = Run::with_child(&json!({"input_mapping": {"y": "${workflow.input.x}"}}));
    assert_eq!(run.last.events, [RunEvent::ChildStarted { path: path("s"), generation: 0, until: None }]);
    let [child] = &run.last.outward.children[..] else { panic!("one child: {:?}", run.last) };
    assert_eq!((&child.run, child.input.value()), (&run.child(), &json!({"y": 1})));
    let ChildDefinition { workflow, name, version, plan } = definition();
    assert_eq!(
        (child.workflow, &child.workflow_name, child.workflow_version, child.plan),
        (workflow, &name, version, plan)
    );
    assert_eq!(child.parent, Some(Parent { run: run.data.run.clone(), path: path("s"), depth: 1, following: 0 }));
    assert!(!run.last.fits_a_start());
}

#[test]
fn a_step_waits_for_the_end_of_its_child_and_has_its_output() {
    let mut run = Run::with_child(&json!({"workflow_version": "v3"}));
    // Another version is another target: it has not been found yet.
    assert_eq!(run.last.outward.children, []);
    let target = ChildTarget { version: Some(3), ..target() };
    run.tell(Input::LookedUp { target, found: Ok(definition()) });
    run.pass(1_000_000);
    assert_eq!((run.state.status(), run.last.events.len()), (RunStatus::Running, 0));
    run.child_ends(completed(json!({"n": 1})));
    assert_eq!(run.called(), &json!({"o": {"n": 1}}));
    let [row] = &run.last.closed[..] else { panic!("one row") };
    assert_eq!((row.agent.as_str(), row.attempt, row.input.value()), ("workflow child (version 3)", 1, &json!({})));
}

#[test]
fn the_end_of_a_child_is_heard_once_and_only_of_the_right_run() {
    let mut run = Run::with_child(&json!({}));
    let other = RunId::parse("run-2").expect("an id");
    run.told(InboxMessage::ChildEnded { path: path("s"), child: other, outcome: completed(json!(0)) });
    run.told(InboxMessage::ChildEnded { path: path("after"), child: run.child(), outcome: completed(json!(0)) });
    assert_eq!(run.last.events, []);
    run.child_ends(completed(json!(1)));
    run.child_ends(failed("too late"));
    assert_eq!((run.last.events.len(), run.state.status()), (0, RunStatus::Running));
}

#[test]
fn a_child_that_ends_badly_fails_the_step() {
    let child = Run::with_child(&json!({})).child();
    for (outcome, message) in [
        (failed("boom"), format!("Sub-workflow run '{child}' failed: boom")),
        (
            ChildOutcome::Cancelled { error: Some("Cancelled: enough".to_owned()), by_parent: false },
            format!("Sub-workflow run '{child}' was cancelled: Cancelled: enough"),
        ),
        (
            ChildOutcome::Cancelled { error: None, by_parent: false },
            format!("Sub-workflow run '{child}' was cancelled"),
        ),
    ] {
        let mut run = Run::with_child(&json!({}));
        run.child_ends(outcome);
        assert_eq!(run.error(), format!("Workflow failed at step 's': {message}"));
        assert_eq!(run.last.closed[0].error.as_deref(), Some(message.as_str()));
    }
}

#[test]
fn what_cannot_be_found_or_made_fails_the_step_without_a_child() {
    let mut run = Run::start(plan("s", &json!({"s": sub(&json!({}))}), None), json!({}));
    let found = Err("Workflow 'child' not found".to_owned());
    run.tell(Input::LookedUp { target: target(), found });
    assert_eq!(run.error(), "Workflow failed at step 's': Workflow 'child' not found");

    let run = Run::with_child(&json!({"input_mapping": {"y": "${workflow.input.nope}"}}));
    assert!(run.last.outward.children.is_empty());
    assert_eq!(
        run.error(),
        "Workflow failed at step 's': Exception during step execution: Cannot resolve '${workflow.input.nope}' in field \
         'y': Field 'nope' not found"
    );
}

#[test]
fn a_child_that_takes_too_long_is_cancelled_and_fails_the_step() {
    let mut run = Run::with_child(&json!({"timeout_seconds": 60}));
    assert_eq!(run.state.wake_at(&run.plan), Some(at(60)));
    run.pass(59);
    assert_eq!(run.last.events, []);
    run.pass(1);
    assert_eq!(run.error(), "Workflow failed at step 's': The sub-workflow took longer than 60 seconds");
    assert_eq!(run.cancelled_children(), [&run.child()]);
}

#[test]
fn a_branch_that_takes_too_long_cancels_its_child_and_settles_its_wait() {
    let steps = json!({
        "f": {"type": "fork_join", "fork_join_config": {"join_policy": "any", "branch_timeout_seconds": 5, "branches": {
            "agent": {"steps": ["a"]}, "child": {"steps": ["s"]}, "event": {"steps": ["e"]}}}},
        "a": {}, "s": sub(&json!({})), "e": wait(json!({})),
    });
    let mut run = Run::start(plan("f", &steps, None), json!({}));
    run.find();
    let call = run.history.len();
    assert!(call > 0);
    run.pass(5);
    let child = run.data.run.child(&path("f.1/s"), 0);
    assert_eq!(run.cancelled_children(), [&child]);
    assert_eq!(run.last.outward.settled, [path("f.2/e")]);
    assert_eq!(run.last.aborts, [path("f.0/a")]);
    assert_eq!(run.error(), "Workflow failed at step 'f': Fork-join failed: All branches failed (policy: ANY)");
}

#[test]
fn a_run_that_is_cancelled_cancels_its_child_and_tells_its_parent() {
    let mut run = Run::of_parent(plan("s", &json!({"s": sub(&json!({}))}), None), 1);
    run.find();
    assert_eq!(run.last.outward.children[0].parent.as_ref().map(|parent| parent.depth), Some(2));
    run.told(InboxMessage::Cancel { by: "run-0".to_owned(), reason: Some("enough".to_owned()) });
    assert_eq!(run.state.status(), RunStatus::Cancelled);
    assert_eq!(run.cancelled_children(), [&run.child()]);
    let told = run.last.outward.notes.iter().find(|note| note.run.as_str() == "run-0").expect("the parent is told");
    let outcome = ChildOutcome::Cancelled { error: Some("Cancelled: enough".to_owned()), by_parent: true };
    assert_eq!(told.message, InboxMessage::ChildEnded { path: path("up"), child: run.data.run.clone(), outcome });
}

#[test]
fn a_child_tells_its_parent_its_output_in_the_commit_that_ends_it() {
    let mut run = Run::of_parent(plan("a", &json!({"a": {}}), Some(json!({"all": "${a.output}"}))), 1);
    run.answer(json!(7));
    let [note] = &run.last.outward.notes[..] else { panic!("one note: {:?}", run.last.outward.notes) };
    let outcome = completed(json!({"all": 7}));
    assert_eq!(note.message, InboxMessage::ChildEnded { path: path("up"), child: run.data.run.clone(), outcome });
}

#[test]
fn a_resumed_parent_resumes_its_child() {
    let mut run = Run::with_child(&json!({"timeout_seconds": 60}));
    let child = run.child();
    run.child_ends(failed("boom"));
    run.now += 1000;
    run.resume();
    assert_eq!(run.last.events, [RunEvent::ChildResumed { path: path("s"), until: Some(at(1060)) }]);
    let [resume] = &run.last.resumes[..] else { panic!("one is resumed: {:?}", run.last) };
    assert_eq!((&resume.run, &resume.path), (&child, &path("s")));
    assert!(run.last.outward.children.is_empty(), "it is the same run");
    // A new owner does it again with the same commit, so that it happens once.
    assert_eq!(resumed_children(&run.state, &run.data.run), std::slice::from_ref(resume));
    let first = resume.commit;
    run.child_ends(failed("again"));
    run.resume();
    assert_ne!(run.last.resumes[0].commit, first, "another resume is another commit");
    run.child_ends(completed(json!(1)));
    assert_eq!(run.called(), &json!({"o": 1}));
}

#[test]
fn a_child_that_was_still_being_cancelled_is_resumed_once_more() {
    let mut run = Run::with_child(&json!({}));
    run.told(InboxMessage::Cancel { by: "me".to_owned(), reason: None });
    run.resume();
    assert_eq!(run.last.resumes.len(), 1);
    run.child_ends(ChildOutcome::Cancelled { error: None, by_parent: true });
    assert_eq!((run.state.status(), run.last.resumes.len()), (RunStatus::Running, 1));
    run.child_ends(completed(json!(1)));
    assert_eq!(run.called(), &json!({"o": 1}));
}

#[test]
fn a_paused_run_hears_of_its_child_and_begins_nothing() {
    let mut run = Run::with_child(&json!({}));
    run.told(InboxMessage::Pause { by: "me".to_owned() });
    run.child_ends(completed(json!(1)));
    assert_eq!((run.last.closed.len(), run.last.calls.len()), (1, 0));
    run.told(InboxMessage::Unpause { by: "me".to_owned() });
    assert_eq!(run.called(), &json!({"o": 1}));
}

#[test]
fn children_of_a_loop_are_runs_of_their_own() {
    let steps = json!({
        "each": {"type": "loop", "loop_config": {"collection": "${workflow.input.l}", "loop_body": ["s"], "execution_mode": "parallel"}},
        "s": sub(&json!({"input_mapping": {"i": "${loop.item}"}})),
    });
    let mut run = Run::start(plan("each", &steps, Some(json!("${each.output.iterations}"))), json!({"l": ["p", "q"]}));
    run.find();
    let inputs: Vec<_> = run.last.outward.children.iter().map(|child| child.input.value().clone()).collect();
    assert_eq!(inputs, [json!({"i": "p"}), json!({"i": "q"})]);
    let children: Vec<RunId> = run.last.outward.children.iter().map(|child| child.run.clone()).collect();
    assert_ne!(children[0], children[1]);
    for (number, child) in children.into_iter().enumerate().rev() {
        let at = path(&format!("each[{number}]/s"));
        run.told(InboxMessage::ChildEnded { path: at, child, outcome: completed(json!(number)) });
    }
    assert_eq!(run.output(), Some(&json!([0, 1])));
}

#[test]
fn runs_start_runs_only_so_deep() {
    let of_depth = |depth| Run::of_parent(plan("s", &json!({"s": sub(&json!({}))}), None), depth);
    let mut run = of_depth(MAX_CHILD_DEPTH - 1);
    run.find();
    assert_eq!(run.last.outward.children[0].parent.as_ref().map(|parent| parent.depth), Some(MAX_CHILD_DEPTH));
    let run = of_depth(MAX_CHILD_DEPTH);
    assert!(run.last.lookups.is_empty() && run.last.outward.children.is_empty());
    assert_eq!(
        run.error(),
        "Workflow failed at step 's': Runs start runs more than 5 levels deep (sub-workflow depth)"
    );
    assert_eq!(run.last.outward.notes.len(), 1, "the parent is told");
}
