//! What a failed task means: did the agent do the work, or may it have? The bridge does not say, so its words are looked at.
//!
//! A bridge makes several calls for one task and reports the last. What the agent itself said last about this very message
//! is definite, whatever the calls before came to. Anything else leaves open what those calls did, a refused connection
//! too, because one that timed out may have come before it.

use std::time::Duration;

use domain::runs::{CallFailure, FailureKind};

/// The task cannot be sent at all.
pub(super) fn unsendable(reason: &str) -> CallFailure {
    CallFailure::permanent(FailureKind::Validation, format!("the task cannot be sent: {reason}"))
}

/// No result came in time.
pub(super) fn timeout(allowed: Duration, correlation: &str) -> CallFailure {
    let message = format!("no result within {} ms (correlation_id: {correlation})", allowed.as_millis());
    CallFailure::unknown(FailureKind::Timeout, message)
}

/// The failure that a result reports.
pub(super) fn reported(message: &str) -> CallFailure {
    // A timeout has no message.
    let shown = if message.is_empty() { "Agent execution failed" } else { message };
    let permanent = message.starts_with("Agent '") && message.contains("not found");
    let is_definite = permanent
        || message.starts_with("JSON-RPC Error")
        || message.starts_with("Operation failed after 0 attempts")
        || task_is_over(message)
        || status(message).is_some_and(was_refused);
    let failure = CallFailure::definite(kind(message), shown);
    CallFailure { definite: is_definite, permanent, ..failure }
}

/// As far as the words tell.
fn kind(message: &str) -> FailureKind {
    match status(message) {
        Some(status) => FailureKind::Status(status),
        None if message.is_empty() || message.starts_with("no answer within") => FailureKind::Timeout,
        None if message.starts_with("JSON-RPC Error") => FailureKind::Rpc,
        None if message.starts_with("Task state: ") => FailureKind::Task,
        None if message.starts_with("Circuit breaker is") => FailureKind::Breaker,
        None if message.starts_with("Agent '") => FailureKind::Agent,
        None if message.starts_with("Response missing") || message.starts_with("Expecting value") => {
            FailureKind::Protocol
        }
        None => FailureKind::Connection,
    }
}

/// The HTTP status that a message tells.
fn status(message: &str) -> Option<u16> {
    message.strip_prefix("HTTP ")?.split([':', ' ']).next()?.parse().ok()
}

/// The terminal states of A2A. In others, the agent may still be at it.
fn task_is_over(message: &str) -> bool {
    let state = message.strip_prefix("Task state: ").unwrap_or_default();
    let state = state.split([':', ' ']).next().unwrap_or_default();
    matches!(state, "failed" | "canceled" | "rejected")
}

/// All of 3xx, and of 4xx but 408, 425 and 429.
fn was_refused(status: u16) -> bool {
    (300..500).contains(&status) && !matches!(status, 408 | 425 | 429)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_agent_said_is_definite() {
        for message in [
            "JSON-RPC Error -32000: bad",
            "Task state: failed",
            "Task state: rejected: not for me",
            "HTTP 404: Client error '404 Not Found' for url 'http://a/'\nFor more information check: …",
            "HTTP 404 from the agent",
            "HTTP 302: Redirect response",
            "Operation failed after 0 attempts",
        ] {
            assert!(reported(message).definite && !reported(message).permanent, "{message}");
        }
    }

    #[test]
    fn what_nobody_can_know_is_not() {
        for message in [
            "",
            "HTTP 503: Server error '503 Service Unavailable'",
            "HTTP 408: Client error",
            "HTTP 429: Client error",
            "All connection attempts failed",
            "Circuit breaker is OPEN for agent 'A'",
            "Task state: working",
            "Task state: unknown",
            "Expecting value: line 1 column 1 (char 0)",
            "Response missing 'jsonrpc' field",
            "no answer within 30000 ms",
        ] {
            assert!(!reported(message).definite, "{message}");
        }
    }

    #[test]
    fn an_empty_message_is_given_the_old_executors_words() {
        assert_eq!(reported("").message, "Agent execution failed");
    }

    #[test]
    fn an_agent_that_does_not_exist_is_not_asked_again() {
        assert!(reported("Agent 'N' not found in API database or registry").permanent);
    }
}
