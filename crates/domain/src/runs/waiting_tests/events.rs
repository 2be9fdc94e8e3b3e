//! Events that steps wait for: which one is meant, early ones, late ones.

use super::*;

#[test]
fn a_wait_is_known_by_its_event_and_its_correlation() {
    let steps = json!({"w": wait(json!({"correlation": "order-${workflow.input.n}"}))});
    let mut run = Run::start(plan("w", &steps, None), json!({"n": 7}));
    let wait = EventWait { event: "paid".to_owned(), correlation: "order-7".to_owned(), path: path("w") };
    assert_eq!(run.last.outward.waits, [wait]);
    assert_eq!(run.state.wake_at(&run.plan), None, "nothing but the event moves it");
    run.happens(json!({"sum": 1}));
    assert_eq!(run.output(), Some(&json!({"event": "paid", "timed_out": false, "data": {"sum": 1}})));
    assert_eq!(run.last.outward.settled, [path("w")]);
    assert_eq!(run.last.closed[0].input.value(), &json!({"event": "paid", "correlation": "order-7"}));
}

#[test]
fn a_correlation_is_a_text_or_a_number() {
    let steps = json!({"w": wait(json!({"correlation": "${workflow.input.c}"}))});
    let run = Run::start(plan("w", &steps, None), json!({"c": 12}));
    assert_eq!(run.last.outward.waits[0].correlation, "12");
    for wrong in [json!([]), json!(""), json!(null), json!("x".repeat(201))] {
        let run = Run::start(plan("w", &steps, None), json!({"c": wrong}));
        assert!(run.last.outward.waits.is_empty());
        let problem = "Exception during step execution: 'correlation' must be a text of 1 to 200 characters, not ";
        assert!(run.error().contains(problem), "{}", run.error());
    }
}

#[test]
fn a_filter_lets_only_the_right_event_through() {
    let filter = "${event.data.sum} >= ${workflow.input.least} and ${event.event} == 'paid'";
    let mut run = Run::start(plan("w", &json!({"w": wait(json!({"filter": filter}))}), None), json!({"least": 10}));
    // The second cannot be compared, the third is another event: none of them is kept for a later step either.
    run.happens(json!({"sum": 9}));
    run.happens(json!({"sum": "many"}));
    run.told(InboxMessage::Event { name: "sent".to_owned(), path: None, data: payload(json!({"sum": 20})), id: None });
    assert_eq!((run.state.status(), run.state.kept().len()), (RunStatus::Running, 0));
    run.happens(json!({"sum": 10}));
    assert_eq!(run.output().expect("an output")["data"], json!({"sum": 10}));
}

#[test]
fn an_event_that_comes_early_is_kept_for_the_step_that_will_wait_for_it() {
    let steps = json!({
        "a": {"next_step": "w"},
        "w": {"type": "wait_for_event", "event_config": {"event": "paid", "filter": "${event.data} > 1"}, "next_step": "v"},
        "v": wait(json!({})),
    });
    let mut run = Run::start(plan("a", &steps, Some(json!(["${w.output.data}", "${v.output.data}"]))), json!({}));
    let call = run.last.calls.clone();
    for data in [1, 2, 3] {
        run.happens(json!(data));
    }
    run.told(InboxMessage::Event { name: "unheard".to_owned(), path: None, data: Payload::null(), id: None });
    assert_eq!(run.state.kept().len(), 3, "what no step of the plan waits for is forgotten");
    run.last.calls = call;
    run.answer(json!(0));
    // The first that the filter lets through, then the oldest of the others.
    assert_eq!(run.output(), Some(&json!([2, 1])));
    assert!(run.last.outward.waits.is_empty());
    assert_eq!(run.state.kept().len(), 1);
}

#[test]
fn a_run_keeps_only_so_many_events() {
    let steps = json!({"a": {"next_step": "w"}, "w": wait(json!({}))});
    let mut run = Run::start(plan("a", &steps, None), json!({}));
    for number in 0..102 {
        run.happens(json!(number));
    }
    assert_eq!(run.state.kept().len(), 100);
    assert_eq!(run.state.kept().next().map(|(_, _, data)| data.value().clone()), Some(json!(0)));
}

#[test]
fn an_event_for_one_step_is_for_no_other_and_is_not_kept() {
    let steps = json!({
        "p": {"type": "parallel", "parallel_steps": ["w", "v"]}, "w": wait(json!({})), "v": wait(json!({})),
    });
    let mut run = Run::start(plan("p", &steps, Some(json!("${p.output}"))), json!({}));
    assert_eq!(run.last.outward.waits.len(), 2);
    let event = |at: &str| InboxMessage::Event {
        name: "paid".to_owned(),
        path: Some(path(at)),
        data: payload(json!(at)),
        id: None,
    };
    run.told(event("p.1/v"));
    assert_eq!(run.last.outward.settled, [path("p.1/v")]);
    run.told(event("p.1/v"));
    assert_eq!((run.last.events.len(), run.state.kept().len()), (0, 0));
    run.happens(json!("any"));
    let output = run.output().expect("an output");
    assert_eq!((&output["w"]["data"], &output["v"]["data"]), (&json!("any"), &json!("p.1/v")));
}

#[test]
fn an_event_is_for_one_step_only() {
    let steps = json!({
        "p": {"type": "parallel", "parallel_steps": ["w", "v"]}, "w": wait(json!({})), "v": wait(json!({})),
    });
    let mut run = Run::start(plan("p", &steps, None), json!({}));
    run.happens(json!(1));
    assert_eq!((&run.last.outward.settled[..], run.state.waiting().count()), (&[path("p.0/w")][..], 1));
}

#[test]
fn a_wait_that_takes_too_long_fails_or_goes_on() {
    let mut run = Run::start(plan("w", &json!({"w": wait(json!({"timeout_seconds": 60}))}), None), json!({}));
    assert_eq!(run.state.wake_at(&run.plan), Some(at(60)));
    run.pass(60);
    assert_eq!(run.error(), "Workflow failed at step 'w': The event 'paid' did not come within 60 seconds");
    assert_eq!(run.last.outward.settled, [path("w")]);

    let steps = json!({"w": wait(json!({"timeout_seconds": 60, "on_timeout": "continue"}))});
    let mut run = Run::start(plan("w", &steps, None), json!({}));
    run.pass(60);
    assert_eq!(run.output(), Some(&json!({"event": "paid", "timed_out": true, "data": null})));
    assert_eq!(run.last.outward.settled, [path("w")]);
}

#[test]
fn a_resumed_run_waits_anew() {
    let mut run = Run::start(plan("w", &json!({"w": wait(json!({"timeout_seconds": 60}))}), None), json!({}));
    run.pass(60);
    run.resume();
    assert_eq!((run.last.outward.waits.len(), run.state.wake_at(&run.plan)), (1, Some(at(120))));
    run.happens(json!(1));
    assert_eq!(run.state.status(), RunStatus::Completed);
}

#[test]
fn a_run_that_ends_waits_for_nothing_any_more() {
    let mut run = Run::start(plan("w", &json!({"w": wait(json!({}))}), None), json!({}));
    run.told(InboxMessage::Cancel { by: "me".to_owned(), reason: None });
    assert_eq!(run.last.outward.settled, [path("w")]);
}
