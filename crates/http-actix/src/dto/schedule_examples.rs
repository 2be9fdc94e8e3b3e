//! Examples of schedules; the tests hold them against the schemas.

use serde_json::{Value, json};

const AT: &str = "2026-01-31T02:00:00.000000Z";

/// What is sent to make a schedule.
pub(crate) fn new_schedule() -> Value {
    json!({
        "name": "nightly-digest",
        "workflow_id": "0190c0de-0000-7000-8000-000000000002",
        "cron": "0 3 * * *",
        "time_zone": "Europe/Berlin",
        "input_data": {"source": "https://example.com/news?until=${schedule.time}"},
        "overlap": "skip",
        "missed": "last",
    })
}

/// What is sent to change it.
pub(crate) fn schedule_changes() -> Value {
    json!({"cron": "30 3 * * MON-FRI", "ends_at": "2035-12-31T23:59:59Z"})
}

/// A tick.
pub(crate) fn tick() -> Value {
    json!({
        "tick_id": "5f0c8c1e-2d3a-5b6c-8d7e-9f0a1b2c3d4e",
        "scheduled_at": AT,
        "scheduled_until": AT,
        "count": 1,
        "manual": false,
        "status": "started",
        "reason": null,
        "error_message": null,
        "run_id": "run-5f0c8c1e-2d3a-5b6c-8d7e-9f0a1b2c3d4e",
        "cancelled_run_id": null,
        "decided_at": "2026-01-31T02:00:00.004211Z",
    })
}

/// A tick that somebody asked for.
pub(crate) fn triggered() -> Value {
    let mut tick = tick();
    tick["manual"] = json!(true);
    tick
}

/// The schedule.
pub(crate) fn schedule() -> Value {
    json!({
        "id": "0190c0de-0000-7000-8000-000000000009",
        "name": "nightly-digest",
        "workflow_id": "0190c0de-0000-7000-8000-000000000002",
        "version": null,
        "cron": "0 3 * * *",
        "time_zone": "Europe/Berlin",
        "starts_at": null,
        "ends_at": null,
        "input_data": {"source": "https://example.com/news?until=${schedule.time}"},
        "overlap": "skip",
        "missed": "last",
        "missed_limit": null,
        "grace_seconds": 60,
        "state": "active",
        "next_at": "2026-02-01T02:00:00.000000Z",
        "has_queued_tick": false,
        "last_tick": tick(),
        "created_at": "2026-01-30T09:12:00.000000Z",
        "created_by": "user:alice",
        "updated_at": "2026-01-30T09:12:00.000000Z",
        "updated_by": "user:alice",
    })
}

/// What is sent to look at a timing.
pub(crate) fn timing() -> Value {
    json!({"cron": "30 2 * * *", "time_zone": "Europe/Berlin", "count": 2})
}

/// The next ticks.
pub(crate) fn preview() -> Value {
    json!({"items": [
        {"at": "2026-03-28T01:30:00.000000Z", "local": "2026-03-28T02:30:00+01:00"},
        {"at": "2026-03-29T01:00:00.000000Z", "local": "2026-03-29T03:00:00+02:00"},
    ]})
}
