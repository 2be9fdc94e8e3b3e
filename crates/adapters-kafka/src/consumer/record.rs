//! A record that was taken from a topic, and what can become of it.

use async_trait::async_trait;
use rdkafka::{
    Message,
    message::{BorrowedMessage, Headers},
};

/// A record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    pub(crate) fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is dealt with.
    Done,
    /// It can never be, for this reason.
    Poison(String),
    /// It cannot be now, for this reason.
    Later(String),
}

/// Deals with records. The same record may come twice.
#[async_trait]
pub(crate) trait RecordHandler: Send + Sync {
    async fn handle(&self, record: &Record) -> Settled;
}

/// Which records wait for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Those with the same key come one after the other, also where they are of different topics.
    OfKeys,
    /// None does.
    None,
}
