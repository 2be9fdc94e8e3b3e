//! Reads and follows the log of a run.

use std::sync::Arc;

use domain::{
    ids::{RunId, Seq},
    ports::StoreError,
    runs::{LogEntry, LogLevel, RunTip},
};

use super::{FollowRun, FollowRunError, Following};
use crate::Ports;

/// How many events are looked at in one read.
const AT_ONCE: u32 = 500;

/// How many reads a page may cost: who looks for a step that is hardly in a long run gets a short page, and goes on.
const READS: usize = 10;

/// Which entries are wanted.
#[derive(Debug, Clone)]
pub struct LogFilter {
    /// This level, and those above it.
    pub level: LogLevel,
    /// Only what is about this step.
    pub step: Option<String>,
}

impl LogFilter {
    fn takes(&self, entry: &LogEntry) -> bool {
        entry.level >= self.level && self.step.as_deref().is_none_or(|step| entry.is_about(step))
    }
}

/// A piece of the log of a run.
#[derive(Debug)]
pub struct RunLog {
    /// The entries, in order.
    pub entries: Vec<LogEntry>,
    /// Everything up to this event has been looked at.
    pub looked_at: Seq,
    /// Where the run stands.
    pub tip: RunTip,
}

/// Reads and follows logs.
pub struct ReadLog {
    follow_run: Arc<FollowRun>,
}

impl ReadLog {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { follow_run: Arc::new(FollowRun::new(ports)) }
    }

    /// The entries after a number that there are now, at most so many.
    pub async fn page(&self, id: &RunId, after: Seq, limit: u32, filter: &LogFilter) -> Result<RunLog, FollowRunError> {
        let limit = limit as usize;
        let mut entries = Vec::new();
        let mut looked_at = after;
        for read in 1.. {
            let found = self.follow_run.page(id, looked_at, AT_ONCE).await?;
            for told in &found.events {
                let entry = LogEntry::of(told);
                looked_at = entry.seq;
                if filter.takes(&entry) {
                    entries.push(entry);
                }
                if entries.len() == limit {
                    break;
                }
            }
            if entries.len() == limit || looked_at >= found.tip.last || read == READS || found.events.is_empty() {
                return Ok(RunLog { entries, looked_at, tip: found.tip });
            }
        }
        unreachable!("the loop ends after some reads")
    }

    /// Follows the log of a run from a number on.
    pub async fn follow(&self, id: &RunId, after: Seq, filter: LogFilter) -> Result<FollowingLog, FollowRunError> {
        Ok(FollowingLog { following: self.follow_run.follow(id, after).await?, filter })
    }
}

/// Somebody who follows the log of a run.
pub struct FollowingLog {
    following: Following,
    filter: LogFilter,
}

impl FollowingLog {
    /// The next entries, never none of them; `None` once the run is over and all have been told.
    pub async fn next(&mut self) -> Result<Option<Vec<LogEntry>>, StoreError> {
        while let Some(told) = self.following.next().await? {
            let entries: Vec<_> = told.iter().map(LogEntry::of).filter(|entry| self.filter.takes(entry)).collect();
            if !entries.is_empty() {
                return Ok(Some(entries));
            }
        }
        Ok(None)
    }

    /// Whether the run is over and all of it has been told.
    pub fn is_over(&self) -> bool {
        self.following.is_over()
    }
}
