//! What people do to runs beside starting, retrying and cancelling one.

use actix_web::http::Method;
use application::UseCases;
use domain::access::{Access, Right};
use domain::ports::Clock;
use serde_json::json;

use super::runs::{GROUP, may_search_errors};
use crate::{
    api::{About, Body, Caller, Declarations, Known, Path, Reply, State},
    dto::{
        examples,
        run_changes::{BulkCancel, BulkRetry, BulkView, RerunRun, SkipStep},
        run_views::RunReceipt,
        runs::RunPath,
    },
    problem::{Code, Problem},
};

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::POST,
        "/api/v1/runs/{run_id}/rerun",
        Access::Needs(Right::RunsControl),
        rerun_run,
        About::new(
            GROUP,
            "Rerun a run from a step",
            "Does a step of a run that is over anew, with all that follows it: its agents are called again, with new message ids, also \
             where they had answered. The results before the step stay, and whatever had failed is done after all. The run keeps its \
             id. Inside of a block, the other members, iterations and branches keep their results.",
        )
        .repeatable().sends(json!({"from_step": "review"}))
        .answers(examples::receipt("PENDING", "Run resumed from step", json!({})))
        .refuses(&[
            Code::RunNotFound,
            Code::RunNotOver,
            Code::StepNotRerunnable,
            Code::Overloaded,
            Code::StoreUnavailable,
        ]),
    )
    .route(
        Method::POST,
        "/api/v1/runs/{run_id}/skip",
        Access::Needs(Right::RunsControl),
        skip_step,
        About::new(
            GROUP,
            "Skip a step with a given output",
            "Gives a step its output instead of its agent: one that is under way or waits, whose call is then given up, or the one at \
             which a run failed or was cancelled, which goes on after it. A step that ends by itself meanwhile keeps its own output.",
        )
        .repeatable().sends(json!({"step": "review", "output": {"verdict": "accept"}}))
        .answers(examples::run_receipt("Step is going to be skipped"))
        .refuses(&[Code::RunNotFound, Code::StepNotSkippable, Code::Overloaded, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/runs/bulk-cancel",
        Access::Needs(Right::RunsControl),
        bulk_cancel,
        About::new(
            GROUP,
            "Cancel many runs",
            "Cancels the runs that are named, or the oldest that a filter finds, each with an outcome of its own; with `dry_run`, says \
             which ones it would be.",
        )
        .repeatable().sends(json!({"filter": {"status": "RUNNING", "created_before": "2026-01-31T12:00:00Z"}, "reason": "stuck", "dry_run": true}))
        .answers(bulk_example("would_change"))
        .refuses(&[Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/runs/bulk-retry",
        Access::Needs(Right::RunsControl),
        bulk_retry,
        About::new(
            GROUP,
            "Retry many runs",
            "Retries the runs that are named, or the oldest that a filter finds, each with an outcome of its own; with `dry_run`, says \
             which ones it would be.",
        )
        .repeatable().sends(json!({"filter": {"status": "FAILED"}, "limit": 100, "dry_run": true}))
        .answers(bulk_example("would_change"))
        .refuses(&[Code::StoreUnavailable]),
    )
}

fn bulk_example(outcome: &str) -> serde_json::Value {
    let run = json!({"run_id": examples::RUN_ID, "outcome": outcome, "status": null, "error": null});
    json!({"changed": 0, "would_change": 1, "refused": 0, "more": false, "dry_run": true, "runs": [run]})
}

async fn rerun_run(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<RunPath>,
    Body(rerun): Body<RerunRun>,
) -> Result<Reply<202, RunReceipt>, Problem> {
    let from = rerun.from().map_err(Problem::internal)?;
    let run = app.rerun_run.execute(&path.id().map_err(Problem::internal)?, &from, &by).await?;
    Ok(Reply(RunReceipt::new(run, "Run resumed from step", clock.now())))
}

async fn skip_step(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<RunPath>,
    Body(skip): Body<SkipStep>,
) -> Result<Reply<202, RunReceipt>, Problem> {
    let (id, step) = (path.id().map_err(Problem::internal)?, skip.path().map_err(Problem::internal)?);
    let output = skip.output().map_err(|refused| Problem::unkeepable("/output", &refused))?;
    let run = app.skip_step.execute(&id, &step, output, &by).await?;
    Ok(Reply(RunReceipt::new(run, "Step is going to be skipped", clock.now())))
}

async fn bulk_cancel(
    Caller(by): Caller,
    Known(session): Known,
    State(app): State<UseCases>,
    Body(body): Body<BulkCancel>,
) -> Result<Reply<200, BulkView>, Problem> {
    may_search_errors(&session, body.reads_payloads())?;
    let dry_run = body.dry_run;
    let (selection, change) = body.command();
    let many = app.change_many_runs.execute(selection, &change, dry_run, &by).await?;
    Ok(Reply(BulkView::new(many, dry_run)))
}

async fn bulk_retry(
    Caller(by): Caller,
    Known(session): Known,
    State(app): State<UseCases>,
    Body(body): Body<BulkRetry>,
) -> Result<Reply<200, BulkView>, Problem> {
    may_search_errors(&session, body.reads_payloads())?;
    let dry_run = body.dry_run;
    let (selection, change) = body.command();
    let many = app.change_many_runs.execute(selection, &change, dry_run, &by).await?;
    Ok(Reply(BulkView::new(many, dry_run)))
}
