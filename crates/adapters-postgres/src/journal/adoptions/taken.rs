//! Runs that are taken: they get their first events, and wait to be claimed.

use std::collections::HashMap;

use domain::{
    Timestamp,
    ids::{CommitId, ExecutorId, RunId, Seq},
    runs::{AdoptRun, Adoption, CancelRun, CommitOutcome, RunEnded, RunEvent, RunStatus},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{exact_input, runs, steps};
use crate::{
    codec::signed,
    failure::Outcome,
    journal::wave::{At, Events, Verdicts, column, completed_at, phase},
};

/// A run that is taken.
pub(super) struct Taken<'r, 'a> {
    pub(super) adoption: &'r At<'a, AdoptRun>,
    /// Its row was inserted by this very wave.
    pub(super) is_new: bool,
}

/// How it begins, and perhaps ends.
struct Beginning<'a> {
    commit: &'a AdoptRun,
    is_new: bool,
    last: Seq,
    status: RunStatus,
    cancel: Option<CancelRun>,
}

pub(super) async fn apply<'a>(
    connection: &mut PgConnection,
    taken: Vec<Taken<'_, 'a>>,
    events: &mut Events<'a>,
    verdicts: &mut Verdicts,
) -> Outcome<()> {
    if taken.is_empty() {
        return Ok(());
    }
    let mut early = early_cancellations(connection, &taken).await?;
    let known: Vec<&RunId> = taken.iter().filter(|run| !run.is_new).map(|run| &run.adoption.commit.run).collect();
    let last_rows = steps::last_rows(connection, &known).await?;
    let (mut beginnings, mut adopted) = (Vec::with_capacity(taken.len()), Vec::new());
    for Taken { adoption: At { ord, commit }, is_new } in taken {
        // Somebody who asks for a retry knows of the cancellation.
        let counts = is_new || commit.cause == Adoption::Request;
        let cancel = early.remove(&commit.run).filter(|_| counts);
        let completed = |step: &str| last_rows.of(&commit.run, step).filter(|row| row.is_completed);
        let (first, status) = match &cancel {
            Some(cancel) => (
                vec![
                    RunEvent::Started { plan: commit.plan, parent: None, starts_at: None, trace: None },
                    cancel.event(),
                ],
                RunStatus::Cancelled,
            ),
            None => commit.events(commit.completed(|step| completed(step.as_str()).is_some())),
        };
        adopted.extend(first.iter().filter_map(|event| match event {
            RunEvent::StepAdopted { path, execution } => Some((completed(path.as_str())?, *execution)),
            _ => None,
        }));
        events.add(&commit.run, Seq::default(), commit.commit, commit.at, &first)?;
        events.ended.extend(RunEnded::of_adoption(commit, cancel.as_ref(), Seq::new(first.len() as u64)));
        verdicts.set(*ord, if cancel.is_some() { CommitOutcome::Absorbed } else { CommitOutcome::Committed });
        beginnings.push(Beginning { commit, is_new, last: Seq::new(first.len() as u64), status, cancel });
    }
    add_heads(connection, &beginnings).await?;
    update_rows(connection, &beginnings).await?;
    end_rows(connection, &beginnings).await?;
    steps::number(connection, &adopted).await
}

/// Takes the cancellations that came before their runs.
async fn early_cancellations(
    connection: &mut PgConnection,
    taken: &[Taken<'_, '_>],
) -> Outcome<HashMap<RunId, CancelRun>> {
    let of: HashMap<&str, &RunId> =
        taken.iter().map(|run| (run.adoption.commit.run.as_str(), &run.adoption.commit.run)).collect();
    let found: Vec<(String, Uuid, String, Option<String>, Timestamp)> =
        sqlx::query_as(include_str!("../../sql/take_early_cancellations.sql"))
            .bind(column(taken, |run| run.adoption.commit.run.as_str()))
            .fetch_all(connection)
            .await?;
    let cancel = |(run, commit, by, reason, at): (String, Uuid, String, Option<String>, Timestamp)| {
        let run = RunId::clone(of.get(run.as_str())?);
        let (commit, ahead) = (CommitId::new(commit), true);
        Some((run.clone(), CancelRun { commit, run, at, by, reason, ahead, from: None, audit: None }))
    };
    Ok(found.into_iter().filter_map(cancel).collect())
}

async fn add_heads(connection: &mut PgConnection, beginnings: &[Beginning<'_>]) -> Outcome<()> {
    let seqs = beginnings.iter().map(|run| signed(run.last.get())).collect::<Outcome<Vec<_>>>()?;
    sqlx::query(include_str!("../../sql/start_heads.sql"))
        .bind(column(beginnings, |run| run.commit.run.as_str()))
        .bind(seqs)
        .bind(column(beginnings, |_| 0_i64))
        .bind(column(beginnings, |_| None::<ExecutorId>.map(ExecutorId::uuid)))
        .bind(column(beginnings, |run| phase(run.status)))
        .bind(column(beginnings, |run| run.commit.at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes rows that were there ours.
async fn update_rows(connection: &mut PgConnection, beginnings: &[Beginning<'_>]) -> Outcome<()> {
    let known: Vec<&AdoptRun> = beginnings.iter().filter(|run| !run.is_new).map(|run| run.commit).collect();
    if known.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../../sql/adopt_runs.sql"))
        .bind(column(&known, |commit| commit.run.as_str()))
        .bind(column(&known, |commit| commit.plan.bytes().as_slice()))
        .bind(column(&known, |commit| commit.input.text()))
        .bind(column(&known, |commit| exact_input(&commit.input)))
        .bind(column(&known, |commit| commit.at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends the rows of runs that end where they begin. After they have become PENDING: a cancelled one that is retried and
/// fails at once may not go from CANCELLED to FAILED.
async fn end_rows(connection: &mut PgConnection, beginnings: &[Beginning<'_>]) -> Outcome<()> {
    let ended: Vec<&Beginning<'_>> = beginnings.iter().filter(|run| run.status.is_terminal()).collect();
    if ended.is_empty() {
        return Ok(());
    }
    let error = |run: &Beginning<'_>| match &run.cancel {
        Some(cancel) => cancel.message(),
        None => run.commit.failure.clone(),
    };
    sqlx::query(include_str!("../../sql/end_adopted_runs.sql"))
        .bind(runs(ended.iter().map(|run| &run.commit.run)))
        .bind(column(&ended, |run| run.status.as_str()))
        .bind(column(&ended, |run| error(run)))
        .bind(column(&ended, |run| completed_at(run.status, run.commit.at)))
        .bind(column(&ended, |run| run.cancel.as_ref().map(|_| run.commit.at)))
        .bind(column(&ended, |run| run.cancel.as_ref().map(|cancel| cancel.by.as_str())))
        .execute(connection)
        .await?;
    Ok(())
}
