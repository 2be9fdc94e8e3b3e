//! The examples of webhooks: a chat that is told what has failed. The secret is the specification's.

use serde_json::{Value, json};

const AT: &str = "2026-01-31T12:00:00.000000Z";
const LATER: &str = "2026-01-31T12:00:05.000000Z";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What is sent to make or change a webhook.
pub(crate) fn settings() -> Value {
    json!({
        "name": "operations chat",
        "url": "https://chat.example.com/hooks/orrery",
        "description": "What has failed",
        "statuses": ["FAILED"],
        "workflows": ["digest"],
    })
}

/// A webhook.
pub(crate) fn webhook() -> Value {
    json!({
        "id": "0190c0de-0000-7000-8000-000000000007",
        "name": "operations chat",
        "url": "https://chat.example.com/hooks/orrery",
        "description": "What has failed",
        "statuses": ["FAILED"],
        "workflows": ["digest"],
        "enabled": true,
        "disabled_reason": null,
        "disabled_at": null,
        "failing_since": null,
        "previous_secret_until": null,
        "revision": 1,
        "created_at": AT,
        "created_by": "key:build server",
        "updated_at": AT,
    })
}

/// A webhook with its secret.
pub(crate) fn issued() -> Value {
    json!({"secret": SECRET, "webhook": webhook()})
}

/// What is sent to rotate a secret.
pub(crate) fn rotate() -> Value {
    json!({"grace_seconds": 3600})
}

/// A delivery.
pub(crate) fn delivery() -> Value {
    json!({
        "id": "7f2c9a4e-51d3-5b80-9c1e-2a6d40f8b713",
        "message_id": "msg_7f2c9a4e51d35b809c1e2a6d40f8b713",
        "run_id": "run-0190c0de-0000-7000-8000-000000000003",
        "workflow_id": "0190c0de-0000-7000-8000-000000000002",
        "workflow_name": "digest",
        "status": "FAILED",
        "status_at": AT,
        "state": "pending",
        "attempts": 1,
        "next_attempt_at": LATER,
        "created_at": AT,
        "settled_at": null,
        "log": [{"at": AT, "duration_ms": 31, "status": 503, "error": "the receiver answered 503: try later"}],
    })
}

/// What came of a test.
pub(crate) fn tested() -> Value {
    json!({
        "message_id": "msg_0190c0de000070008000000000000008",
        "delivered": true,
        "at": AT,
        "duration_ms": 31,
        "status": 204,
        "error": null,
    })
}
