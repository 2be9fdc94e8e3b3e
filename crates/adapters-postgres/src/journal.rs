//! The journal: a batch of commits is one transaction, and each commit gets an outcome of its own.
//!
//! A run stands once in a *wave*; several commits to one run are several waves of the same transaction, so each sees what
//! the one before has done. Data that PostgreSQL cannot keep fails the whole transaction; then the batch is halved until
//! the guilty commits stand alone.

mod adoptions;
mod advances;
mod announcements;
mod blind;
mod dead_letters;
mod families;
mod inbox;
mod starts;
mod wave;

use std::{pin::Pin, sync::Arc};

use async_trait::async_trait;
use domain::{
    ports::{RunJournal, StoreError},
    runs::{CommitOutcome, RunCommit},
};
use sqlx::{PgConnection, PgPool};
use wave::Applied;

use crate::{
    PgStore, doorbell,
    failure::{Failure, Outcome},
};

/// How often a transaction is begun anew that PostgreSQL broke off to end a deadlock.
const ATTEMPTS: u32 = 5;

#[async_trait]
impl RunJournal for PgStore {
    async fn commit(&self, batch: Arc<[RunCommit]>) -> Result<Vec<CommitOutcome>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let commits: Vec<&RunCommit> = batch.iter().collect();
        Ok(retried(|| write(self.writers(), &commits, self.announces())).await?)
    }
}

/// Does a piece of work again if PostgreSQL broke it off for the sake of another one.
pub(crate) async fn retried<T, F: Future<Output = Outcome<T>>>(work: impl Fn() -> F) -> Outcome<T> {
    let mut attempt = 1;
    loop {
        match work().await {
            Err(failure) if failure.is_contention() && attempt < ATTEMPTS => {
                tracing::debug!(attempt, ?failure, "a transaction was broken off; trying it again");
                attempt += 1;
            }
            answer => return answer,
        }
    }
}

async fn write(writers: &PgPool, commits: &[&RunCommit], announce: bool) -> Outcome<Vec<CommitOutcome>> {
    let mut transaction = writers.begin().await?;
    let applied = match wave::apply_all(&mut transaction, commits, announce).await {
        Ok(applied) => applied,
        Err(failure) if failure.is_about_data() => {
            transaction.rollback().await?;
            transaction = writers.begin().await?;
            isolate(&mut transaction, commits, announce, failure).await?
        }
        Err(failure) => return Err(failure),
    };
    doorbell::ring(&mut transaction, commits, &applied.outcomes).await?;
    transaction.commit().await?;
    if let Some(now) = commits.iter().map(|commit| commit.at()).max().filter(|_| !applied.told.is_empty())
        && let Err(failure) = families::wake(writers, &applied.told, now).await
    {
        // The commits are durable, and whoever looks for such runs finds them.
        tracing::debug!(?failure, "runs that were told something are woken later");
    }
    Ok(applied.outcomes)
}

/// The outcomes of commits that cannot be stored together, because of this failure.
fn isolate<'a>(
    connection: &'a mut PgConnection,
    commits: &'a [&'a RunCommit],
    announce: bool,
    failure: Failure,
) -> Pin<Box<dyn Future<Output = Outcome<Applied>> + Send + 'a>> {
    Box::pin(async move {
        if let [guilty] = commits {
            tracing::error!(run.id = %guilty.run(), error = ?failure, "a commit of a run cannot be stored");
            return Ok(Applied { outcomes: vec![CommitOutcome::Unstorable], told: Vec::new() });
        }
        let (first, second) = commits.split_at(commits.len() / 2);
        let mut applied = attempt(connection, first, announce).await?;
        let second = attempt(connection, second, announce).await?;
        applied.outcomes.extend(second.outcomes);
        applied.told.extend(second.told);
        Ok(applied)
    })
}

/// Applies commits behind a savepoint; what fails for its data is undone and halved.
async fn attempt(connection: &mut PgConnection, commits: &[&RunCommit], announce: bool) -> Outcome<Applied> {
    sqlx::raw_sql("SAVEPOINT half").execute(&mut *connection).await?;
    match wave::apply_all(connection, commits, announce).await {
        Ok(applied) => {
            sqlx::raw_sql("RELEASE SAVEPOINT half").execute(&mut *connection).await?;
            Ok(applied)
        }
        Err(failure) if failure.is_about_data() => {
            sqlx::raw_sql("ROLLBACK TO SAVEPOINT half; RELEASE SAVEPOINT half").execute(&mut *connection).await?;
            isolate(connection, commits, announce, failure).await
        }
        Err(failure) => Err(failure),
    }
}
