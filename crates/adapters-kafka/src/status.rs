//! Why brokers cannot be used, for people.

use std::sync::{Mutex, PoisonError};

use rdkafka::types::RDKafkaErrorCode;

/// Why the bus cannot be used at the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusProblem {
    /// No broker answers.
    #[error("no Kafka broker answers: {0}")]
    Unreachable(String),
    /// A broker does not know us, or not this password.
    #[error("Kafka refuses the login: {0}")]
    AuthenticationFailed(String),
    /// No encrypted connection comes about.
    #[error("no TLS connection to Kafka: {0}")]
    TlsFailed(String),
}

/// What librdkafka has said about its connections, latest first in importance: a refused login is repeated as a broken
/// connection.
#[derive(Debug, Default)]
pub(crate) struct Complaints(Mutex<Option<BusProblem>>);

impl Complaints {
    /// Takes note of an error that a client reports.
    pub(crate) fn hear(&self, code: RDKafkaErrorCode, reason: &str) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = reason.to_owned();
        match code {
            RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => {
                *heard = Some(BusProblem::AuthenticationFailed(reason));
            }
            RDKafkaErrorCode::SSL => *heard = Some(BusProblem::TlsFailed(reason)),
            // A peer that hangs up during the handshake is reported as a broken connection.
            RDKafkaErrorCode::BrokerTransportFailure if reason.contains("SSL handshake") => {
                *heard = Some(BusProblem::TlsFailed(reason));
            }
            RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut
                if !matches!(&*heard, Some(BusProblem::AuthenticationFailed(_) | BusProblem::TlsFailed(_))) =>
            {
                *heard = Some(BusProblem::Unreachable(reason));
            }
            // Others are no news about connections; "all brokers are down" says less than what is known.
            _ => {}
        }
    }

    /// What was last heard.
    pub(crate) fn latest(&self) -> Option<BusProblem> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A broker has answered.
    pub(crate) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_login_is_not_hidden_by_the_connection_that_it_breaks() {
        let complaints = Complaints::default();
        complaints.hear(RDKafkaErrorCode::Authentication, "invalid credentials");
        complaints.hear(RDKafkaErrorCode::BrokerTransportFailure, "connection refused");
        complaints.hear(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(complaints.latest(), Some(BusProblem::AuthenticationFailed("invalid credentials".into())));
    }

    #[test]
    fn an_answer_ends_all_complaints() {
        let complaints = Complaints::default();
        complaints.hear(RDKafkaErrorCode::SSL, "handshake failed");
        complaints.forget();
        complaints.hear(RDKafkaErrorCode::BrokerTransportFailure, "connection refused");
        assert_eq!(complaints.latest(), Some(BusProblem::Unreachable("connection refused".into())));
    }
}
