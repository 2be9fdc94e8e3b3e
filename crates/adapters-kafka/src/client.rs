//! What librdkafka tells its clients' owners: logs, which go to ours, and errors of connections, which are remembered. And
//! how its clients end.

use std::{sync::Arc, time::Duration};

use rdkafka::{ClientContext, config::RDKafkaLogLevel, error::KafkaError, statistics::Statistics};

use crate::status::Complaints;

/// How long the end of a client may take.
const END: Duration = Duration::from_secs(5);

/// Listens to one client, or to several that share their complaints.
#[derive(Clone, Default)]
pub(crate) struct Listening {
    pub(crate) complaints: Arc<Complaints>,
}

impl ClientContext for Listening {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            // A lost connection is logged there as an error and found again by itself.
            | RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", "{facility} {message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", "{facility} {message}");
            }
        }
    }

    /// Collected only if somebody asks for it by `statistics.interval.ms`.
    fn stats(&self, statistics: Statistics) {
        tracing::debug!(target: "librdkafka", ?statistics, "statistics");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, reason, "the client reports an error");
        if let Some(code) = error.rdkafka_error_code() {
            self.complaints.hear(code, reason);
        }
    }
}

/// Drops a client; says whether it has ended within a few seconds. A consumer commits and leaves its group then, a round trip
/// or two; without brokers it tries that for as long as a session lasts, and blocks. So a thread is left to it, for which no
/// runtime waits.
pub(crate) async fn let_go(client: impl Send + 'static) -> bool {
    let (sender, ended) = tokio::sync::oneshot::channel();
    let ending = std::thread::Builder::new().name("kafka-end".to_owned()).spawn(move || {
        drop(client);
        // Nobody may be waiting any more.
        let _ = sender.send(());
    });
    ending.is_ok() && matches!(tokio::time::timeout(END, ended).await, Ok(Ok(())))
}
