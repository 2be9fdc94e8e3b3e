//! Waves: what is applied together, and what all kinds of commit have in common.

use std::collections::HashMap;

use domain::{
    Timestamp,
    audit::AuditEntry,
    ids::{CommitId, RunId, Seq},
    runs::{AdoptRun, AdvanceRun, CommitOutcome, RunCommit, RunEnded, RunEvent, RunStatus, StartRun},
};
use sqlx::PgConnection;

use super::{
    adoptions, advances, announcements,
    blind::{self, Blind},
    dead_letters::Left,
    starts,
};
use crate::{
    audit,
    codec::{signed, sound},
    failure::{Failure, Outcome},
};

/// The phase of a head that may move.
pub(super) const LIVE: i16 = 0;
/// The phase of a run that completed; nothing follows, unless a step of it is to be done anew.
pub(super) const COMPLETED: i16 = 1;
/// The phase of a run that failed or was cancelled; it can be resumed.
pub(super) const STOPPED: i16 = 2;

/// A commit of a wave, with its place in the batch.
pub(super) struct At<'a, C: ?Sized> {
    pub(super) ord: i32,
    pub(super) commit: &'a C,
}

/// Commits of which no two are to one run.
#[derive(Default)]
struct Wave<'a> {
    starts: Vec<At<'a, StartRun>>,
    advances: Vec<At<'a, AdvanceRun>>,
    blind: Vec<Blind<'a>>,
    adoptions: Vec<At<'a, AdoptRun>>,
    all: Vec<At<'a, RunCommit>>,
}

/// What became of the commits so far.
pub(super) struct Verdicts(Vec<Option<CommitOutcome>>);

impl Verdicts {
    pub(super) fn set(&mut self, ord: i32, outcome: CommitOutcome) {
        if let Some(verdict) = usize::try_from(ord).ok().and_then(|ord| self.0.get_mut(ord)) {
            *verdict = Some(outcome);
        }
    }

    pub(super) fn of(&self, ord: i32) -> Option<CommitOutcome> {
        usize::try_from(ord).ok().and_then(|ord| self.0.get(ord)).copied().flatten()
    }

    pub(super) fn is_open(&self, ord: i32) -> bool {
        self.of(ord).is_none()
    }
}

/// What became of commits.
#[derive(Default)]
pub(super) struct Applied {
    /// One for each, in order.
    pub(super) outcomes: Vec<CommitOutcome>,
    /// The runs that were told something, to be woken after the transaction.
    pub(super) told: Vec<String>,
}

/// Applies commits in the transaction that the connection is in, and answers an outcome for each, in order.
pub(super) async fn apply_all(
    connection: &mut PgConnection,
    commits: &[&RunCommit],
    announce: bool,
) -> Outcome<Applied> {
    adoptions::exclude(connection, commits).await?;
    let mut verdicts = Verdicts(vec![None; commits.len()]);
    let mut told = Vec::new();
    for wave in waves(commits)? {
        let mut events = Events::default();
        starts::apply(connection, &wave.starts, &mut events, &mut verdicts).await?;
        told.extend(advances::apply(connection, &wave.advances, &mut events, &mut verdicts).await?);
        told.extend(blind::apply(connection, &wave.blind, &mut events, &mut verdicts).await?);
        adoptions::apply(connection, &wave.adoptions, &mut events, &mut verdicts).await?;
        if announce {
            announcements::write(connection, &wave.all, &verdicts, &events).await?;
        }
        events.write(connection).await?;
        let accepted = wave.all.iter().filter(|at| verdicts.of(at.ord) == Some(CommitOutcome::Committed));
        let audited: Vec<&AuditEntry> = accepted.filter_map(|at| at.commit.audit()).collect();
        audit::write(connection, &audited).await?;
    }
    let outcomes = verdicts.0.into_iter().map(|verdict| sound("outcome", verdict)).collect::<Outcome<_>>()?;
    Ok(Applied { outcomes, told })
}

fn waves<'a>(commits: &[&'a RunCommit]) -> Outcome<Vec<Wave<'a>>> {
    let mut waves: Vec<Wave<'a>> = Vec::new();
    let mut next: HashMap<&RunId, usize> = HashMap::with_capacity(commits.len());
    for (place, commit) in commits.iter().enumerate() {
        let number = next.entry(commit.run()).or_default();
        if *number == waves.len() {
            waves.push(Wave::default());
        }
        let wave = &mut waves[*number];
        *number += 1;
        let ord = i32::try_from(place).map_err(|_| Failure::Unstorable("the batch is too long".to_owned()))?;
        wave.all.push(At { ord, commit: *commit });
        match commit {
            RunCommit::Start(commit) => wave.starts.push(At { ord, commit }),
            RunCommit::Advance(commit) => wave.advances.push(At { ord, commit }),
            RunCommit::Cancel(cancel) => wave.blind.push(Blind::Cancel(At { ord, commit: cancel })),
            RunCommit::Resume(resume) => wave.blind.push(Blind::Resume(At { ord, commit: resume })),
            RunCommit::Adopt(commit) => wave.adoptions.push(At { ord, commit }),
        }
    }
    Ok(waves)
}

/// The event rows of a wave's accepted commits, by column.
#[derive(Default)]
pub(super) struct Events<'a> {
    runs: Vec<&'a str>,
    firsts: Vec<i64>,
    commits: Vec<uuid::Uuid>,
    times: Vec<Timestamp>,
    texts: Vec<String>,
    /// What others are to be told of runs that end where they are adopted.
    pub(super) ended: Vec<RunEnded>,
    /// The dead letters of accepted commits.
    pub(super) left: Vec<Left<'a>>,
    /// The number of each run's last event.
    pub(super) last: HashMap<&'a RunId, Seq>,
}

impl<'a> Events<'a> {
    /// Adds the events of a commit that follow this number; a commit without events leaves no row.
    pub(super) fn add(
        &mut self,
        run: &'a RunId,
        after: Seq,
        commit: CommitId,
        at: Timestamp,
        events: &[RunEvent],
    ) -> Outcome<()> {
        if events.is_empty() {
            return Ok(());
        }
        let text = serde_json::to_string(events).map_err(|error| Failure::Unstorable(error.to_string()))?;
        self.last.insert(run, Seq::new(after.get() + events.len() as u64));
        self.runs.push(run.as_str());
        self.firsts.push(signed(after.next().get())?);
        self.commits.push(commit.uuid());
        self.times.push(at);
        self.texts.push(text);
        Ok(())
    }

    async fn write(self, connection: &mut PgConnection) -> Outcome<()> {
        if self.runs.is_empty() {
            return Ok(());
        }
        sqlx::query(include_str!("../sql/events.sql"))
            .bind(self.runs)
            .bind(self.firsts)
            .bind(self.commits)
            .bind(self.times)
            .bind(self.texts)
            .execute(connection)
            .await?;
        Ok(())
    }
}

pub(super) fn phase(status: RunStatus) -> i16 {
    match status {
        RunStatus::Pending | RunStatus::Running => LIVE,
        RunStatus::Completed => COMPLETED,
        RunStatus::Failed | RunStatus::Cancelled => STOPPED,
    }
}

pub(super) fn completed_at(status: RunStatus, at: Timestamp) -> Option<Timestamp> {
    matches!(status, RunStatus::Completed | RunStatus::Failed).then_some(at)
}

/// One value of each commit, as the array of a column.
pub(super) fn column<C, T>(rows: &[C], value: impl Fn(&C) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
