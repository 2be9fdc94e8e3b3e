//! What a run needs of others that it starts or has started: which version to start, and a resume of one that has ended.

use std::sync::Arc;

use application::workflows::find_child;
use domain::{
    Timestamp,
    ids::RunId,
    ports::{Runs, StoreError, Workflows},
    runs::{ChildOutcome, ChildResume, CommitOutcome, InboxMessage, ResumeRun, Resumption, RunCommit},
    workflows::ChildTarget,
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::{
    core::EngineInput,
    patience::{Insisted, insist_unless_corrupt},
    writer::CommitQueue,
};

/// None if the engine stops before the answer: the next owner asks again.
pub(crate) async fn look_up(
    stop: &CancellationToken,
    workflows: &Arc<dyn Workflows>,
    run: RunId,
    target: ChildTarget,
) -> Option<EngineInput> {
    let found = match insist_unless_corrupt(stop, || find_child(&**workflows, &target)).await {
        Insisted::Answer(Ok(found)) => found,
        Insisted::Answer(Err(error)) => Err(format!("Workflow '{target}' cannot be read: {error}")),
        Insisted::Stopped => return None,
    };
    Some(EngineInput::LookedUp { run, target, found })
}

/// Resumes a run for another one. The commit's id is derived, so that whoever does it again changes nothing.
pub(crate) async fn resume(
    stop: &CancellationToken,
    runs: &Arc<dyn Runs>,
    writer: &CommitQueue,
    run: RunId,
    resume: ChildResume,
    now: Timestamp,
) -> Option<EngineInput> {
    let commit = ResumeRun {
        what: Resumption::Unfinished,
        commit: resume.commit,
        run: resume.run.clone(),
        at: now,
        by: run.to_string(),
        from: application::runs::came_from(&**runs, &resume.run).await,
        audit: None,
    };
    let (told, outcome) = oneshot::channel();
    writer.submit(RunCommit::Resume(commit), move |outcome| {
        let _ = told.send(outcome);
    });
    let outcome = outcome.await.ok()?;
    let ended = match outcome {
        CommitOutcome::Committed | CommitOutcome::AlreadyApplied => None,
        CommitOutcome::Absorbed
        | CommitOutcome::Gone
        | CommitOutcome::Fenced
        | CommitOutcome::Moved
        | CommitOutcome::Duplicate
        | CommitOutcome::Unstorable => match insist_unless_corrupt(stop, || end_of(&**runs, &resume)).await {
            Insisted::Answer(Ok(ended)) => ended,
            Insisted::Answer(Err(error)) => Some(ended_as(&resume, ChildOutcome::Failed { error: error.to_string() })),
            Insisted::Stopped => return None,
        },
    };
    Some(EngineInput::Resumed { run, commit: resume.commit, ended })
}

/// How a run that cannot be resumed has ended: somebody else was quicker. None while it is under way.
pub async fn end_of(runs: &dyn Runs, resume: &ChildResume) -> Result<Option<InboxMessage>, StoreError> {
    let outcome = match runs.get(&resume.run).await? {
        Some(row) => ChildOutcome::of(row.status, row.output.as_ref(), row.error.as_deref()),
        None => Some(ChildOutcome::Failed { error: "it is not there any more".to_owned() }),
    };
    Ok(outcome.map(|outcome| ended_as(resume, outcome)))
}

fn ended_as(resume: &ChildResume, outcome: ChildOutcome) -> InboxMessage {
    InboxMessage::ChildEnded { path: resume.path.clone(), child: resume.run.clone(), outcome }
}
