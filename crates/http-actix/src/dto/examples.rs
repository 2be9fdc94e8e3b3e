//! The examples of the API's description: one small story, an agent that summarises and a workflow that uses it. The
//! tests check every one against its schema.

use serde_json::{Value, json};

const AGENT_ID: &str = "0190c0de-0000-7000-8000-000000000001";
const WORKFLOW_ID: &str = "0190c0de-0000-7000-8000-000000000002";
pub(crate) const RUN_ID: &str = "run-0190c0de-0000-7000-8000-000000000003";
const DLQ_ID: &str = "6d1f3c52-8a0e-5b7d-9c41-2f60a7b3d815";
const AT: &str = "2026-01-31T12:00:00.000000Z";

fn retry() -> Value {
    json!({"max_retries": 3, "initial_delay_ms": 1000, "max_delay_ms": 30000, "backoff_multiplier": 2.0})
}

fn breaker() -> Value {
    json!({
        "enabled": true, "failure_threshold": 5, "failure_rate_threshold": 0.5, "timeout_seconds": 60,
        "half_open_max_calls": 3, "window_size_seconds": 120, "on_open": "wait",
    })
}

/// What is sent to register the agent.
pub(crate) fn new_agent() -> Value {
    json!({
        "name": "Summariser",
        "url": "http://summariser:8080/",
        "description": "Summarises texts",
        "auth_type": "bearer",
        "auth_config": {"token": "a-secret-that-is-never-returned"},
        "timeout_ms": 30000,
        "retry_config": retry(),
        "circuit_breaker_config": breaker(),
        "max_concurrent_calls": 20,
    })
}

/// What is sent to change the agent.
pub(crate) fn agent_changes() -> Value {
    json!({"timeout_ms": 60000, "status": "inactive"})
}

/// The agent.
pub(crate) fn agent() -> Value {
    json!({
        "id": AGENT_ID,
        "name": "Summariser",
        "url": "http://summariser:8080/",
        "description": "Summarises texts",
        "auth_type": "bearer",
        "auth_config": {"type": "bearer", "configured": true},
        "timeout_ms": 30000,
        "retry_config": retry(),
        "circuit_breaker_config": breaker(),
        "max_concurrent_calls": 20,
        "status": "active",
        "created_at": AT,
        "updated_at": AT,
        "created_by": null,
        "updated_by": null,
        "circuit_breaker": {
            "state": "closed", "opened_at": null, "retry_at": null, "recent_calls": 40, "recent_failures": 1,
        },
        "calls": {"in_flight": 7, "waiting": 0, "limit": 20},
    })
}

/// How the agent is.
pub(crate) fn agent_health() -> Value {
    json!({
        "status": "healthy",
        "message": "Summarises texts",
        "response_time_ms": 45,
        "timestamp": AT,
        "agent_card": {"name": "Summariser", "version": "1.2"},
    })
}

/// A page with one item.
pub(crate) fn page(item: &Value) -> Value {
    json!({"items": [item], "total": 1, "page": 1, "page_size": 20, "total_pages": 1})
}

/// What is answered where nothing else is left to say.
pub(crate) fn message(text: &str) -> Value {
    json!({"message": text, "timestamp": AT, "data": null})
}

/// What is answered to a deletion.
pub(crate) fn deleted(what: &str) -> Value {
    json!({"message": format!("{what} deleted successfully"), "timestamp": AT, "data": null})
}

fn steps() -> Value {
    json!({
        "fetch": {
            "id": "fetch", "type": "agent", "agent_name": "Fetcher", "next_step": "summarise",
            "input_mapping": {"source": "${workflow.input.source}"},
        },
        "summarise": {
            "id": "summarise", "type": "agent", "agent_name": "Summariser", "next_step": null,
            "input_mapping": {"text": "${fetch.output.text}"},
        },
    })
}

/// What is sent to create the workflow.
pub(crate) fn new_workflow() -> Value {
    json!({"name": "digest", "description": "Fetches a text and summarises it", "start_step": "fetch", "steps": steps()})
}

/// What is sent to have a document checked.
pub(crate) fn validated() -> Value {
    json!({"start_step": "fetch", "steps": steps()})
}

/// What is said about a document.
pub(crate) fn validation() -> Value {
    json!({"valid": false, "diagnostics": [{
        "pointer": "/steps/summarise/input_mapping/text",
        "code": "reference_to_later_step",
        "severity": "error",
        "message": "'${publish.output.text}' in step 'summarise' refers to a step that runs later; its output cannot be there yet",
        "hint": "refer to the workflow's input or to a step that runs before",
    }]})
}

/// What is sent to change the workflow.
pub(crate) fn workflow_changes() -> Value {
    json!({"description": "Fetches a text and summarises it", "start_step": "fetch", "steps": steps()})
}

/// The workflow.
pub(crate) fn workflow() -> Value {
    json!({
        "id": WORKFLOW_ID,
        "head_id": WORKFLOW_ID,
        "name": "digest",
        "description": "Fetches a text and summarises it",
        "version": 1,
        "change_summary": null,
        "workflow_data": {
            "workflow_id": "wf-digest-1", "name": "digest", "version": "1", "start_step": "fetch", "steps": steps(),
        },
        "status": "active",
        "created_at": AT,
        "updated_at": AT,
        "created_by": "system",
        "updated_by": "system",
    })
}

/// What is sent to change the status of a version.
pub(crate) fn version_changes() -> Value {
    json!({"status": "deprecated"})
}

/// What is sent to go back to a version.
pub(crate) fn rollback() -> Value {
    json!({"version": 1, "change_summary": "The new summaries were too long"})
}

/// What differs between two versions.
pub(crate) fn difference() -> Value {
    json!({
        "name": "digest",
        "from_version": 1,
        "to_version": 2,
        "steps_added": ["publish"],
        "steps_removed": [],
        "steps_changed": ["summarise"],
        "changes": [
            {"pointer": "/steps/publish", "change": "added", "after": {
                "id": "publish", "type": "agent", "agent_name": "Publisher", "next_step": null,
                "input_mapping": {"text": "${summarise.output.text}"},
            }},
            {"pointer": "/steps/summarise/next_step", "change": "changed", "before": null, "after": "publish"},
        ],
    })
}

/// What is sent to execute the workflow.
pub(crate) fn execution() -> Value {
    json!({"input_data": {"source": "https://example.org/text"}})
}

/// The run, with a status.
pub(crate) fn run(status: &str) -> Value {
    json!({
        "id": RUN_ID,
        "run_id": RUN_ID,
        "workflow_id": WORKFLOW_ID,
        "workflow_name": "digest",
        "workflow_version": 1,
        "workflow_definition_id": WORKFLOW_ID,
        "status": status,
        "paused": false,
        "engine": "orrery",
        "input_data": {"source": "https://example.org/text"},
        "output_data": null,
        "parent_run_id": null,
        "follows_run_id": null,
        "triggered_by": "system",
        "labels": {"team": "blue"},
        "created_at": AT,
        "start_at": null,
        "updated_at": AT,
        "completed_at": null,
        "cancelled_at": null,
        "cancelled_by": null,
        "error_message": null,
    })
}

/// A run, and what it waits for.
pub(crate) fn explained_run() -> Value {
    let mut run = run("RUNNING");
    run["waiting_on"] = json!([{
        "reason": "agent_call", "message": "Agent 'Fetcher' has been called and has not answered yet",
        "step": "fetch", "agent_name": "Fetcher", "attempt": 1, "since": AT,
    }]);
    run
}

/// The run after something was done to it.
pub(crate) fn receipt(status: &str, message: &str, more: Value) -> Value {
    let mut receipt = run(status);
    receipt["message"] = message.into();
    receipt["timestamp"] = AT.into();
    if let (Value::Object(receipt), Value::Object(more)) = (&mut receipt, more) {
        receipt.extend(more);
    }
    receipt
}

/// The answer to a cancellation.
pub(crate) fn cancelled() -> Value {
    let more = json!({"cancelled_at": AT, "cancelled_by": "system", "error_message": "Cancelled: no longer needed"});
    receipt("CANCELLED", "Run cancelled", more)
}

/// The answer to a pause and to its end.
pub(crate) fn run_receipt(message: &str) -> Value {
    receipt("RUNNING", message, json!({}))
}

/// A rehearsal.
pub(crate) fn rehearsal() -> Value {
    json!({"input_data": {"source": "https://example.org/text"}, "mocks": {"fetch": [{"error": "too busy"}, {"text": "a text"}]}})
}

/// What a rehearsal came to.
pub(crate) fn rehearsed() -> Value {
    let attempt = |number: u32, output: Value, error: Value| {
        json!({
            "path": "fetch", "step_id": "fetch", "agent_name": "Fetcher", "attempt": number,
            "status": if error.is_null() { "COMPLETED" } else { "FAILED" },
            "input_data": {"url": "https://example.org/text"}, "output_data": output, "error_message": error,
            "started_at": AT, "completed_at": AT,
        })
    };
    json!({
        "status": "COMPLETED",
        "output_data": {"text": "a text"},
        "error_message": null,
        "duration_ms": 1000,
        "path_taken": [{"path": "fetch", "type": "agent"}],
        "attempts": [attempt(1, Value::Null, "too busy".into()), attempt(2, json!({"text": "a text"}), Value::Null)],
        "path_truncated": false,
        "truncated": false,
    })
}

/// An event for one run.
pub(crate) fn event() -> Value {
    json!({"event": "approved", "data": {"by": "somebody"}, "id": "approval-17"})
}

/// An event for whoever waits for it.
pub(crate) fn broadcast() -> Value {
    json!({"event": "paid", "correlation": "order-4711", "data": {"amount": 12.5}})
}

/// The answer to an event.
pub(crate) fn event_receipt() -> Value {
    json!({"message": "1 run was told; its steps decide whether the event counts", "delivered_to": [RUN_ID], "timestamp": AT})
}

/// The answer to a retry.
pub(crate) fn retried() -> Value {
    receipt("PENDING", "Run resumed", json!({"new_run_id": RUN_ID, "original_run_id": RUN_ID}))
}

/// The steps of the run.
pub(crate) fn step_executions() -> Value {
    json!([{
        "id": format!("{RUN_ID}-fetch-00000002"),
        "run_id": RUN_ID,
        "step_id": "fetch",
        "path": "fetch",
        "step_name": "Fetcher",
        "agent_name": "Fetcher",
        "status": "COMPLETED",
        "attempt": 1,
        "input_data": {"source": "https://example.org/text"},
        "output_data": {"text": "…"},
        "started_at": AT,
        "completed_at": AT,
        "error_message": null,
    }])
}

/// A dead letter.
pub(crate) fn dead_letter() -> Value {
    json!({
        "dlq_id": DLQ_ID,
        "run_id": RUN_ID,
        "last_run_id": RUN_ID,
        "workflow_id": WORKFLOW_ID,
        "workflow_name": "digest",
        "workflow_version": 1,
        "step_id": "fetch",
        "path": "fetch",
        "agent_name": "Fetcher",
        "failure_reason": "HTTP 503",
        "attempts": 3,
        "first_failed_at": AT,
        "last_failed_at": AT,
        "failure_count": 1,
        "status": "pending_replay",
        "replayed_run_id": null,
        "replayed_at": null,
        "created_at": AT,
    })
}

/// A page of the audit log.
pub(crate) fn audit_page() -> Value {
    json!({
        "items": [{
            "id": "0190c0de-0000-7000-8000-00000000a0d1",
            "action": "cancel",
            "entity_type": "run",
            "entity_id": RUN_ID,
            "entity_name": null,
            "user_id": "user:alice",
            "credential_id": null,
            "request_id": "4f5c6d7e",
            "client_address": "192.0.2.7",
            "changes": {"status": {"after": "CANCELLED"}, "reason": {"after": "not needed"}},
            "bulk_id": null,
            "created_at": AT,
        }],
        "next_cursor": "00063fbd1a2b3c4d0000000000000007",
    })
}

/// The dead letter with all that is known about it.
pub(crate) fn dead_letter_detail() -> Value {
    let mut detail = dead_letter();
    detail["original_task"] = json!({
        "task_id": "task-fetch-0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "message_id": "msg-task-fetch-0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "input": {"source": "https://example.org/text"},
    });
    let mut attempts = step_executions();
    let failed = json!({"status": "FAILED", "output_data": null, "error_message": "HTTP 503"});
    if let (Value::Object(attempt), Value::Object(failed)) = (&mut attempts[0], failed) {
        attempt.extend(failed);
    }
    detail["retry_history"] = attempts;
    detail
}

/// The run that was started to do a dead letter's work.
pub(crate) fn replayed() -> Value {
    receipt("PENDING", "Dead letter replayed as a new run", json!({"replay_of": DLQ_ID}))
}

/// What is sent to replay many dead letters.
pub(crate) fn bulk_replay() -> Value {
    json!({"filter": {"agent_name": "Fetcher", "failed_after": AT}, "limit": 50})
}

/// What became of many dead letters.
pub(crate) fn bulk_replayed() -> Value {
    json!({
        "dry_run": false,
        "replayed": 1,
        "refused": 0,
        "outcomes": [{"dlq_id": DLQ_ID, "outcome": "replayed", "run_id": RUN_ID, "code": null, "detail": null}],
        "timestamp": AT,
    })
}

/// The health of the process.
pub(crate) fn health() -> Value {
    json!({
        "status": "healthy", "timestamp": AT, "version": env!("CARGO_PKG_VERSION"), "uptime_seconds": 5.7, "services": null,
    })
}

/// The readiness of the process.
pub(crate) fn readiness() -> Value {
    let database = json!({"status": "healthy", "message": "SQLite answers", "response_time_ms": 1});
    json!({"ready": true, "degraded": false, "timestamp": AT, "checks": {"database": database}})
}

pub(crate) fn not_ready() -> Value {
    let database = json!({"status": "unhealthy", "message": "the database does not answer", "response_time_ms": 1000});
    json!({"ready": false, "degraded": false, "timestamp": AT, "checks": {"database": database}})
}

pub(crate) fn task() -> Value {
    json!({
        "run_id": RUN_ID, "step": "summarise", "agent_name": "summariser", "workflow_name": "research", "state": "working",
        "attempt": 1, "dispatched_at": AT,
    })
}

pub(crate) fn task_receipt() -> Value {
    json!({"message": "The run was told", "run_id": RUN_ID, "step": "summarise", "timestamp": AT})
}
