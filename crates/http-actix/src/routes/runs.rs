//! Runs over HTTP.

use actix_web::http::Method;
use application::{UseCases, access::Session};
use domain::access::{Access, Forbidden, Right};
use domain::ports::Clock;

use super::following::awaited;
use crate::{
    api::{About, Awaited, Body, Caller, Declarations, Ending, Known, Located, Path, Prefer, Query, Reply, State},
    dto::{
        examples,
        lists::{ListQuery as _, PageView},
        run_views::{ExplainedRunView, RetryReceipt, RunReceipt, RunView, StepExecutionView},
        runs::{CancelRun, NothingMore, RetryRun, RunPath, RunQuery},
    },
    problem::{Code, Problem},
};

pub(super) const GROUP: &str = "runs";

pub(super) const COLLECTION: &str = "/api/v1/runs";

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::GET,
        COLLECTION,
        Access::Needs(Right::RunsRead),
        list_runs,
        About::new(GROUP, "List runs", "A page of the runs, newest first unless asked otherwise.")
            .answers(examples::page(&examples::run("COMPLETED")))
            .refuses(&[Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        "/api/v1/runs/{run_id}",
        Access::Needs(Right::RunsRead),
        get_run,
        About::new(GROUP, "Read a run", "The run with this id, and what it waits for if it is not over.")
            .answers(examples::explained_run())
            .refuses(&[Code::RunNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        "/api/v1/runs/{run_id}/steps",
        Access::Needs(Right::RunsRead),
        list_steps,
        About::new(GROUP, "List a run's steps", "Every attempt of every step, in the order of their start.")
            .answers(examples::step_executions())
            .refuses(&[Code::RunNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/runs/{run_id}/retry",
        Access::Needs(Right::RunsControl),
        retry_run,
        About::new(
            GROUP,
            "Retry a run",
            "Resumes a failed or cancelled run: steps that are finished stay finished, the rest is done after all. The run \
             keeps its id. With `Prefer: wait=N` the answer waits for the end of the run, and is 200 with the finished run if that \
             comes in time.",
        )
        .repeatable()
        .sends(serde_json::json!({}))
        .answers_with(200, examples::run("COMPLETED"))
        .answers_with(202, examples::retried())
        .refuses(&[
            Code::RunNotFound,
            Code::RunNotRetryable,
            Code::RunNotResumableThere,
            Code::Overloaded,
            Code::StoreUnavailable,
        ]),
    )
    .route(
        Method::POST,
        "/api/v1/runs/{run_id}/cancel",
        Access::Needs(Right::RunsControl),
        cancel_run,
        About::new(GROUP, "Cancel a run", "Cancels a pending or running run; once this answers, no new agent call is made.")
            .repeatable().sends(serde_json::json!({"reason": "no longer needed"}))
            .answers(examples::cancelled())
            .refuses(&[Code::RunNotFound, Code::RunNotCancellable, Code::Overloaded, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/runs/{run_id}/pause",
        Access::Needs(Right::RunsControl),
        pause_run,
        About::new(
            GROUP,
            "Pause a run",
            "Agent calls under way are finished, and nothing new is begun until the run is let go on. The answer shows the run \
             as it was; `paused` becomes true as soon as its executor has heard of it.",
        )
        .repeatable().sends(serde_json::json!({}))
        .answers(examples::run_receipt("Run is going to be paused"))
        .refuses(&[Code::RunNotFound, Code::RunNotPausable, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/runs/{run_id}/unpause",
        Access::Needs(Right::RunsControl),
        unpause_run,
        About::new(GROUP, "Let a paused run go on", "The run goes on where it was paused.")
            .repeatable().sends(serde_json::json!({}))
            .answers(examples::run_receipt("Run is going to go on"))
            .refuses(&[Code::RunNotFound, Code::RunNotPausable, Code::StoreUnavailable]),
    )
}

async fn pause_run(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<RunPath>,
    _: Option<Body<NothingMore>>,
) -> Result<Reply<202, RunReceipt>, Problem> {
    let run = app.pause_run.pause(&path.id().map_err(Problem::internal)?, &by).await?;
    Ok(Reply(RunReceipt::new(run, "Run is going to be paused", clock.now())))
}

async fn unpause_run(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<RunPath>,
    _: Option<Body<NothingMore>>,
) -> Result<Reply<202, RunReceipt>, Problem> {
    let run = app.pause_run.unpause(&path.id().map_err(Problem::internal)?, &by).await?;
    Ok(Reply(RunReceipt::new(run, "Run is going to go on", clock.now())))
}

async fn list_runs(
    Known(session): Known,
    State(app): State<UseCases>,
    Query(query): Query<RunQuery>,
) -> Result<Reply<200, PageView<RunView>>, Problem> {
    may_search_errors(&session, query.reads_payloads())?;
    let (sort, order) = (query.sort_by.into(), query.sort_order.into());
    Ok(Reply(query.view(app.list_runs.execute(&query.filter(), sort, order, query.page()).await?)))
}

/// Who finds runs by their errors knows the errors.
pub(super) fn may_search_errors(session: &Session, wants_to: bool) -> Result<(), Problem> {
    if wants_to && session.principal.hides_payloads {
        let restriction = "error messages are hidden from it, so it cannot search them by error_contains";
        return Err(Problem::forbidden(Forbidden::OutOfScope(restriction.to_owned())));
    }
    Ok(())
}

async fn get_run(
    State(app): State<UseCases>,
    Path(path): Path<RunPath>,
) -> Result<Reply<200, ExplainedRunView>, Problem> {
    Ok(Reply(app.get_run.explained(&path.id().map_err(Problem::internal)?).await?.into()))
}

async fn list_steps(
    State(app): State<UseCases>,
    Path(path): Path<RunPath>,
) -> Result<Reply<200, Vec<StepExecutionView>>, Problem> {
    let steps = app.list_steps.execute(&path.id().map_err(Problem::internal)?).await?;
    Ok(Reply(steps.into_iter().map(Into::into).collect()))
}

async fn retry_run(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<RunPath>,
    (body, prefer, ending): (Option<Body<RetryRun>>, Prefer, Ending),
) -> Result<Awaited<Located<200, RunView>, Located<202, RetryReceipt>>, Problem> {
    let from = body.map(|Body(retry)| retry).unwrap_or_default().step().map_err(Problem::internal)?;
    let id = path.id().map_err(Problem::internal)?;
    let run = app.retry_run.execute(&id, from.as_ref(), &by).await?;
    let answer = match awaited(&app, run, prefer, &ending).await {
        Ok(ended) => Ok(Located::new(COLLECTION, id, ended.into())),
        Err(run) => Err(Located::new(COLLECTION, id, RetryReceipt::new(run, "Run resumed", clock.now()))),
    };
    Ok(Awaited::new(prefer, answer))
}

async fn cancel_run(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<RunPath>,
    body: Option<Body<CancelRun>>,
) -> Result<Reply<200, RunReceipt>, Problem> {
    let reason = body.and_then(|Body(cancel)| cancel.reason);
    let run = app.cancel_run.execute(&path.id().map_err(Problem::internal)?, reason, &by).await?;
    Ok(Reply(RunReceipt::new(run, "Run cancelled", clock.now())))
}
