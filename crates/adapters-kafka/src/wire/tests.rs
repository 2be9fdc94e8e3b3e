//! The recorded records, in both directions.

use domain::{
    Timestamp,
    agents::{AgentName, BreakerChange, BreakerNews, BreakerPhase, Tally},
    ids::{DeadLetterId, RunId, Seq, StepExecutionId, StepId, WorkflowRef},
    payload::Payload,
    runs::{
        AgentTask, CancellationRequest, DeadLetterLeft, ExecutionRequest, ExternalRequest, MonitoringUpdate, News,
        OriginalTask, RaisedEvent, Receivers, RunEnded, TaskOutcome,
    },
    trace::RunTrace,
    workflows::WorkflowDocument,
};
use serde_json::{Value, json};

use super::*;

const LIMIT: usize = 1_000_000;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../tests/fixtures/", $name, ".json"))
    };
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("a fixture is JSON")
}

/// Same members, same values, same order: only the blanks differ.
fn assert_written(written: &[u8], fixture: &str) {
    let text = std::str::from_utf8(written).expect("UTF-8");
    let dense = fixture.trim().replace("\": ", "\":").replace(", \"", ",\"");
    assert_eq!(text, dense);
    assert_eq!(parsed(text), parsed(fixture));
}

fn run() -> RunId {
    RunId::parse("run-0199f0aa-1111-7222-8333-444455556666").expect("an id")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn payload(value: Value) -> Payload {
    Payload::new(value).expect("storable")
}

fn start() -> ExternalRequest {
    let plan = &parsed(fixture!("execution_request"))["workflow_plan"];
    ExternalRequest::Start {
        run: run(),
        document: serde_json::from_value::<WorkflowDocument>(plan.clone()).expect("a document"),
        input: payload(json!({"src": "s3://bucket/k", "n": 1.5})),
        at: at("2026-11-22T21:47:05.657300Z"),
    }
}

fn cancel(by: Option<&str>, reason: Option<&str>) -> ExternalRequest {
    let (by, reason) = (by.map(str::to_owned), reason.map(str::to_owned));
    ExternalRequest::Cancel { run: run(), by, reason, at: at("2026-11-22T21:49:00.000001Z") }
}

#[test]
fn an_execution_request_is_written_and_read() {
    let written = request(&start());
    assert_eq!(written.refusal, None);
    assert_written(&written.value, fixture!("execution_request"));
    let read = read_request(Some(fixture!("execution_request").as_bytes()), LIMIT).expect("a request");
    let plan = parsed(fixture!("execution_request"))["workflow_plan"].clone();
    let input = payload(json!({"src": "s3://bucket/k", "n": 1.5}));
    assert_eq!(read, Request::Execution(ExecutionRequest { run: run(), plan, input, from: None }));
}

#[test]
fn an_execution_request_is_known_by_its_plan_and_lacks_nothing_without_input() {
    let read = read_request(Some(fixture!("execution_request_without_type").as_bytes()), LIMIT).expect("a request");
    let Request::Execution(read) = read else { panic!("it is an execution request") };
    assert_eq!((read.run, read.input.text()), (run(), "{}"));
}

#[test]
fn an_input_is_never_sent_as_null_or_as_anything_but_an_object() {
    for (input, sent, is_refused) in
        [(json!(null), json!({}), false), (json!({}), json!({}), false), (json!([1]), json!([1]), true)]
    {
        let ExternalRequest::Start { run, document, at, .. } = start() else { panic!("it is a start") };
        let written = request(&ExternalRequest::Start { run, document, input: payload(input), at });
        let value: Value = serde_json::from_slice(&written.value).expect("JSON");
        assert_eq!((&value["input_data"], written.refusal.is_some()), (&sent, is_refused));
    }
}

#[test]
fn a_cancellation_request_is_written_and_read() {
    for (fixture, by, reason) in [
        (fixture!("cancellation_request"), Some("system"), Some("wrong input")),
        (fixture!("cancellation_request_nulls"), None, None),
    ] {
        assert_written(&request(&cancel(by, reason)).value, fixture);
        let read = read_request(Some(fixture.as_bytes()), LIMIT).expect("a request");
        let (by, reason) = (by.map(str::to_owned), reason.map(str::to_owned));
        assert_eq!(read, Request::Cancellation(CancellationRequest { run: run(), by, reason }));
    }
    let read = read_request(Some(fixture!("cancellation_request_without_type").as_bytes()), LIMIT).expect("a request");
    assert_eq!(read, Request::Cancellation(CancellationRequest { run: run(), by: None, reason: None }));
}

#[test]
fn what_is_no_request_is_told_in_a_sentence() {
    let long = "x".repeat(300);
    for (value, sentence) in [
        (json!({"run_id": "r"}), "the record is neither an execution nor a cancellation request"),
        (json!({"run_id": "r", "message_type": "x"}), "the record is neither an execution nor a cancellation request"),
        (json!({"message_type": 1}), "message_type is not a text"),
        (json!({"message_type": "execution_request", "run_id": "r"}), "workflow_plan is missing"),
        (json!({"workflow_plan": {}}), "run_id is missing"),
        (json!({"workflow_plan": {}, "run_id": 7}), "run_id is not a text"),
        (json!({"workflow_plan": {}, "run_id": ""}), "run_id cannot be taken: run id is empty"),
        (json!({"reason": "x", "run_id": long}), "run_id cannot be taken: run id is longer than 255 characters"),
        (json!({"workflow_plan": {}, "run_id": "r", "input_data": []}), "input_data is not an object"),
        (
            json!({"workflow_plan": {}, "run_id": "r", "input_data": {"a": "\0"}}),
            "input_data cannot be taken: text contains the character U+0000, which cannot be stored",
        ),
    ] {
        let error = read_request(Some(value.to_string().as_bytes()), LIMIT).expect_err("it is no request");
        assert_eq!(error.to_string(), sentence);
    }
}

fn event(text: &str) -> Result<RaisedEvent, String> {
    read_event(Some(text.as_bytes()), LIMIT, || "its place".to_owned()).map_err(|problem| problem.to_string())
}

#[test]
fn an_event_is_read() {
    let (name, data) = ("payment_received".to_owned(), payload(json!({"amount": 25.5, "paid": true})));
    let to = Receivers::Waiting { correlation: "order-4711".into() };
    let (id, place) = ("payment-99".into(), "its place".into());
    let of_all = RaisedEvent { name: name.clone(), to, data: data.clone(), id };
    assert_eq!(event(fixture!("event")), Ok(of_all));
    let of_run = RaisedEvent { name, to: Receivers::Run(run()), data, id: place };
    assert_eq!(event(fixture!("event_for_run")), Ok(of_run));
}

#[test]
fn an_event_needs_nothing_but_its_name() {
    let to = Receivers::Waiting { correlation: String::new() };
    let read = RaisedEvent { name: "e".into(), to, data: Payload::null(), id: "its place".into() };
    for text in [
        r#"{"event": "e"}"#,
        r#"{"event": "e", "correlation": ""}"#,
        r#"{"event": "e", "run_id": null, "correlation": null, "data": null, "id": null}"#,
    ] {
        assert_eq!(event(text).as_ref(), Ok(&read), "{text}");
    }
}

#[test]
fn what_is_no_event_is_told_in_a_sentence() {
    let (fits, long) = ("é".repeat(200), "é".repeat(201));
    assert!(event(&json!({"event": fits, "correlation": fits, "id": fits}).to_string()).is_ok());
    for (value, sentence) in [
        (json!({}), "event is missing"),
        (json!({"event": null}), "event is missing"),
        (json!({"event": 1}), "event is not a text"),
        (json!({"event": ""}), "event is not a text of 1 to 200 characters"),
        (json!({"event": long}), "event is not a text of 1 to 200 characters"),
        (json!({"event": "a\nb"}), "event is not a text without control characters"),
        (json!({"event": "e", "run_id": 7}), "run_id is not a text"),
        (json!({"event": "e", "run_id": ""}), "run_id cannot be taken: run id is empty"),
        (json!({"event": "e", "correlation": []}), "correlation is not a text"),
        (json!({"event": "e", "correlation": long}), "correlation is not a text of 1 to 200 characters"),
        (json!({"event": "e", "run_id": "r", "correlation": "c"}), "run_id and correlation exclude each other"),
        (json!({"event": "e", "run_id": "r", "correlation": ""}), "run_id and correlation exclude each other"),
        (json!({"event": "e", "id": 5}), "id is not a text"),
        (json!({"event": "e", "id": ""}), "id is not a text of 1 to 200 characters"),
        (json!({"event": "e", "payload": null}), "'payload' is not a member that is known"),
        (
            json!({"event": "e", "data": "\0"}),
            "data cannot be taken: text contains the character U+0000, which cannot be stored",
        ),
    ] {
        assert_eq!(event(&value.to_string()), Err(sentence.to_owned()), "{value}");
    }
}

fn agent_task() -> AgentTask {
    AgentTask {
        run: run(),
        task: "task-fetch-e92f1c46".into(),
        agent: "Fetcher".into(),
        input: payload(json!({"source": "s3://bucket/k"})),
        correlation: format!("corr-{}-fetch-ecdd8e2f", run()),
        trace: None,
    }
}

#[test]
fn a_task_is_written_and_read() {
    let written = task(&agent_task(), at("2026-11-22T21:48:10.868584Z")).expect("its input is an object");
    assert_written(&written, fixture!("agent_task"));
    assert_eq!(read_task(Some(fixture!("agent_task").as_bytes()), LIMIT), Ok(agent_task()));
    let minimal = read_task(Some(fixture!("agent_task_minimal").as_bytes()), LIMIT);
    assert_eq!(minimal, Ok(AgentTask { input: Payload::empty(), ..agent_task() }));
}

#[test]
fn a_task_without_an_object_as_input_is_not_written() {
    let with = |input| AgentTask { input: payload(input), ..agent_task() };
    assert_eq!(task(&with(json!("x")), at("2026-11-22T21:48:10Z")), None);
    let of_null = task(&with(json!(null)), at("2026-11-22T21:48:10Z")).expect("null is no input");
    assert_eq!(serde_json::from_slice::<Value>(&of_null).expect("JSON")["input_data"], json!({}));
}

#[test]
fn a_task_lacks_nothing_that_names_it() {
    for member in ["run_id", "task_id", "agent_name", "correlation_id"] {
        let mut value = parsed(fixture!("agent_task"));
        value.as_object_mut().expect("an object").remove(member);
        let error = read_task(Some(value.to_string().as_bytes()), LIMIT).expect_err("it is no task");
        assert_eq!(error.to_string(), format!("{member} is missing"));
    }
}

#[test]
fn a_result_is_written_and_read() {
    let (bad, output) =
        ("JSON-RPC Error -32000: bad", payload(json!({"status": {"state": "completed"}, "text": "done"})));
    let null = payload(json!(null));
    for (fixture, outcome, read) in [
        (fixture!("agent_result_success"), TaskOutcome::Success(output.clone()), TaskResult::Success(output)),
        (fixture!("agent_result_null_output"), TaskOutcome::Success(null.clone()), TaskResult::Success(null)),
        (fixture!("agent_result_failure"), TaskOutcome::Failure(bad.into()), TaskResult::Failure(bad.into())),
    ] {
        assert_written(&result(&agent_task(), &outcome, at("2026-11-22T21:48:10.923550Z")), fixture);
        let result = read_result(Some(fixture.as_bytes()), LIMIT).expect("a result");
        assert_eq!((result.correlation, result.outcome), (agent_task().correlation, read));
    }
}

#[test]
fn an_output_that_the_old_executor_would_not_take_is_wrapped() {
    let written = result(&agent_task(), &TaskOutcome::Success(payload(json!([1]))), at("2026-11-22T21:48:10Z"));
    let written: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(written["output_data"], json!({"value": [1]}));
}

#[test]
fn only_success_in_capitals_with_an_object_is_a_success() {
    let with = |member: &str, value: Value| {
        let mut result = parsed(fixture!("agent_result_success"));
        result[member] = value;
        read_result(Some(result.to_string().as_bytes()), LIMIT).expect("a result").outcome
    };
    assert_eq!(with("status", json!("success")), TaskResult::Failure(String::new()));
    assert_eq!(with("output_data", json!("text")), TaskResult::Unusable("it is not an object".into()));
    assert!(matches!(with("output_data", json!({"a": "\0"})), TaskResult::Unusable(_)));
    assert!(matches!(with("extra", json!(1)), TaskResult::Success(_)));
    assert_eq!(read_result(Some(b"{}"), LIMIT).expect_err("no result").to_string(), "correlation_id is missing");
}

#[test]
fn monitoring_updates_are_written() {
    let step = StepId::parse("fetch").expect("an id");
    let agent = AgentName::parse("Fetcher").expect("a name");
    let execution = StepExecutionId::derive(&run(), &step, Seq::new(1));
    let (task, error) = ("task-fetch-e92f1c46".to_owned(), "HTTP 503".to_owned());
    let started = News::StepStarted {
        step: step.clone(),
        agent: agent.clone(),
        execution: execution.clone(),
        task: task.clone(),
    };
    let completed =
        News::StepCompleted { step: step.clone(), agent: agent.clone(), execution: execution.clone(), task };
    let failed = News::StepFailed { step: step.clone(), agent, execution, error: error.clone() };
    let run_failed = News::RunFailed { workflow: "order-intake".into(), step: Some(step), error };
    for (news, fixture) in [
        (started, fixture!("monitoring_step_started")),
        (completed, fixture!("monitoring_step_completed")),
        (failed, fixture!("monitoring_step_failed")),
        (run_failed, fixture!("monitoring_run_failed")),
    ] {
        let update = MonitoringUpdate { run: run(), from: None, at: at("2026-11-22T21:48:10.868387Z"), news };
        assert_written(&monitoring(&update), fixture);
    }
}

#[test]
fn a_breaker_that_opens_is_written_as_an_update_of_no_run() {
    let since = at("2026-11-22T21:48:10.868387Z");
    let tally = Tally { successes: 1, failures: 5 };
    let change = BreakerChange { from: BreakerPhase::Closed, to: BreakerPhase::Open { since }, tally };
    let agent = AgentName::parse("Fetcher").expect("a name");
    let news = BreakerNews { agent, at: since, change, retry_at: Some(at("2026-11-22T21:49:10.868387Z")) };
    assert_written(&breaker(&news), fixture!("monitoring_breaker_opened"));
}

#[test]
fn an_ended_run_is_written_and_read() {
    let message = RunEnded {
        event_id: format!("{}-7", run()),
        run_id: run(),
        status: "FAILED".into(),
        timestamp: at("2026-11-22T21:48:10.868387Z"),
        error_message: Some("Workflow failed at step 'fetch': HTTP 503".into()),
        message_type: "run_ended".into(),
        from: None,
    };
    assert_written(&run_ended(&message), fixture!("run_ended"));
    let traced = RunEnded { from: Some(RunTrace::of_text("r").named("run")), ..message.clone() };
    assert_written(&run_ended(&traced), fixture!("run_ended"));
    assert_eq!(serde_json::from_str::<RunEnded>(fixture!("run_ended")).expect("a message"), message);
}

#[test]
fn a_step_that_failed_for_good_is_written_with_the_task_as_it_was() {
    let step = StepId::parse("fetch").expect("an id");
    let agent = AgentName::parse("Fetcher").expect("a name");
    let left = DeadLetterLeft {
        event_id: "6d1f3c52-8a0e-5b7d-9c41-2f60a7b3d815-1".into(),
        dlq_id: DeadLetterId::new("6d1f3c52-8a0e-5b7d-9c41-2f60a7b3d815".parse().expect("a UUID")),
        run_id: run(),
        workflow_id: WorkflowRef::from_text("0199f0aa-0000-7222-8333-444455556666"),
        workflow_name: "ingest".into(),
        workflow_version: Some(3),
        path: step.top_level(),
        step_id: step,
        agent_name: agent,
        original_task: OriginalTask {
            task_id: "task-fetch-0a1b2c3d4e5f60718293a4b5c6d7e8f9".into(),
            message_id: "msg-task-fetch-0a1b2c3d4e5f60718293a4b5c6d7e8f9".into(),
            input: Some(payload(json!({"src": "s3://bucket/k", "n": 1.5}))),
            input_bytes: 31,
        },
        failure_reason: "HTTP 503".into(),
        attempts: 4,
        first_failed_at: at("2026-11-22T21:48:10.868387Z"),
        last_failed_at: at("2026-11-22T21:48:10.868387Z"),
        failure_count: 1,
        timestamp: at("2026-11-22T21:48:10.868387Z"),
        message_type: "dead_letter".into(),
        from: None,
    };
    let traced = DeadLetterLeft { from: Some(RunTrace::of_text("r").named("run")), ..left.clone() };
    assert_eq!(dead_letter_left(&traced), dead_letter_left(&left));
    let written = dead_letter_left(&left);
    assert_eq!(parsed(std::str::from_utf8(&written).expect("UTF-8")), parsed(fixture!("dead_letter_left")));
    let without_input = OriginalTask { input: None, input_bytes: 300_000, ..left.original_task.clone() };
    let written = dead_letter_left(&DeadLetterLeft { original_task: without_input, ..left });
    let task = &parsed(std::str::from_utf8(&written).expect("UTF-8"))["original_task"];
    assert_eq!((&task["input"], &task["input_bytes"]), (&Value::Null, &json!(300_000)));
}
