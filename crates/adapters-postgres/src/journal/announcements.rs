//! What others are told of the commits of a wave, written with them.

use domain::{
    ports::Shard,
    runs::{CommitOutcome, RunCommit, RunEnded},
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
    let news = news.chain(events.ended.iter().cloned());
    let messages = news.map(|news| {
        let payload = serde_json::to_string(&news).map_err(|error| Failure::Unstorable(error.to_string()))?;
        let key = news.run_id.to_string();
        Ok(Announcement { shard: Shard::of(&key), kind: news.message_type, key, payload })
    });
    outbox::put(connection, &messages.collect::<Outcome<Vec<_>>>()?).await
}
