//! What a call that brought no JSON-RPC answer means: did the agent do the work, or may it have?

use std::{error::Error, io::ErrorKind, time::Duration};

use domain::{
    agents::RefusedHost,
    runs::{CallFailure, FailureKind},
};
use reqwest::StatusCode;

use crate::target::{Target, Uncallable};

/// It may be over a moment later.
fn passing(failure: CallFailure) -> CallFailure {
    CallFailure { passing: true, ..failure }
}

/// The agent cannot be called as it is registered.
pub(crate) fn uncallable(reason: &Uncallable) -> CallFailure {
    CallFailure::permanent(FailureKind::Agent, reason.to_string())
}

/// The whole time of a call is over.
pub(crate) fn timeout(allowed: Duration) -> CallFailure {
    passing(CallFailure::unknown(FailureKind::Timeout, format!("no answer within {} ms", allowed.as_millis())))
}

/// The answer is larger than is kept.
pub(crate) fn too_large(limit: usize) -> CallFailure {
    CallFailure::unknown(FailureKind::Protocol, format!("the answer is larger than {limit} bytes"))
}

/// A status other than 2xx, with the beginning of its body. All of 4xx but 408, 425 and 429 say that the request was
/// refused; a redirect is not followed, so nothing was done either.
pub(crate) fn status(status: StatusCode, body: &str, retry_after: Option<Duration>) -> CallFailure {
    let code = status.as_u16();
    let message = match (status.is_redirection(), body) {
        (true, _) => format!("HTTP {code} from the agent: redirects are not followed"),
        (false, "") => format!("HTTP {code} from the agent"),
        (false, body) => format!("HTTP {code} from the agent: {body}"),
    };
    let refused = status.is_client_error() && !matches!(code, 408 | 425 | 429);
    CallFailure {
        kind: FailureKind::Status(code),
        message,
        definite: refused || status.is_redirection(),
        retry_after,
        permanent: false,
        passing: status.is_server_error() || code == 429,
    }
}

/// No answer, or half of one. Whatever happens before a connection stands is definite: nothing was sent.
pub(crate) fn transport(error: &reqwest::Error, target: &Target, connect_timeout: Duration) -> CallFailure {
    if let Some(refused) = refused(error) {
        // The name may stand for another address later; a retry now would only knock at the same door.
        return CallFailure::permanent(FailureKind::Agent, refused.to_string());
    }
    if error.is_connect() {
        let message = no_connection(error, target, connect_timeout);
        return passing(CallFailure::definite(FailureKind::Connection, message));
    }
    let place = target.authority();
    match io_error(error) {
        Some(ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe) => {
            passing(CallFailure::unknown(FailureKind::Connection, format!("the connection was reset ({place})")))
        }
        // The agent broke the protocol, and may do so again.
        Some(ErrorKind::UnexpectedEof) => CallFailure::unknown(
            FailureKind::Protocol,
            format!("the agent hung up in the middle of its answer ({place})"),
        ),
        _ if chain(error).any(|e| e.to_string().starts_with("connection closed before message completed")) => {
            CallFailure::unknown(FailureKind::Protocol, format!("the agent hung up without an answer ({place})"))
        }
        _ => {
            let message = format!("the call failed: {} ({place})", innermost(error));
            passing(CallFailure::unknown(FailureKind::Connection, message))
        }
    }
}

/// What the guard of outbound calls refused.
pub(crate) fn refused(error: &reqwest::Error) -> Option<&RefusedHost> {
    chain(error).find_map(|e| e.downcast_ref())
}

/// Why no connection came about, for people.
pub(crate) fn no_connection(error: &reqwest::Error, target: &Target, connect_timeout: Duration) -> String {
    let place = target.authority();
    if error.is_timeout() {
        return format!("no connection within {} ms ({place})", connect_timeout.as_millis());
    }
    if io_error(error) == Some(ErrorKind::ConnectionRefused) {
        return format!("connection refused ({place})");
    }
    if chain(error).any(|e| e.to_string().starts_with("dns error")) {
        return format!("the host name cannot be resolved ({place})");
    }
    format!("no connection: {} ({place})", innermost(error))
}

/// Skips the outermost error: its text holds the URL, whose query may hold secrets.
pub(crate) fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&e| e.source())
}

pub(crate) fn innermost(error: &reqwest::Error) -> String {
    chain(error).last().map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

pub(crate) fn io_error(error: &reqwest::Error) -> Option<ErrorKind> {
    chain(error).filter_map(|e| e.downcast_ref::<std::io::Error>()).map(std::io::Error::kind).last()
}
