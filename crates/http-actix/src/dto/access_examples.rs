//! The examples of access: a key of a build server, and a person who looks on. No secret here is one.

use serde_json::{Value, json};

const AT: &str = "2026-01-31T12:00:00.000000Z";
const SOON: &str = "2026-01-31T12:15:00.000000Z";
const KEY: &str = "ork_0190c0de000070008000000000000004_example-example-example-example-example-key";
const PASSWORD: &str = "correct horse battery staple";

/// What is sent to log in.
pub(crate) fn log_in() -> Value {
    json!({"name": "alice", "password": PASSWORD})
}

/// What is sent to exchange a key.
pub(crate) fn want_token() -> Value {
    json!({"ttl_seconds": 900, "role": "viewer", "workflows": ["digest"]})
}

/// A token.
pub(crate) fn token(principal: &str) -> Value {
    json!({
        "access_token": "En0KEwoEMTIzNBgDIggKBggBEgIYDRIkCAASIA…",
        "token_type": "Bearer",
        "expires_in": 900,
        "expires_at": SOON,
        "principal": principal,
        "role": "viewer",
        "scope": {"workflows": ["digest"], "agents": null},
        "hides_payloads": false,
    })
}

/// Who is calling.
pub(crate) fn me() -> Value {
    json!({
        "principal": "key:build server",
        "credential": "key:0190c0de-0000-7000-8000-000000000004",
        "known_by": "api_key",
        "role": "viewer",
        "rights": ["agents:read", "workflows:read", "runs:read"],
        "scope": {"workflows": ["digest"], "agents": null},
        "hides_payloads": false,
        "attenuated": false,
        "expires_at": null,
    })
}

/// What is sent to revoke a token.
pub(crate) fn revoke() -> Value {
    json!({"token": "En0KEwoEMTIzNBgDIggKBggBEgIYDRIkCAASIA"})
}

/// What is sent to change one's password.
pub(crate) fn change_password() -> Value {
    json!({"password": PASSWORD, "new_password": "a better one than before"})
}

/// What is sent to make a key.
pub(crate) fn new_key() -> Value {
    json!({
        "name": "build server", "role": "operator", "workflows": ["digest"], "networks": ["10.0.0.0/8"],
        "expires_at": "2199-01-01T00:00:00Z",
    })
}

/// A key.
pub(crate) fn key() -> Value {
    json!({
        "id": "0190c0de-0000-7000-8000-000000000004",
        "name": "build server",
        "role": "operator",
        "scope": {"workflows": ["digest"], "agents": null},
        "networks": ["10.0.0.0/8"],
        "hides_payloads": false,
        "expires_at": "2199-01-01T00:00:00.000000Z",
        "revoked_at": null,
        "previous_secret_until": null,
        "last_used_at": AT,
        "created_at": AT,
        "created_by": "user:alice",
    })
}

/// A key with its text.
pub(crate) fn issued_key() -> Value {
    json!({"api_key": KEY, "key": key()})
}

/// What is sent to rotate a key.
pub(crate) fn rotate() -> Value {
    json!({"grace_seconds": 3600})
}

/// What is sent to let a person log in.
pub(crate) fn new_user() -> Value {
    json!({"name": "bob", "password": PASSWORD, "role": "viewer"})
}

/// What is sent to change a person.
pub(crate) fn user_changes() -> Value {
    json!({"role": "operator", "active": true})
}

/// A person.
pub(crate) fn user() -> Value {
    json!({
        "id": "0190c0de-0000-7000-8000-000000000005",
        "name": "bob",
        "role": "viewer",
        "hides_payloads": false,
        "active": true,
        "locked_until": null,
        "created_at": AT,
        "updated_at": AT,
    })
}
