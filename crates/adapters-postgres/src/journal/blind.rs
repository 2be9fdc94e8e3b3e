//! Cancellations and resumes: rare, and made without knowledge of the run. Its head is locked first, so that what is read
//! afterwards stays true.

use std::collections::HashMap;

use domain::{
    Timestamp,
    ids::{CommitId, RunId, Seq},
    runs::{CancelRun, CommitOutcome, ResumeRun, RunEvent, RunStatus},
};
use sqlx::PgConnection;

use super::{
    families,
    wave::{At, COMPLETED, Events, LIVE, STOPPED, Verdicts, column},
};
use crate::{codec::count, failure::Outcome};

/// A commit that its owner did not decide.
pub(super) enum Blind<'a> {
    Cancel(At<'a, CancelRun>),
    Resume(At<'a, ResumeRun>),
}

impl<'a> Blind<'a> {
    fn ord(&self) -> i32 {
        match self {
            Self::Cancel(cancel) => cancel.ord,
            Self::Resume(resume) => resume.ord,
        }
    }

    fn run(&self) -> &'a RunId {
        match self {
            Self::Cancel(cancel) => &cancel.commit.run,
            Self::Resume(resume) => &resume.commit.run,
        }
    }

    fn id(&self) -> CommitId {
        match self {
            Self::Cancel(cancel) => cancel.commit.commit,
            Self::Resume(resume) => resume.commit.commit,
        }
    }

    fn at(&self) -> Timestamp {
        match self {
            Self::Cancel(cancel) => cancel.commit.at,
            Self::Resume(resume) => resume.commit.at,
        }
    }

    fn event(&self) -> RunEvent {
        match self {
            Self::Cancel(cancel) => cancel.commit.event(),
            Self::Resume(resume) => resume.commit.event(),
        }
    }

    /// Whether a run may be in this phase.
    fn takes(&self, phase: i16) -> bool {
        match self {
            Self::Cancel(_) => phase == LIVE,
            Self::Resume(resume) => phase == STOPPED || phase == COMPLETED && resume.commit.takes(RunStatus::Completed),
        }
    }
}

/// Answers the runs that were told something.
pub(super) async fn apply<'a>(
    connection: &mut PgConnection,
    commits: &[Blind<'a>],
    events: &mut Events<'a>,
    verdicts: &mut Verdicts,
) -> Outcome<Vec<String>> {
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let heads: Vec<(String, i64, i16)> = sqlx::query_as(include_str!("../sql/lock_heads.sql"))
        .bind(column(commits, |commit| commit.run().as_str()))
        .fetch_all(&mut *connection)
        .await?;
    let heads: HashMap<&str, (i64, i16)> =
        heads.iter().map(|(run, seq, phase)| (run.as_str(), (*seq, *phase))).collect();
    let applied = applied_before(connection, commits).await?;
    let (mut cancels, mut resumes, mut notes, mut ahead) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for commit in commits {
        let (seq, outcome) = match heads.get(commit.run().as_str()) {
            None => (0, CommitOutcome::Gone),
            Some(_) if applied.contains(&commit.ord()) => (0, CommitOutcome::AlreadyApplied),
            Some((_, phase)) if !commit.takes(*phase) => (0, CommitOutcome::Absorbed),
            Some((seq, _)) => (*seq, CommitOutcome::Committed),
        };
        verdicts.set(commit.ord(), outcome);
        if outcome == CommitOutcome::Committed {
            let after = Seq::new(count(seq)?);
            events.add(commit.run(), after, commit.id(), commit.at(), &[commit.event()])?;
            match commit {
                Blind::Cancel(cancel) => cancels.push(cancel.commit),
                Blind::Resume(resume) => {
                    resumes.push((&resume.commit.run, resume.commit.at));
                    notes.extend(resume.commit.note());
                }
            }
        }
        if let (Blind::Cancel(cancel), CommitOutcome::Gone) = (commit, outcome) {
            ahead.extend(Some(cancel.commit).filter(|cancel| cancel.ahead));
        }
    }
    let mut told = cancel(connection, &cancels).await?;
    cancel_ahead(connection, &ahead).await?;
    resume(connection, &resumes).await?;
    // Only the living are told something.
    told.extend(families::tell(connection, &notes.iter().collect::<Vec<_>>()).await?);
    Ok(told)
}

async fn applied_before(connection: &mut PgConnection, commits: &[Blind<'_>]) -> Outcome<Vec<i32>> {
    let applied = sqlx::query_scalar(include_str!("../sql/applied_before.sql"))
        .bind(column(commits, Blind::ord))
        .bind(column(commits, |commit| commit.run().as_str()))
        .bind(column(commits, |commit| commit.id().uuid()))
        .fetch_all(connection)
        .await?;
    Ok(applied)
}

async fn cancel(connection: &mut PgConnection, cancels: &[&CancelRun]) -> Outcome<Vec<String>> {
    if cancels.is_empty() {
        return Ok(Vec::new());
    }
    let runs = column(cancels, |cancel| cancel.run.as_str());
    sqlx::query(include_str!("../sql/cancel_heads.sql")).bind(runs.as_slice()).execute(&mut *connection).await?;
    sqlx::query(include_str!("../sql/cancel_runs.sql"))
        .bind(runs)
        .bind(column(cancels, |cancel| cancel.at))
        .bind(column(cancels, |cancel| cancel.by.as_str()))
        .bind(column(cancels, |cancel| cancel.message()))
        .execute(&mut *connection)
        .await?;
    families::cancelled(connection, cancels).await
}

/// Keeps the cancellations of runs that have not even a row.
async fn cancel_ahead(connection: &mut PgConnection, cancels: &[&CancelRun]) -> Outcome<()> {
    if cancels.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/cancel_ahead.sql"))
        .bind(column(cancels, |cancel| cancel.run.as_str()))
        .bind(column(cancels, |cancel| cancel.commit.uuid()))
        .bind(column(cancels, |cancel| cancel.by.as_str()))
        .bind(column(cancels, |cancel| cancel.reason.as_deref()))
        .bind(column(cancels, |cancel| cancel.at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes stopped runs live again, from their times on.
pub(super) async fn resume(connection: &mut PgConnection, resumes: &[(&RunId, Timestamp)]) -> Outcome<()> {
    if resumes.is_empty() {
        return Ok(());
    }
    let (runs, times) = (column(resumes, |(run, _)| run.as_str()), column(resumes, |(_, at)| *at));
    sqlx::query(include_str!("../sql/resume_heads.sql"))
        .bind(runs.as_slice())
        .bind(times.as_slice())
        .execute(&mut *connection)
        .await?;
    sqlx::query(include_str!("../sql/resume_runs.sql")).bind(runs).bind(times).execute(connection).await?;
    Ok(())
}
