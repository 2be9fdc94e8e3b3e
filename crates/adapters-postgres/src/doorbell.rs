//! The doorbell: a notification that a batch sends in its own transaction, so that it rings when the runs can be claimed and
//! not before.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    ports::{Doorbell, StoreError},
    runs::{CommitOutcome, RunCommit},
};
use sqlx::{
    PgConnection, PgPool,
    postgres::{PgListener, PgNotification},
};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    PgStore,
    failure::{Failure, Outcome},
};

/// The channel; each database has its own.
const CHANNEL: &str = "orrery_runs";

/// How long silence is believed before the connection is asked whether it still works: a peer that is gone without a word
/// sounds like one that has nothing to say.
const SILENCE: Duration = Duration::from_secs(30);

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Listens on a connection of its own.
pub(crate) struct Ears {
    pool: PgPool,
    listener: Mutex<Option<PgListener>>,
}

impl Ears {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, listener: Mutex::new(None) }
    }

    async fn rung(&self) -> Outcome<()> {
        let mut listener = self.listener.lock().await;
        // Whatever it was rung for while nobody listened has to be looked for now.
        let Some(ears) = listener.as_mut() else {
            *listener = Some(listen(&self.pool).await?);
            return Ok(());
        };
        let heard = hear(ears).await;
        if heard.is_err() {
            *listener = None;
        }
        heard
    }
}

async fn listen(pool: &PgPool) -> Outcome<PgListener> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

async fn hear(ears: &mut PgListener) -> Outcome<()> {
    loop {
        if let Ok(heard) = timeout(SILENCE, ears.try_recv()).await {
            let _: PgNotification = heard?.ok_or_else(lost)?;
            // Many rings are answered as one.
            while ears.next_buffered().is_some() {}
            return Ok(());
        }
        timeout(PATIENCE, sqlx::query("SELECT 1").execute(&mut *ears)).await.map_err(|_| lost())??;
    }
}

fn lost() -> Failure {
    Failure::Lost("the connection that listens was lost".to_owned())
}

#[async_trait]
impl Doorbell for PgStore {
    async fn rung(&self) -> Result<(), StoreError> {
        Ok(self.ears().rung().await?)
    }
}

/// Rings when the transaction commits, if commits have made runs claimable that nobody looks after. Not otherwise:
/// transactions that notify are committed one after the other in the whole database.
pub(crate) async fn ring(
    connection: &mut PgConnection,
    commits: &[&RunCommit],
    outcomes: &[CommitOutcome],
) -> Outcome<()> {
    let mut accepted = commits.iter().zip(outcomes).filter(|(_, outcome)| **outcome == CommitOutcome::Committed);
    if accepted.any(|(commit, _)| is_for_anybody(commit)) {
        ring_now(connection).await?;
    }
    Ok(())
}

/// Rings when the transaction commits.
pub(crate) async fn ring_now(connection: &mut PgConnection) -> Outcome<()> {
    sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(connection).await?;
    Ok(())
}

fn is_for_anybody(commit: &RunCommit) -> bool {
    match commit {
        RunCommit::Start(start) => start.owner.is_none() && !start.status.is_terminal(),
        RunCommit::Resume(_) => true,
        RunCommit::Adopt(adopt) => adopt.failure.is_none(),
        // What is given back for later is found by those who look for it.
        RunCommit::Advance(advance) => !advance.outward.children.is_empty(),
        RunCommit::Cancel(_) => false,
    }
}
