//! The journal: a batch of commits is one transaction, and each commit gets an outcome of its own.
//!
//! A run stands once in a *wave*; several commits to one run are several waves of the same transaction, so each sees what
//! the one before has done. Data that PostgreSQL cannot keep fails the whole transaction; then the batch is halved until
//! the guilty commits stand alone.

mod adoptions;
mod advances;
mod announcements;
mod blind;
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
    let outcomes = match wave::apply_all(&mut transaction, commits, announce).await {
        Ok(outcomes) => outcomes,
        Err(failure) if failure.is_about_data() => {
            transaction.rollback().await?;
            transaction = writers.begin().await?;
            isolate(&mut transaction, commits, announce, failure).await?
        }
        Err(failure) => return Err(failure),
    };
    doorbell::ring(&mut transaction, commits, &outcomes).await?;
    transaction.commit().await?;
    Ok(outcomes)
}

/// The outcomes of commits that cannot be stored together, because of this failure.
fn isolate<'a>(
    connection: &'a mut PgConnection,
    commits: &'a [&'a RunCommit],
    announce: bool,
    failure: Failure,
) -> Pin<Box<dyn Future<Output = Outcome<Vec<CommitOutcome>>> + Send + 'a>> {
    Box::pin(async move {
        if let [guilty] = commits {
            tracing::error!(run.id = %guilty.run(), error = ?failure, "a commit of a run cannot be stored");
            return Ok(vec![CommitOutcome::Unstorable]);
        }
        let (first, second) = commits.split_at(commits.len() / 2);
        let mut outcomes = attempt(connection, first, announce).await?;
        outcomes.extend(attempt(connection, second, announce).await?);
        Ok(outcomes)
    })
}

/// Applies commits behind a savepoint; what fails for its data is undone and halved.
async fn attempt(connection: &mut PgConnection, commits: &[&RunCommit], announce: bool) -> Outcome<Vec<CommitOutcome>> {
    sqlx::raw_sql("SAVEPOINT half").execute(&mut *connection).await?;
    match wave::apply_all(connection, commits, announce).await {
        Ok(outcomes) => {
            sqlx::raw_sql("RELEASE SAVEPOINT half").execute(&mut *connection).await?;
            Ok(outcomes)
        }
        Err(failure) if failure.is_about_data() => {
            sqlx::raw_sql("ROLLBACK TO SAVEPOINT half; RELEASE SAVEPOINT half").execute(&mut *connection).await?;
            isolate(connection, commits, announce, failure).await
        }
        Err(failure) => Err(failure),
    }
}
