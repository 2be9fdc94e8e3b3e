//! What others are told of the commits of a wave, written with them.

use domain::{
    ports::Shard,
    runs::{CommitOutcome, DeadLetterLeft, OutboxMessage, RunCommit, RunEnded},
};
use sqlx::PgConnection;

use super::wave::{At, Events, Verdicts};
use crate::{
    failure::{Failure, Outcome},
    outbox::{self, Announcement},
};

/// Puts the news of accepted commits into the outbox.
pub(super) async fn write(
    connection: &mut PgConnection,
    wave: &[At<'_, RunCommit>],
    verdicts: &Verdicts,
    events: &Events<'_>,
) -> Outcome<()> {
    let accepted = wave.iter().filter(|commit| verdicts.of(commit.ord) == Some(CommitOutcome::Committed));
    let news = accepted.filter_map(|At { commit, .. }| RunEnded::of(commit, *events.last.get(commit.run())?));
    let news = news.chain(events.ended.iter().cloned()).map(OutboxMessage::from);
    // First why a run ends, then that it does.
    let left = events.left.iter().map(|(commit, letter, entry)| DeadLetterLeft::of(commit, letter, entry).into());
    let messages = left.chain(news).map(|message: OutboxMessage| {
        let payload = serde_json::to_string(&message).map_err(|error| Failure::Unstorable(error.to_string()))?;
        let key = message.run().to_string();
        Ok(Announcement { shard: Shard::of(&key), kind: message.message_type().to_owned(), key, payload })
    });
    outbox::put(connection, &messages.collect::<Outcome<Vec<_>>>()?).await
}
