//! Runs of the external executor, which is played by plain SQL.

use adapters_postgres::PgStore;
use chrono::TimeDelta;
use dev_services::Database;
use domain::{
    ids::PlanHash,
    payload::Payload,
    ports::{ExternalRuns, RunLeases, Runs, Transactions},
    runs::{
        CommitOutcome::{Absorbed, Committed, Duplicate, Gone, Moved},
        ExternalRequest, Run, RunEngine, RunStatus, StartRun,
    },
    workflows::WorkflowDocument,
};
use port_contracts::{
    Stores,
    samples::{adopt, at, cancel, document, executor, payload, plan_hash, resume, run_id, start, workflow},
};
use serde_json::json;

use crate::{
    python::Python,
    stores::{migrated, open},
};

const PATIENCE: TimeDelta = TimeDelta::seconds(60);

struct External {
    store: PgStore,
    python: Python,
    _database: Database,
}

/// A store that keeps one plan.
async fn external() -> External {
    let database = migrated().await;
    let store = open(&database).await;
    let mut unit = store.begin().await.expect("the store works");
    unit.keep_plan(plan_hash(1), &document("greeting", 1)).await.expect("the store works");
    unit.commit().await.expect("the store works");
    let python = Python::over(&database).await;
    External { store, python, _database: database }
}

impl External {
    async fn started(&self, run: &str) -> StartRun {
        let start = start(run);
        assert_eq!(self.store.start(&start).await.expect("the store works"), Committed);
        start
    }

    async fn next(&self, second: i64) -> Option<ExternalRequest> {
        self.store.next_request(at(second), PATIENCE).await.expect("the store works")
    }

    /// What is sent next, in short.
    async fn sent(&self, second: i64) -> Option<String> {
        self.next(second).await.map(|request| match request {
            ExternalRequest::Start { run, .. } => format!("start {run}"),
            ExternalRequest::Cancel { run, .. } => format!("cancel {run}"),
        })
    }

    async fn run(&self, run: &str) -> Run {
        self.store.get(&run_id(run)).await.expect("the store works").expect("the run is there")
    }

    async fn given_up(&self, second: i64) -> u64 {
        self.store.give_up_silent(at(second), TimeDelta::seconds(600)).await.expect("the store works")
    }
}

#[tokio::test]
async fn a_started_run_waits_for_the_external_executor_and_for_nobody_else() {
    let external = external().await;
    let start = external.started("r").await;
    let row = external.run("r").await;
    assert_eq!(
        (row.engine, row.status, row.workflow),
        (RunEngine::External, RunStatus::Pending, start.workflow.into())
    );
    assert_eq!((row.input, row.triggered_by.as_deref()), (start.input, Some("tester")));
    assert_eq!(external.store.claim(executor(1), 9, at(1_000)).await.expect("the store works"), []);
    assert_eq!(external.store.history(&run_id("r")).await.expect("the store works"), []);
    assert_eq!(external.store.start(&start_again()).await.expect("the store works"), Duplicate);
}

fn start_again() -> StartRun {
    StartRun { input: payload(json!({"other": true})), ..start("r") }
}

#[tokio::test]
async fn a_request_to_start_says_what_the_run_executes() {
    let external = external().await;
    let odd = payload(json!({"x": 1e16}));
    let start = StartRun { input: odd.clone(), ..start("r") };
    external.store.start(&start).await.expect("the store works");
    let expected =
        ExternalRequest::Start { run: start.run, document: document("greeting", 1), input: odd, at: start.at };
    assert_eq!(external.next(0).await, Some(expected));
}

#[tokio::test]
async fn requests_are_sent_once_oldest_first() {
    let external = external().await;
    for (run, second) in [("b", 2), ("a", 3), ("c", 1)] {
        let start = StartRun { at: at(second), ..start(run) };
        external.store.start(&start).await.expect("the store works");
    }
    assert_eq!(external.next(0).await, None, "nothing is due yet");
    let mut sent = Vec::new();
    while let Some(next) = external.sent(10).await {
        sent.push(next);
    }
    assert_eq!(sent, ["start c", "start b", "start a"]);
}

#[tokio::test]
async fn a_request_to_start_is_sent_again_while_nothing_comes_of_it() {
    let mut external = external().await;
    for run in ["lost", "taken", "begun", "cancelled"] {
        external.started(run).await;
    }
    while external.next(0).await.is_some() {}
    external.python.starts("taken", at(5)).await;
    external.python.begins_step("begun", "a", "begun-a-1", at(6)).await;
    external.python.cancels("cancelled", at(7)).await;
    assert_eq!(external.sent(59).await, None);
    assert_eq!(external.sent(60).await.as_deref(), Some("start lost"));
    assert_eq!(external.sent(60).await, None);
    assert_eq!(external.sent(120).await.as_deref(), Some("start lost"));
    external.python.starts("lost", at(130)).await;
    external.python.status("lost", "COMPLETED", at(140)).await;
    assert_eq!(external.sent(1_000).await, None);
}

#[tokio::test]
async fn many_requests_that_nobody_needs_any_more_hide_none_that_is_due() {
    let mut external = external().await;
    for n in 0..120 {
        external.started(&format!("r{n:03}")).await;
    }
    while external.next(0).await.is_some() {}
    for n in 0..119 {
        external.python.starts(&format!("r{n:03}"), at(5)).await;
    }
    assert_eq!(external.sent(60).await.as_deref(), Some("start r119"));
    assert_eq!(external.sent(60).await, None);
}

#[tokio::test]
async fn a_cancellation_is_stored_and_sent() {
    let mut external = external().await;
    for run in ["pending", "running"] {
        external.started(run).await;
    }
    external.python.starts("running", at(5)).await;
    for run in ["pending", "running"] {
        let cancel = cancel(run);
        assert_eq!(external.store.cancel(&cancel).await.expect("the store works"), Committed);
        let row = external.run(run).await;
        assert_eq!((row.status, row.error.as_deref()), (RunStatus::Cancelled, Some("Cancelled: not needed")));
        assert_eq!((row.cancelled_at, row.cancelled_by.as_deref()), (Some(at(20)), Some("operator")));
        assert_eq!(external.store.cancel(&cancel).await.expect("the store works"), Absorbed);
        // Their requests to start are needless now.
        let (by, reason) = (Some("operator".to_owned()), Some("not needed".to_owned()));
        let expected = ExternalRequest::Cancel { run: run_id(run), by, reason, at: at(20) };
        assert_eq!(external.next(20).await, Some(expected));
        assert_eq!(external.next(20).await, None);
    }
}

#[tokio::test]
async fn a_run_of_nobody_or_of_ours_is_not_the_external_executors() {
    let external = external().await;
    let stores = Stores::new(external.store.clone());
    stores.committed(adopt("ours")).await;
    for run in ["unknown", "ours"] {
        assert_eq!(external.store.cancel(&cancel(run)).await.expect("the store works"), Gone, "{run}");
        assert_eq!(external.store.retry(&resume(run)).await.expect("the store works"), Gone, "{run}");
    }
    assert_eq!(external.run("ours").await.status, RunStatus::Pending);
    assert_eq!(external.next(1_000).await, None);
}

#[tokio::test]
async fn a_cancellation_is_sent_again_while_steps_go_on_and_at_most_ten_times() {
    let mut external = external().await;
    external.started("r").await;
    external.python.starts("r", at(1)).await;
    external.python.begins_step("r", "a", "r-a-1", at(2)).await;
    external.store.cancel(&cancel("r")).await.expect("the store works");
    assert_eq!(external.sent(20).await.as_deref(), Some("cancel r"));
    assert_eq!(external.sent(80).await, None, "nothing has happened since");
    external.python.ends_step("r-a-1", Some("{}"), at(100)).await;
    assert_eq!(external.sent(140).await.as_deref(), Some("cancel r"), "a step has ended");
    for n in 2..10 {
        let second = 140 + (n - 1) * 60;
        external.python.begins_step("r", "b", &format!("r-b-{n}"), at(second - 1)).await;
        assert_eq!(external.sent(second).await.as_deref(), Some("cancel r"), "a step has begun");
    }
    external.python.begins_step("r", "b", "r-b-10", at(700)).await;
    assert_eq!(external.sent(2_000).await, None);
}

#[tokio::test]
async fn a_cancelled_run_that_is_quiet_is_watched_for_an_hour() {
    let mut external = external().await;
    external.started("r").await;
    external.store.cancel(&cancel("r")).await.expect("the store works");
    external.sent(20).await;
    assert_eq!(external.sent(80).await, None);
    assert_eq!(external.sent(4_000).await, None);
    external.python.begins_step("r", "b", "r-b-1", at(4_001)).await;
    assert_eq!(external.sent(5_000).await, None);
}

#[tokio::test]
async fn the_old_executor_cannot_undo_a_cancellation() {
    let mut external = external().await;
    external.started("r").await;
    external.store.cancel(&cancel("r")).await.expect("the store works");
    let before = external.run("r").await;
    for status in ["RUNNING", "FAILED", "COMPLETED"] {
        // The player of the old executor makes sure that a row is updated, as SQLAlchemy does.
        external.python.status("r", status, at(30)).await;
        assert_eq!(external.run("r").await, before, "{status}");
    }
    external.python.retries("r", at(40)).await;
    assert_eq!(external.run("r").await.status, RunStatus::Pending);
    external.python.starts("r", at(41)).await;
    assert_eq!(external.run("r").await.status, RunStatus::Running);
}

#[tokio::test]
async fn a_failed_or_cancelled_run_is_retried_as_the_plan_that_it_is_pinned_to() {
    let mut external = external().await;
    for run in ["failed", "cancelled"] {
        external.started(run).await;
        external.python.starts(run, at(1)).await;
        external.python.begins_step(run, "a", &format!("{run}-a-1"), at(2)).await;
        assert_eq!(external.store.retry(&resume(run)).await.expect("the store works"), Absorbed, "it is running");
    }
    external.python.status("failed", "FAILED", at(5)).await;
    external.store.cancel(&cancel("cancelled")).await.expect("the store works");
    let early = external.store.retry(&resume("cancelled")).await.expect("the store works");
    assert_eq!(early, Moved, "the executor has not heard of the cancellation");
    let told = external.next(20).await;
    let Some(request @ ExternalRequest::Cancel { .. }) = &told else { panic!("{told:?}") };
    let waits = external.store.undelivered(&run_id("cancelled")).await.expect("the store works");
    assert_eq!(waits, Some(cancel("cancelled").at));
    assert_eq!(
        external.store.retry(&resume("cancelled")).await.expect("the store works"),
        Moved,
        "the bus has not taken it"
    );
    external.store.told(request, at(21)).await.expect("the store works");
    assert_eq!(external.store.undelivered(&run_id("cancelled")).await.expect("the store works"), None);
    for run in ["failed", "cancelled"] {
        assert_eq!(external.store.retry(&resume(run)).await.expect("the store works"), Committed);
        let row = external.run(run).await;
        assert_eq!((row.status, row.error, row.completed_at), (RunStatus::Pending, None, None));
        assert_eq!((row.cancelled_at, row.cancelled_by), (None, None));
    }
    for _ in 0..2 {
        let request = external.next(30).await.expect("it is due");
        assert!(
            matches!(&request, ExternalRequest::Start { document, at: when, .. }
                         if document == &self::document("greeting", 1) && *when == at(30)),
            "{request:?}"
        );
    }
    // The steps of the first time are older than the request.
    assert!(external.sent(90).await.is_some());
}

#[tokio::test]
async fn a_run_of_the_old_api_is_retried_as_its_definition_says_now() {
    let mut external = external().await;
    let definition = workflow(7, "report", 3);
    let stores = Stores::new(external.store.clone());
    stores.changed(&[port_contracts::Change::AddWorkflow(definition.clone())]).await;
    for (run, of) in [("known", definition.id.to_string()), ("unknown", "wf-gone-1".to_owned())] {
        external.python.requests(run, &of, at(0)).await;
        external.python.status(run, "FAILED", at(5)).await;
    }
    assert_eq!(external.store.retry(&resume("unknown")).await.expect("the store works"), Absorbed);
    assert_eq!(external.run("unknown").await.status, RunStatus::Failed);
    assert_eq!(external.store.retry(&resume("known")).await.expect("the store works"), Committed);
    let input: Payload = payload(json!({"from": "api"}));
    let document: WorkflowDocument = definition.document;
    assert_eq!(
        external.next(30).await,
        Some(ExternalRequest::Start { run: run_id("known"), document, input, at: at(30) })
    );
}

#[tokio::test]
async fn a_run_whose_request_cannot_be_sent_fails_with_the_reason_and_is_asked_for_no_more() {
    let mut external = external().await;
    external.started("r").await;
    let request = external.next(0).await.expect("it is due");
    external.store.refused(&request, at(5), "it has a delay").await.expect("the store works");
    let row = external.run("r").await;
    let ended = (RunStatus::Failed, Some("it has a delay"), Some(at(5)));
    assert_eq!((row.status, row.error.as_deref(), row.completed_at), ended);
    assert_eq!(external.next(100_000).await, None);

    external.python.retries("r", at(10)).await;
    external.started("begun").await;
    let request = external.next(10).await.expect("it is due");
    external.python.starts("begun", at(11)).await;
    external.store.refused(&request, at(12), "too late").await.expect("the store works");
    let (retried, begun) = (external.run("r").await.status, external.run("begun").await.status);
    assert_eq!((retried, begun), (RunStatus::Pending, RunStatus::Running), "what goes on is not ended");
}

#[tokio::test]
async fn a_refused_request_does_not_take_away_what_is_wanted_since() {
    let external = external().await;
    external.started("r").await;
    let request = external.next(0).await.expect("it is due");
    external.store.cancel(&cancel("r")).await.expect("the store works");
    external.store.refused(&request, at(21), "too large").await.expect("the store works");
    assert_eq!(external.run("r").await.status, RunStatus::Cancelled);
    assert_eq!(external.sent(22).await.as_deref(), Some("cancel r"));
}

#[tokio::test]
async fn a_run_whose_executor_is_gone_is_given_up() {
    let mut external = external().await;
    for run in ["silent", "stuck", "busy", "answered", "pending"] {
        external.started(run).await;
    }
    for run in ["silent", "stuck", "busy", "answered"] {
        external.python.starts(run, at(10)).await;
    }
    external.python.begins_step("stuck", "a", "stuck-a-1", at(20)).await;
    external.python.begins_step("busy", "a", "busy-a-1", at(500)).await;
    external.python.begins_step("answered", "a", "answered-a-1", at(20)).await;
    external.python.ends_step("answered-a-1", Some("{}"), at(400)).await;
    let stores = Stores::new(external.store.clone());
    stores.committed(port_contracts::samples::owned_start("ours")).await;
    assert_eq!(external.given_up(610).await, 0);
    assert_eq!(external.given_up(700).await, 2);
    for run in ["silent", "stuck"] {
        let row = external.run(run).await;
        assert_eq!((row.status, row.completed_at), (RunStatus::Failed, Some(at(700))));
        let error = row.error.expect("it says why");
        assert!(error.contains("600 seconds"), "{error}");
    }
    assert_eq!(external.given_up(700).await, 0);
    assert_eq!(external.given_up(1_200).await, 2);
    assert_eq!(
        (external.run("pending").await.status, external.run("ours").await.status),
        (RunStatus::Pending, RunStatus::Running)
    );
}

/// A person may move a run of the old executor to ours.
#[tokio::test]
async fn an_adopted_run_is_not_the_external_executors_any_more() {
    let mut external = external().await;
    external.started("r").await;
    external.python.status("r", "FAILED", at(5)).await;
    let stores = Stores::new(external.store.clone());
    let retry = domain::runs::AdoptRun { cause: domain::runs::Adoption::Retry, ..adopt("r") };
    stores.committed(retry).await;
    assert_eq!(external.next(1_000).await, None, "its request has not been sent");
    let row = external.run("r").await;
    assert_eq!((row.engine, row.plan), (RunEngine::Orrery, Some(PlanHash::new([1; 32]))));
    assert_eq!(external.store.cancel(&cancel("r")).await.expect("the store works"), Gone);
    assert_eq!(external.given_up(1_000_000).await, 0);
}
