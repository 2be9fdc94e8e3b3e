//! What can never be delivered or understood is kept on a topic of its own: the original bytes, and in headers where they
//! came from and what is wrong with them.

use crate::{
    measures,
    producer::{NotSent, Outgoing, Producer},
    trace,
};

/// What is wrong.
pub(crate) const REASON: &str = "dead-letter.reason";
/// The topic that it came from, or was meant for.
pub(crate) const TOPIC: &str = "dead-letter.topic";
/// The partition that it came from.
pub(crate) const PARTITION: &str = "dead-letter.partition";
/// Its offset there.
pub(crate) const OFFSET: &str = "dead-letter.offset";
/// Its key; it is that of the dead letter too.
pub(crate) const KEY: &str = "dead-letter.key";
/// The size of a value that is too large for a dead letter as well, and left out.
pub(crate) const OMITTED: &str = "dead-letter.omitted-bytes";

/// How much of a reason is kept.
const MOST_REASON_CHARS: usize = 2000;
/// The longest key that is kept where the whole record is too large.
const MOST_KEY_BYTES: usize = 1024;

/// A record that has ended here.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeadLetter<'a> {
    /// The topic that it came from, or was meant for.
    pub(crate) topic: &'a str,
    /// Partition and offset, if it came from one.
    pub(crate) place: Option<(i32, i64)>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    /// Its own headers.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) reason: &'a str,
}

impl DeadLetter<'_> {
    fn headers(&self) -> Vec<(String, Vec<u8>)> {
        let reason: String = self.reason.chars().take(MOST_REASON_CHARS).collect();
        let mut headers = vec![(REASON.to_owned(), reason.into_bytes()), (TOPIC.to_owned(), self.topic.into())];
        if let Some((partition, offset)) = self.place {
            headers.push((PARTITION.to_owned(), partition.to_string().into_bytes()));
            headers.push((OFFSET.to_owned(), offset.to_string().into_bytes()));
        }
        headers.extend(self.key.map(|key| (KEY.to_owned(), key.to_vec())));
        // One that died before says where it died last.
        let theirs = self.headers.iter().filter(|(name, _)| !name.starts_with("dead-letter."));
        headers.extend(theirs.cloned());
        headers
    }
}

/// Keeps a dead letter. An error says that no broker has acknowledged it.
pub(crate) async fn keep(producer: &Producer, to: &str, letter: &DeadLetter<'_>) -> Result<(), String> {
    let mut headers = letter.headers();
    let traced = headers.iter().any(|(name, value)| name == trace::HEADER && trace::is_valid(value));
    if !traced {
        headers.retain(|(name, _)| name != trace::HEADER);
        let key = String::from_utf8_lossy(letter.key.unwrap_or_default());
        let place = letter.place.map(|(partition, offset)| format!("{}-{partition}-{offset}", letter.topic));
        let message = place.unwrap_or_else(|| format!("{}-{key}", letter.topic));
        headers.push((trace::HEADER.to_owned(), trace::parent(&key, &message).into_bytes()));
    }
    let whole = Outgoing { topic: to, key: letter.key, value: letter.value, headers: headers.clone() };
    let kept = match producer.send(whole).await {
        Err(NotSent::Refused(_)) => {
            headers.retain(|(name, _)| [REASON, TOPIC, PARTITION, OFFSET, trace::HEADER].contains(&name.as_str()));
            let size = letter.value.map_or(0, <[u8]>::len);
            headers.push((OMITTED.to_owned(), size.to_string().into_bytes()));
            let key = letter.key.filter(|key| key.len() <= MOST_KEY_BYTES);
            producer.send(Outgoing { topic: to, key, value: None, headers }).await
        }
        kept => kept,
    };
    match kept {
        Ok(()) => {
            tracing::warn!(
                kafka.topic = letter.topic,
                kafka.place = ?letter.place,
                reason = letter.reason,
                "a record is kept as a dead letter"
            );
            metrics::counter!(measures::DEAD_LETTERS, "topic" => letter.topic.to_owned()).increment(1);
            Ok(())
        }
        Err(NotSent::Refused(reason) | NotSent::Unavailable(reason)) => Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_says_where_it_comes_from_and_what_is_wrong() {
        let recorded: serde_json::Value =
            serde_json::from_str(include_str!("../tests/fixtures/dead_letter.json")).expect("JSON");
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let (key, value) = (text(&recorded["key"]), text(&recorded["value"]));
        let headers = recorded["headers"].as_object().expect("headers");
        let letter = DeadLetter {
            topic: "workflow.execution.requests",
            place: Some((3, 7)),
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: vec![
                (trace::HEADER.into(), text(&headers[trace::HEADER]).into_bytes()),
                (REASON.into(), b"an older one".to_vec()),
            ],
            reason: &text(&headers[REASON]),
        };
        let written = letter.headers().into_iter().map(|(name, value)| (name, String::from_utf8_lossy(&value).into()));
        assert_eq!(written.collect::<serde_json::Map<_, _>>(), *headers);
    }

    #[test]
    fn a_long_reason_is_cut() {
        let reason = "é".repeat(5000);
        let letter = DeadLetter { topic: "t", reason: &reason, ..DeadLetter::default() };
        assert_eq!(letter.headers()[0].1.len(), 4000);
    }
}
