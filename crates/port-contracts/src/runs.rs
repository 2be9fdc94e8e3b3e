//! The contracts of [`Runs`](domain::ports::Runs).

use chrono::TimeDelta;
use domain::{
    ids::{Seq, WorkflowId},
    page::{SortOrder, Total},
    payload::Payload,
    runs::{AdvanceRun, ClosedAttempt, RunEvent, RunFilter, RunSort, RunStatus, StartRun, StepStatus, Wake},
    workflows::VersionAddress,
};
use serde_json::json;

use crate::{
    Stores,
    samples::{
        advance, all, at, cancel, closed, executor, finish, labels, owned_start, page, payload, plan_hash, run_id,
        start, step_id, update, uuid,
    },
};

async fn listed(stores: &Stores, filter: &RunFilter, sort: RunSort, order: SortOrder) -> Vec<String> {
    let found = stores.runs.list(filter, sort, order, all()).await.expect("the store works");
    assert_eq!(found.total, Some(Total::Exact(found.items.len() as u64)));
    assert!(found.items.iter().all(|run| filter.matches(run)));
    found.items.iter().map(|run| run.id.to_string()).collect()
}

pub async fn an_unknown_run_has_nothing(stores: &Stores) {
    assert_eq!(stores.all_of(&run_id("r")).await, (None, vec![], vec![]));
    assert_eq!(stores.runs.outputs(&run_id("r"), &[Seq::new(2)]).await.expect("the store works"), []);
}

pub async fn runs_can_be_filtered(stores: &Stores) {
    let other = WorkflowId::new(uuid(2));
    stores.committed(StartRun { at: at(1), ..start("a") }).await;
    stores.committed(StartRun { at: at(2), ..owned_start("b") }).await;
    stores.committed(StartRun { at: at(3), workflow: other, ..start("c") }).await;
    stores.committed(StartRun { at: at(4), workflow: other, ..owned_start("d") }).await;
    let none = RunFilter::default();
    let cases = [
        (none.clone(), vec!["a", "b", "c", "d"]),
        (RunFilter::with_status(RunStatus::Running), vec!["b", "d"]),
        (RunFilter::with_status(RunStatus::Failed), vec![]),
        (RunFilter { workflow: Some(other), ..none.clone() }, vec!["c", "d"]),
        (RunFilter { created_after: Some(at(3)), ..none.clone() }, vec!["c", "d"]),
        (RunFilter { created_before: Some(at(2)), ..none.clone() }, vec!["a", "b"]),
        (
            RunFilter {
                statuses: vec![RunStatus::Pending],
                workflow: Some(other),
                created_after: Some(at(3)),
                created_before: Some(at(3)),
                ..none.clone()
            },
            vec!["c"],
        ),
    ];
    for (filter, wanted) in cases {
        for sort in [RunSort::CreatedAt, RunSort::UpdatedAt] {
            assert_eq!(listed(stores, &filter, sort, SortOrder::Ascending).await, wanted, "{filter:?}");
        }
    }
    stores.committed(cancel("b")).await;
    let cancelled = RunFilter::with_status(RunStatus::Cancelled);
    assert_eq!(listed(stores, &cancelled, RunSort::CreatedAt, SortOrder::Ascending).await, ["b"]);
}

pub async fn runs_can_be_filtered_by_all_that_is_known_of_them(stores: &Stores) {
    let of = owned_start;
    let (named, other) = ("w\u{fc}".to_owned(), labels("team:red,env:prod"));
    stores.committed(StartRun { workflow_name: named, workflow_version: 7, ..of("a") }).await;
    stores
        .committed(StartRun { triggered_by: "user:alice".into(), labels: labels("team:blue,env:prod"), ..of("b") })
        .await;
    stores.committed(StartRun { labels: other, ..of("c") }).await;
    stores.committed(StartRun { labels: labels("team:blue"), ..of("d") }).await;
    let failure = Some("Agent 'Echo' TIMED out: 100 % \u{dc}bel_");
    stores.committed(AdvanceRun { at: at(50), ..finish("a", 1, RunStatus::Failed, failure) }).await;
    stores.committed(AdvanceRun { at: at(60), ..finish("b", 1, RunStatus::Completed, None) }).await;
    stores.committed(cancel("c")).await;
    let none = RunFilter::default;
    let part = |text: &str| RunFilter { error_contains: Some(text.into()), ..none() };
    for (filter, wanted) in [
        (RunFilter { statuses: vec![RunStatus::Failed, RunStatus::Cancelled], ..none() }, vec!["a", "c"]),
        (RunFilter { workflow_name: Some("w\u{fc}".into()), ..none() }, vec!["a"]),
        (RunFilter { workflow_name: Some("W\u{fc}".into()), ..none() }, vec![]),
        (RunFilter { workflow_version: Some(7), ..none() }, vec!["a"]),
        (RunFilter { workflow_version: Some(u32::MAX), ..none() }, vec![]),
        (RunFilter { completed_after: Some(at(60)), ..none() }, vec!["b"]),
        (RunFilter { completed_before: Some(at(50)), ..none() }, vec!["a"]),
        (RunFilter { completed_after: Some(at(50)), completed_before: Some(at(60)), ..none() }, vec!["a", "b"]),
        (RunFilter { triggered_by: Some("user:alice".into()), ..none() }, vec!["b"]),
        (RunFilter { triggered_by: Some("user".into()), ..none() }, vec![]),
        (part("timed OUT"), vec!["a"]),
        (part("% \u{dc}BEL_"), vec!["a"]),
        // Nothing stands for anything else, and other letters are not the same in both cases.
        (part("Agent%"), vec![]),
        (part("\u{fc}bel"), vec![]),
        (part("cancel"), vec!["c"]),
        (RunFilter { labels: labels("team:blue"), ..none() }, vec!["b", "d"]),
        (RunFilter { labels: labels("env:prod,team:blue"), ..none() }, vec!["b"]),
        (RunFilter { labels: labels("env:dev"), ..none() }, vec![]),
        (RunFilter { labels: labels("team:blue"), ..RunFilter::with_status(RunStatus::Running) }, vec!["d"]),
    ] {
        assert_eq!(listed(stores, &filter, RunSort::CreatedAt, SortOrder::Ascending).await, wanted, "{filter:?}");
    }
}

pub async fn labels_come_back_as_they_were_given(stores: &Stores) {
    let given = labels("team:blue,example.org/a_b-c:é \"7\" \\ ${x}: 'y',empty:");
    stores.committed(StartRun { labels: given.clone(), ..owned_start("labelled") }).await;
    stores.committed(start("bare")).await;
    stores.committed(finish("labelled", 1, RunStatus::Completed, None)).await;
    assert_eq!(stores.run(&run_id("labelled")).await.labels, given);
    assert!(stores.run(&run_id("bare")).await.labels.is_empty());
}

pub async fn runs_are_sorted_with_ties_by_id_in_the_same_direction(stores: &Stores) {
    for (run, second) in [("c", 5), ("a", 5), ("Z", 5), ("d", 1)] {
        stores.committed(StartRun { at: at(second), ..start(run) }).await;
    }
    let none = RunFilter::default();
    for sort in [RunSort::CreatedAt, RunSort::UpdatedAt] {
        assert_eq!(listed(stores, &none, sort, SortOrder::Ascending).await, ["d", "Z", "a", "c"]);
        assert_eq!(listed(stores, &none, sort, SortOrder::Descending).await, ["c", "a", "Z", "d"]);
    }
}

pub async fn runs_sorted_by_change_move_when_they_change(stores: &Stores) {
    stores.committed(StartRun { at: at(1), ..owned_start("a") }).await;
    stores.committed(StartRun { at: at(2), ..owned_start("b") }).await;
    stores.committed(cancel("a")).await;
    let none = RunFilter::default();
    assert_eq!(listed(stores, &none, RunSort::UpdatedAt, SortOrder::Descending).await, ["a", "b"]);
    assert_eq!(listed(stores, &none, RunSort::CreatedAt, SortOrder::Descending).await, ["b", "a"]);
}

pub async fn runs_are_listed_in_pages_with_an_exact_total(stores: &Stores) {
    for n in 0..5 {
        stores.committed(StartRun { at: at(n), ..start(&format!("r{n}")) }).await;
    }
    for (number, wanted) in [(1, vec!["r4", "r3"]), (2, vec!["r2", "r1"]), (3, vec!["r0"]), (4, vec![])] {
        let none = RunFilter::default();
        let found = stores.runs.list(&none, RunSort::CreatedAt, SortOrder::Descending, page(number, 2)).await;
        let found = found.expect("the store works");
        assert_eq!(found.items.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), wanted);
        assert_eq!(found.total, Some(Total::Exact(5)));
    }
}

pub async fn the_live_runs_of_a_version_are_counted_however_it_was_addressed(stores: &Stores) {
    let [head, row, other] = [1, 2, 3].map(|n| WorkflowId::new(uuid(n)));
    let of = |workflow, workflow_version, start: StartRun| StartRun { workflow, workflow_version, ..start };
    for start in [
        of(head, 1, start("pending by the head")),
        of(row, 1, owned_start("running by its own id")),
        of(head, 2, start("another version")),
        of(other, 1, start("another workflow")),
        of(head, 1, owned_start("cancelled")),
        of(row, 1, owned_start("finished")),
    ] {
        stores.committed(start).await;
    }
    stores.committed(cancel("cancelled")).await;
    stores.committed(finish("finished", 1, RunStatus::Completed, None)).await;
    for (version, wanted) in [
        (VersionAddress { head, row, version: 1 }, 2),
        (VersionAddress { head, row: head, version: 2 }, 1),
        (VersionAddress { head, row: head, version: 3 }, 0),
    ] {
        assert_eq!(stores.runs.live_of(version).await.expect("the store works"), wanted, "{version:?}");
    }
}

pub async fn steps_come_in_the_order_of_their_dispatch(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let failed = ClosedAttempt { output: None, error: Some("timed out".into()), attempt: 2, ..closed(7) };
    stores.committed(AdvanceRun { closed: vec![failed, closed(300)], ..advance("r", 1) }).await;
    stores.committed(AdvanceRun { closed: vec![closed(2)], ..advance("r", 2) }).await;
    let steps = stores.runs.steps(&run_id("r")).await.expect("the store works");
    assert_eq!(steps.iter().filter_map(|step| Some(step.execution?.get())).collect::<Vec<_>>(), [2, 7, 300]);
    assert_eq!(
        steps.iter().map(|step| step.status).collect::<Vec<_>>()[..2],
        [StepStatus::Completed, StepStatus::Failed]
    );
    assert_eq!((steps[1].attempt, steps[1].error.as_deref(), &steps[1].output), (2, Some("timed out"), &None));
    assert_eq!(steps[0].input, closed(2).input);
}

pub async fn outputs_come_in_the_order_of_the_question(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(owned_start("other")).await;
    let failed = ClosedAttempt { output: None, error: Some("timed out".into()), ..closed(4) };
    stores.committed(AdvanceRun { closed: vec![closed(2), closed(3), failed], ..advance("r", 1) }).await;
    stores.committed(AdvanceRun { closed: vec![closed(9)], ..advance("other", 1) }).await;
    let asked = [9, 3, 4, 2].map(Seq::new);
    let outputs = stores.runs.outputs(&run_id("r"), &asked).await.expect("the store works");
    let expected = [3, 2].map(|n| (Seq::new(n), closed(n).output.expect("it has one")));
    assert_eq!(outputs, expected);
}

pub async fn payloads_come_back_byte_for_byte(stores: &Stores) {
    let tricky = payload(json!({
        "ü": "日本語 🙂 \u{1} \u{7f} \\ \" / \n",
        "numbers": [0, -1, 1.5, 1e300, u64::MAX, i64::MIN, 0.1],
        "nothing": null,
        "": {"": []},
    }));
    let big = payload(json!({"text": "é".repeat(2_000_000)}));
    for (run, value) in
        [("tricky", tricky), ("big", big), ("scalar", payload(json!("x"))), ("null", payload(json!(null)))]
    {
        stores.committed(StartRun { input: value.clone(), ..owned_start(run) }).await;
        let row = ClosedAttempt { input: value.clone(), output: Some(value.clone()), ..closed(2) };
        stores.committed(AdvanceRun { closed: vec![row], ..advance(run, 1) }).await;
        let (row, steps, _) = stores.all_of(&run_id(run)).await;
        let output = stores.runs.outputs(&run_id(run), &[Seq::new(2)]).await.expect("the store works");
        let same = |stored: Option<&Payload>| stored.map(Payload::text) == Some(value.text());
        assert!(same(row.as_ref().map(|row| &row.input)), "the input of {run}");
        assert!(same(Some(&steps[0].input)) && same(steps[0].output.as_ref()), "the attempt of {run}");
        assert!(same(output.first().map(|(_, output)| output)), "the output of {run}");
    }
}

pub async fn every_kind_of_event_comes_back(stores: &Stores) {
    let path = || step_id("ä-1").top_level();
    let execution = Seq::new(u64::from(u32::MAX) + 5);
    let events = vec![
        RunEvent::StepDispatched { path: path(), attempt: 3, generation: 1, round: 2, until: None },
        RunEvent::StepSucceeded { path: path(), execution },
        RunEvent::StepRetryScheduled {
            path: path(),
            execution,
            definite: true,
            retry_at: at(3) + TimeDelta::microseconds(1),
        },
        RunEvent::StepFailed { path: path(), execution: Some(execution), definite: false },
        RunEvent::StepFailed { path: path(), execution: None, definite: true },
        RunEvent::RunCompleted,
        RunEvent::RunFailed { error: "\"'\\ \n 🙂".into() },
        RunEvent::RunCancelled { by: "x".into(), reason: None },
        RunEvent::RunCancelled { by: "x".into(), reason: Some("y".into()) },
        RunEvent::RunResumed { by: "x".into() },
        RunEvent::ChildStarted { path: path(), generation: 0, until: Some(at(3)) },
        RunEvent::ChildResumed { path: path(), until: None },
        RunEvent::EventAwaited { path: path(), until: Some(at(4)) },
        RunEvent::EventKept { name: "paid".into(), data: payload(json!({"x": [1e16, -0.0]})) },
        RunEvent::EventTaken { kept: execution },
        RunEvent::EventHeard { id: domain::ids::EventId::new(uuid(7)) },
    ];
    let first = vec![RunEvent::Started { plan: plan_hash(255), parent: None, starts_at: None, trace: None }];
    stores.committed(StartRun { events: first.clone(), ..owned_start("r") }).await;
    stores.committed(AdvanceRun { events: events.clone(), ..advance("r", 1) }).await;
    let history = stores.runs.history(&run_id("r")).await.expect("the store works");
    assert_eq!(history.into_iter().map(|record| record.events).collect::<Vec<_>>(), [first, events]);
}

pub async fn times_keep_their_microseconds(stores: &Stores) {
    let odd = |micros| at(0) + TimeDelta::microseconds(micros);
    stores.committed(StartRun { at: odd(123_457), ..owned_start("r") }).await;
    let row = ClosedAttempt { started_at: odd(-1), completed_at: odd(999_999), ..closed(2) };
    let update = Some(update(RunStatus::Completed, None));
    let last = AdvanceRun { at: odd(7), closed: vec![row], update, wake: Wake::Never, ..advance("r", 1) };
    stores.committed(last).await;
    let (row, steps, history) = stores.all_of(&run_id("r")).await;
    let row = row.expect("the run is there");
    assert_eq!((row.created_at, row.updated_at, row.completed_at), (odd(123_457), odd(7), Some(odd(7))));
    assert_eq!((steps[0].started_at, steps[0].completed_at), (odd(-1), Some(odd(999_999))));
    assert_eq!(history.iter().map(|record| record.at).collect::<Vec<_>>(), [odd(123_457), odd(7)]);

    let back = AdvanceRun { events: vec![], wake: Wake::At(odd(8)), ..advance("w", 1) };
    stores.committed(owned_start("w")).await;
    stores.committed(back).await;
    assert_eq!(stores.leases.claim(executor(2), 1, odd(7)).await.expect("the store works"), []);
    assert_eq!(stores.leases.claim(executor(2), 1, odd(8)).await.expect("the store works").len(), 1);
}
