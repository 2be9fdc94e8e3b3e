//! Runs that a foreign producer asked for, or that the old executor began.
//!
//! Heads are locked before rows, as everywhere. A row that is not there is inserted before anything is decided, so that of
//! two who adopt the same run one finds it there; then rows cannot change any more, and what is read is true.

mod returning;
mod steps;
mod taken;

use std::collections::{HashMap, HashSet};

use domain::{
    ids::{RunId, Seq},
    payload::Payload,
    runs::{AdoptRun, CommitOutcome, RunCommit, RunStatus},
};
use sqlx::PgConnection;

use super::wave::{At, Events, Verdicts, column};
use crate::{codec::count, exact::beyond_jsonb, failure::Outcome};

/// The key of the advisory lock: "early" in ASCII.
const EARLY: i64 = 0x65_6172_6c79;

/// Keeps a cancellation ahead and the adoption of its run from missing each other: neither would see a row that the other
/// has not committed. Adoptions do not wait for each other.
pub(super) async fn exclude(connection: &mut PgConnection, commits: &[&RunCommit]) -> Outcome<()> {
    let is_ahead = |commit: &&RunCommit| matches!(commit, RunCommit::Cancel(cancel) if cancel.ahead);
    let is_adoption = |commit: &&RunCommit| matches!(commit, RunCommit::Adopt(_));
    let lock = if commits.iter().any(is_ahead) {
        "SELECT pg_advisory_xact_lock($1)"
    } else if commits.iter().any(is_adoption) {
        "SELECT pg_advisory_xact_lock_shared($1)"
    } else {
        return Ok(());
    };
    sqlx::query(lock).bind(EARLY).execute(connection).await?;
    Ok(())
}

/// What the store has of a run that has events.
#[derive(Clone, Copy)]
struct Head {
    seq: Seq,
    phase: i16,
}

pub(super) async fn apply<'a>(
    connection: &mut PgConnection,
    adoptions: &[At<'a, AdoptRun>],
    events: &mut Events<'a>,
    verdicts: &mut Verdicts,
) -> Outcome<()> {
    if adoptions.is_empty() {
        return Ok(());
    }
    let adoptions: Vec<&At<'a, AdoptRun>> = adoptions.iter().collect();
    let mut heads = lock_heads(connection, &adoptions).await?;
    let headless = filtered(&adoptions, |run| !heads.contains_key(run));
    let new = insert(connection, &headless).await?;
    let rows = lock_rows(connection, &filtered(&adoptions, |run| !new.contains(run))).await?;
    // Somebody else may have adopted it while its row was waited for.
    heads.extend(lock_heads(connection, &filtered(&headless, |run| !new.contains(run))).await?);

    let (mut taken, mut returning) = (Vec::new(), Vec::new());
    for adoption in adoptions {
        let run = adoption.commit.run.as_str();
        let status = rows.get(run).copied().flatten();
        if let Some(head) = heads.get(run) {
            returning.push(returning::Returning { adoption, head: *head, status });
        } else if new.contains(run) {
            taken.push(taken::Taken { adoption, is_new: true });
        } else if status.is_some_and(|status| adoption.commit.cause.takes(status)) {
            taken.push(taken::Taken { adoption, is_new: false });
        } else {
            verdicts.set(adoption.ord, CommitOutcome::Absorbed);
        }
    }
    taken::apply(connection, taken, events, verdicts).await?;
    returning::apply(connection, returning, events, verdicts).await
}

fn filtered<'r, 'a>(adoptions: &[&'r At<'a, AdoptRun>], wanted: impl Fn(&str) -> bool) -> Vec<&'r At<'a, AdoptRun>> {
    adoptions.iter().copied().filter(|adoption| wanted(adoption.commit.run.as_str())).collect()
}

async fn lock_heads(connection: &mut PgConnection, adoptions: &[&At<'_, AdoptRun>]) -> Outcome<HashMap<String, Head>> {
    if adoptions.is_empty() {
        return Ok(HashMap::new());
    }
    let heads: Vec<(String, i64, i16)> = sqlx::query_as(include_str!("../sql/lock_heads.sql"))
        .bind(column(adoptions, |adoption| adoption.commit.run.as_str()))
        .fetch_all(connection)
        .await?;
    heads.into_iter().map(|(run, seq, phase)| Ok((run, Head { seq: Seq::new(count(seq)?), phase }))).collect()
}

/// Inserts the rows of runs that have none, as PENDING, and answers which these are.
async fn insert(connection: &mut PgConnection, adoptions: &[&At<'_, AdoptRun>]) -> Outcome<HashSet<String>> {
    if adoptions.is_empty() {
        return Ok(HashSet::new());
    }
    let definition = |adoption: &AdoptRun| adoption.workflow.definition().map(|id| id.to_string());
    let inserted: Vec<String> = sqlx::query_scalar(include_str!("../sql/adopt_new_runs.sql"))
        .bind(column(adoptions, |adoption| adoption.commit.run.as_str()))
        .bind(column(adoptions, |adoption| adoption.commit.workflow.as_str()))
        .bind(column(adoptions, |adoption| definition(adoption.commit)))
        .bind(column(adoptions, |adoption| adoption.commit.workflow_name.as_str()))
        .bind(column(adoptions, |adoption| adoption.commit.plan.bytes().as_slice()))
        .bind(column(adoptions, |adoption| adoption.commit.input.text()))
        .bind(column(adoptions, |adoption| exact_input(&adoption.commit.input)))
        .bind(column(adoptions, |adoption| adoption.commit.at))
        .fetch_all(connection)
        .await?;
    Ok(inserted.into_iter().collect())
}

fn exact_input(input: &Payload) -> Option<&str> {
    beyond_jsonb(input.text())
}

/// Locks the rows of runs and answers their status; none for one that nobody knows.
async fn lock_rows(
    connection: &mut PgConnection,
    adoptions: &[&At<'_, AdoptRun>],
) -> Outcome<HashMap<String, Option<RunStatus>>> {
    if adoptions.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String)> = sqlx::query_as(include_str!("../sql/lock_runs.sql"))
        .bind(column(adoptions, |adoption| adoption.commit.run.as_str()))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|(run, status)| (run, RunStatus::parse(&status))).collect())
}

/// The runs of commits, as an array.
fn runs<'a>(of: impl IntoIterator<Item = &'a RunId>) -> Vec<&'a str> {
    of.into_iter().map(RunId::as_str).collect()
}
