//! Applying run commits: the checks of the journal's port, in their order, and what an accepted commit changes.
//!
//! The normal commit needs no check of its own: one conditional update of the run's head says whether it is accepted.
//! Only where it is not, the head is read to say why.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    ids::Seq,
    ports::{RunJournal, StoreError},
    runs::{AdvanceRun, CancelRun, CommitOutcome, ResumeRun, RunCommit, RunStatus, StartRun, Wake},
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore, audit,
    codec::{micros, signed},
    dead_letters,
    failure::{Failure, Outcome},
    families, inbox,
    rows::{
        COMPLETED, LIVE, STOPPED, add_events, add_step, completed_at, first_error, has, head_of, is_at, number_of,
        phase, update_run,
    },
    writer::{Session, isolated},
};

#[async_trait]
impl RunJournal for SqliteStore {
    async fn commit(&self, batch: Arc<[RunCommit]>) -> Result<Vec<CommitOutcome>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.writer().work(move |session| commit(session, &batch)).await
    }
}

/// Writes a batch in one transaction. If the data of a commit is to blame for a failure, all others are written.
pub(crate) fn commit(session: &Session, batch: &[RunCommit]) -> Outcome<Vec<CommitOutcome>> {
    let together = session.transaction(|connection| batch.iter().map(|commit| apply(connection, commit)).collect());
    let outcomes: Vec<CommitOutcome> = match together {
        Err(failure) if failure.is_about_data() => one_by_one(session, batch)?,
        answer => answer?,
    };
    session.counters().committed(outcomes.iter().filter(|outcome| **outcome == CommitOutcome::Committed).count());
    Ok(outcomes)
}

fn one_by_one(session: &Session, batch: &[RunCommit]) -> Outcome<Vec<CommitOutcome>> {
    session.transaction(|connection| {
        let apart = |commit: &RunCommit| {
            let answer = isolated(connection, || apply(connection, commit))?;
            Ok(answer.unwrap_or_else(|failure| {
                tracing::error!(run.id = %commit.run(), error = ?failure, "a commit of a run cannot be stored");
                CommitOutcome::Unstorable
            }))
        };
        batch.iter().map(apart).collect()
    })
}

/// Applies a commit, and writes down who is behind it if it changes anything.
fn apply(connection: &Connection, commit: &RunCommit) -> Outcome<CommitOutcome> {
    let outcome = apply_unaudited(connection, commit)?;
    if let (CommitOutcome::Committed, Some(entry)) = (outcome, commit.audit()) {
        // Told before, and not by this commit: it is this one's data that cannot be stored.
        audit::write(connection, entry).map_err(|failure| match failure {
            Failure::Conflict(what) => Failure::Unstorable(what.to_owned()),
            other => other,
        })?;
    }
    Ok(outcome)
}

fn apply_unaudited(connection: &Connection, commit: &RunCommit) -> Outcome<CommitOutcome> {
    match commit {
        RunCommit::Start(start) => apply_start(connection, start),
        RunCommit::Advance(advance) => apply_advance(connection, advance),
        RunCommit::Cancel(cancel) => apply_cancel(connection, cancel),
        RunCommit::Resume(resume) => apply_resume(connection, resume),
        // No bus reaches the store of a single process, and no other system shares it.
        RunCommit::Adopt(_) => Ok(CommitOutcome::Unstorable),
    }
}

pub(crate) fn apply_start(connection: &Connection, start: &StartRun) -> Outcome<CommitOutcome> {
    let at = micros(start.at);
    let parent = match &start.parent {
        Some(parent) => number_of(connection, &parent.run)?,
        None => None,
    };
    let inserted = connection
        .prepare_cached(
            "INSERT INTO workflow_runs (run_id, workflow_id, workflow_name, workflow_version, plan, status,
                                        triggered_by, created_at, updated_at, completed_at, error, parent, parent_path,
                                        labels, starts_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT (run_id) DO NOTHING",
        )?
        .execute(params![
            start.run.as_str(),
            start.workflow.uuid().as_bytes(),
            start.workflow_name,
            start.workflow_version,
            start.plan.bytes(),
            start.status.as_str(),
            start.triggered_by,
            at,
            completed_at(start.status, start.at),
            first_error(&start.events),
            parent,
            start.parent.as_ref().map(|parent| parent.path.as_str()),
            start.labels.to_json(),
            start.starts_at.map(micros),
        ])?;
    if inserted == 0 {
        let run = number_of(connection, &start.run)?;
        let same = run.map(|run| is_at(connection, run, Seq::new(1), start.commit)).transpose()?;
        return Ok(if same == Some(true) { CommitOutcome::AlreadyApplied } else { CommitOutcome::Duplicate });
    }
    let run = connection.last_insert_rowid();
    connection
        .prepare_cached("INSERT INTO run_inputs (run, input) VALUES (?1, ?2)")?
        .execute(params![run, start.input.text()])?;
    connection
        .prepare_cached(
            "INSERT INTO run_heads (run, seq, epoch, owner, phase, wake_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            run,
            signed(start.events.len() as u64)?,
            i64::from(start.owner.is_some()),
            start.owner.map(|owner| owner.uuid().into_bytes()),
            phase(start.status),
            start.wake_at().map(micros),
        ])?;
    add_events(connection, run, Seq::default(), start.commit, start.at, &start.events)?;
    Ok(CommitOutcome::Committed)
}

fn apply_advance(connection: &Connection, advance: &AdvanceRun) -> Outcome<CommitOutcome> {
    let Some(run) = number_of(connection, &advance.run)? else { return Ok(CommitOutcome::Gone) };
    if !move_head(connection, run, advance)? {
        return refusal(connection, run, advance);
    }
    add_events(connection, run, advance.seq, advance.commit, advance.at, &advance.events)?;
    for closed in &advance.closed {
        add_step(connection, run, closed)?;
    }
    if let Some(update) = &advance.update {
        update_run(connection, run, update, advance.at)?;
    }
    inbox::settle(connection, run, advance)?;
    if !advance.outward.is_empty() {
        families::reach_out(connection, run, &advance.outward)?;
        dead_letters::change(connection, run, advance)?;
    }
    Ok(CommitOutcome::Committed)
}

/// Accepts the commit by moving the run's head, if epoch, number and phase allow it.
fn move_head(connection: &Connection, run: i64, advance: &AdvanceRun) -> Outcome<bool> {
    let (epoch, seq) = (signed(advance.epoch.get())?, signed(advance.seq.get())?);
    let after = signed(advance.seq.get() + advance.events.len() as u64)?;
    let phase = advance.update.as_ref().map_or(LIVE, |update| phase(update.status));
    // A step that leaves owner and phase alone, which is nearly every one, changes nothing that an index holds.
    if advance.wake == Wake::Owned && phase == LIVE {
        let mut update = connection
            .prepare_cached("UPDATE run_heads SET seq = ?4 WHERE run = ?1 AND epoch = ?2 AND seq = ?3 AND phase = 0")?;
        return Ok(update.execute(params![run, epoch, seq, after])? == 1);
    }
    let (stays, wake_at) = match advance.wake {
        Wake::Owned => (true, None),
        Wake::At(at) => (false, Some(micros(at))),
        Wake::Asleep | Wake::Never => (false, None),
    };
    let mut update = connection.prepare_cached(
        "UPDATE run_heads SET seq = ?4, phase = ?5, owner = CASE WHEN ?6 THEN owner END, wake_at = ?7
         WHERE run = ?1 AND epoch = ?2 AND seq = ?3 AND phase = 0",
    )?;
    Ok(update.execute(params![run, epoch, seq, after, phase, stays, wake_at])? == 1)
}

/// Why an advance was not accepted.
fn refusal(connection: &Connection, run: i64, advance: &AdvanceRun) -> Outcome<CommitOutcome> {
    // A commit without events leaves no record; giving back twice what is given back already is harmless.
    if !advance.events.is_empty() && is_at(connection, run, advance.seq.next(), advance.commit)? {
        return Ok(CommitOutcome::AlreadyApplied);
    }
    let head = head_of(connection, run)?;
    Ok(if head.epoch != signed(advance.epoch.get())? {
        CommitOutcome::Fenced
    } else if head.phase != LIVE {
        CommitOutcome::Absorbed
    } else {
        CommitOutcome::Moved
    })
}

fn apply_cancel(connection: &Connection, cancel: &CancelRun) -> Outcome<CommitOutcome> {
    let Some(run) = number_of(connection, &cancel.run)? else { return Ok(CommitOutcome::Gone) };
    if has(connection, run, cancel.commit)? {
        return Ok(CommitOutcome::AlreadyApplied);
    }
    let head = head_of(connection, run)?;
    if head.phase != LIVE {
        return Ok(CommitOutcome::Absorbed);
    }
    connection
        .prepare_cached("UPDATE run_heads SET seq = seq + 1, phase = ?2 WHERE run = ?1")?
        .execute(params![run, STOPPED])?;
    connection
        .prepare_cached(
            "UPDATE workflow_runs SET status = ?2, updated_at = ?3, cancelled_at = ?3, cancelled_by = ?4,
                    error = coalesce(?5, error), paused = 0 WHERE run = ?1",
        )?
        .execute(params![run, RunStatus::Cancelled.as_str(), micros(cancel.at), cancel.by, cancel.message()])?;
    inbox::clear(connection, run)?;
    families::cancelled(connection, run, cancel)?;
    add_events(connection, run, head.seq, cancel.commit, cancel.at, &[cancel.event()])?;
    Ok(CommitOutcome::Committed)
}

fn apply_resume(connection: &Connection, resume: &ResumeRun) -> Outcome<CommitOutcome> {
    let Some(run) = number_of(connection, &resume.run)? else { return Ok(CommitOutcome::Gone) };
    if has(connection, run, resume.commit)? {
        return Ok(CommitOutcome::AlreadyApplied);
    }
    let head = head_of(connection, run)?;
    let takes = match head.phase {
        STOPPED => true,
        COMPLETED => resume.takes(RunStatus::Completed),
        _ => false,
    };
    if !takes {
        return Ok(CommitOutcome::Absorbed);
    }
    connection
        .prepare_cached(
            "UPDATE run_heads SET seq = seq + 1, epoch = epoch + 1, owner = NULL, phase = ?2, wake_at = ?3
             WHERE run = ?1",
        )?
        .execute(params![run, LIVE, micros(resume.at)])?;
    connection
        .prepare_cached(
            "UPDATE workflow_runs SET status = ?2, updated_at = ?3, completed_at = NULL, cancelled_at = NULL,
                    cancelled_by = NULL, error = NULL WHERE run = ?1",
        )?
        .execute(params![run, RunStatus::Pending.as_str(), micros(resume.at)])?;
    connection.prepare_cached("DELETE FROM run_outputs WHERE run = ?1")?.execute([run])?;
    add_events(connection, run, head.seq, resume.commit, resume.at, &[resume.event()])?;
    if let Some(note) = resume.note() {
        inbox::append(connection, &note)?;
    }
    Ok(CommitOutcome::Committed)
}
