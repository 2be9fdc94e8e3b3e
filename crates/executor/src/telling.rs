//! What the writer tells of the commits that it has written: the log, the counters and the traces.

use domain::{
    ids::RunId,
    ports::Spans,
    runs::{CommitOutcome, RunCommit, RunStatus},
    trace::{RunTrace, TraceId, TraceParent},
};

use crate::spans;

/// Under which target the log tells of runs, so that a filter can name it.
const RUNS: &str = "orrery::runs";

/// Tells of a batch.
pub(crate) fn tell(commits: &[RunCommit], outcomes: &[CommitOutcome], spans: &dyn Spans) {
    metrics::counter!("orrery_journal_transactions_total").increment(1);
    metrics::counter!("orrery_commits_total").increment(commits.len() as u64);
    for (commit, outcome) in commits.iter().zip(outcomes) {
        match outcome {
            CommitOutcome::Committed => {
                committed(commit);
                spans::committed(spans, commit);
            }
            CommitOutcome::AlreadyApplied => {}
            CommitOutcome::Fenced => refused(commit, "fenced"),
            CommitOutcome::Moved => refused(commit, "moved"),
            CommitOutcome::Absorbed => refused(commit, "absorbed"),
            CommitOutcome::Duplicate => refused(commit, "duplicate"),
            CommitOutcome::Gone => refused(commit, "gone"),
            CommitOutcome::Unstorable => refused(commit, "unstorable"),
        }
    }
}

fn refused(commit: &RunCommit, outcome: &'static str) {
    tracing::debug!(run.id = %commit.run(), outcome, "a commit was refused");
    metrics::counter!("orrery_commits_refused_total", "outcome" => outcome).increment(1);
}

/// One line for each change of a run's status.
fn committed(commit: &RunCommit) {
    match commit {
        RunCommit::Start(start) => {
            let run = &start.run;
            tracing::info!(
                target: RUNS,
                {
                    run.id = %run,
                    run.status = start.status.as_str(),
                    trace_id = %trace_of(run, start.from()),
                    workflow.name = start.workflow_name,
                },
                "run started"
            );
            metrics::counter!("orrery_runs_started_total").increment(1);
        }
        RunCommit::Advance(advance) => {
            let run = &advance.run;
            for attempt in &advance.closed {
                let outcome = if attempt.error.is_none() { "completed" } else { "failed" };
                tracing::debug!(
                    target: RUNS,
                    {
                        run.id = %run,
                        step.path = %attempt.path,
                        step.attempt = attempt.attempt,
                        outcome,
                        trace_id = %trace_of(run, advance.origin.from),
                    },
                    "step ended"
                );
                metrics::counter!("orrery_step_attempts_total", "outcome" => outcome).increment(1);
            }
            match &advance.update {
                Some(update) if update.status.is_terminal() => {
                    finished(run, advance.origin.from, update.status, update.error.as_deref());
                }
                Some(update) => {
                    let what = if update.paused { "run paused" } else { "run under way" };
                    tracing::info!(
                        target: RUNS,
                        {
                            run.id = %run,
                            run.status = update.status.as_str(),
                            run.paused = update.paused,
                            trace_id = %trace_of(run, advance.origin.from),
                        },
                        "{what}"
                    );
                }
                None => {}
            }
            for child in &advance.outward.children {
                tracing::info!(
                    target: RUNS,
                    {
                        run.id = %child.run,
                        run.status = child.status.as_str(),
                        trace_id = %trace_of(&child.run, child.from()),
                    },
                    "run started by a run"
                );
            }
        }
        RunCommit::Cancel(cancel) => {
            finished(&cancel.run, cancel.from, RunStatus::Cancelled, cancel.reason.as_deref());
        }
        RunCommit::Resume(resume) => {
            tracing::info!(
                target: RUNS,
                {
                    run.id = %resume.run,
                    run.status = RunStatus::Pending.as_str(),
                    trace_id = %trace_of(&resume.run, resume.from),
                },
                "run resumed"
            );
        }
        RunCommit::Adopt(adopt) => {
            tracing::info!(
                target: RUNS,
                {
                    run.id = %adopt.run,
                    trace_id = %trace_of(&adopt.run, adopt.from),
                },
                "run adopted"
            );
            metrics::counter!("orrery_runs_adopted_total").increment(1);
        }
    }
}

fn finished(run: &RunId, from: Option<TraceParent>, status: RunStatus, error: Option<&str>) {
    let status = status.as_str();
    tracing::info!(target: RUNS, { run.id = %run, run.status = status, trace_id = %trace_of(run, from) }, "run ended");
    if let Some(error) = error {
        // In the words of agents and of people: not above debug.
        tracing::debug!(target: RUNS, { run.id = %run, trace_id = %trace_of(run, from), error }, "why it ended");
    }
    metrics::counter!("orrery_runs_finished_total", "status" => status).increment(1);
}

fn trace_of(run: &RunId, from: Option<TraceParent>) -> TraceId {
    RunTrace::of(run, from).id()
}
