//! Dead letters over HTTP.

use actix_web::http::Method;
use application::UseCases;
use domain::access::{Access, Right};
use domain::ports::Clock;

use super::runs;
use crate::{
    api::{About, Body, Caller, Declarations, Located, Path, Query, Reply, State, Warned},
    dto::{
        MessageView,
        dead_letter_views::{BulkReplayView, DeadLetterDetailView, DeadLetterView, ReplayReceipt},
        dead_letters::{BulkReplay, DeadLetterPath, DeadLetterQuery, ReplayDeadLetter},
        examples,
        lists::{ListQuery as _, PageView},
    },
    problem::{Code, Problem},
};

pub(super) const GROUP: &str = "dlq";

const ONE: &str = "/api/v1/dlq/{dlq_id}";

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::GET,
        "/api/v1/dlq",
        Access::Needs(Right::RunsRead),
        list_dead_letters,
        About::new(
            GROUP,
            "List dead letters",
            "A page of the steps that have failed for good, those that failed last first unless asked otherwise.",
        )
        .answers(examples::page(&examples::dead_letter()))
        .refuses(&[Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/dlq/bulk-replay",
        Access::Needs(Right::RunsControl),
        replay_dead_letters,
        About::new(
            GROUP,
            "Replay many dead letters",
            "Replays those with these ids, or those that a filter lets through, each by itself: what one is refused for does not \
             keep the others back. With `dry_run`, nothing is done.",
        )
        .repeatable().sends(examples::bulk_replay())
        .answers(examples::bulk_replayed())
        .refuses(&[Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        ONE,
        Access::Needs(Right::RunsRead),
        get_dead_letter,
        About::new(
            GROUP,
            "Read a dead letter",
            "The step with what its agent was asked, and every attempt with how it ended.",
        )
        .answers(examples::dead_letter_detail())
        .refuses(&[Code::DeadLetterNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::DELETE,
        ONE,
        Access::Needs(Right::DeadLettersDelete),
        delete_dead_letter,
        About::new(GROUP, "Delete a dead letter", "Removes the entry. Its runs stay.")
            .answers(examples::deleted("Dead letter"))
            .refuses(&[Code::DeadLetterNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/dlq/{dlq_id}/replay",
        Access::Needs(Right::RunsControl),
        replay_dead_letter,
        About::new(
            GROUP,
            "Replay a dead letter",
            "Starts a new run with the input of the run that failed: of the workflow's newest active version, or with \
             `same_version` of the one that failed. The entry goes when the new run completes, and is `pending_replay` again if \
             the same step fails for good there. An entry is replayed once, unless `force` says otherwise.",
        )
        .repeatable().sends(serde_json::json!({"same_version": false}))
        .answers(examples::replayed())
        .refuses(&[
            Code::DeadLetterNotFound,
            Code::DeadLetterReplayed,
            Code::DeadLetterNotReplayable,
            Code::WorkflowNotFound,
            Code::VersionNotFound,
            Code::WorkflowNotActive,
            Code::BodyTooLarge,
            Code::NotForExternalEngine,
            Code::Overloaded,
            Code::StoreUnavailable,
        ]),
    )
}

async fn list_dead_letters(
    State(app): State<UseCases>,
    Query(query): Query<DeadLetterQuery>,
) -> Result<Reply<200, PageView<DeadLetterView>>, Problem> {
    let (filter, order) = (query.filter(), query.sort_order.into());
    Ok(Reply(query.view(app.list_dead_letters.execute(&filter, order, query.page()).await?)))
}

async fn get_dead_letter(
    State(app): State<UseCases>,
    Path(path): Path<DeadLetterPath>,
) -> Result<Reply<200, DeadLetterDetailView>, Problem> {
    Ok(Reply(app.get_dead_letter.execute(path.id()).await?.into()))
}

async fn delete_dead_letter(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<DeadLetterPath>,
) -> Result<Reply<200, MessageView>, Problem> {
    app.delete_dead_letter.execute(path.id(), &by).await?;
    Ok(Reply(MessageView::new("Dead letter deleted successfully".to_owned(), clock.now())))
}

async fn replay_dead_letter(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<DeadLetterPath>,
    body: Option<Body<ReplayDeadLetter>>,
) -> Result<Warned<Located<202, ReplayReceipt>>, Problem> {
    let manner = body.map(|Body(replay)| replay).unwrap_or_default().manner();
    let execution = app.replay_dead_letter.execute(path.id(), manner, &by).await?;
    let (warning, run) = (execution.warning(), execution.run);
    let id = run.id.clone();
    let receipt = ReplayReceipt::new(run, path.id(), clock.now());
    Ok(Warned::new(Located::new(runs::COLLECTION, id, receipt), warning))
}

async fn replay_dead_letters(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Body(body): Body<BulkReplay>,
) -> Result<Reply<200, BulkReplayView>, Problem> {
    let (manner, limit, dry_run) = (body.manner(), body.limit, body.dry_run);
    let tried = app.replay_dead_letters.execute(body.selection(), limit, manner, dry_run, &by).await?;
    Ok(Reply(BulkReplayView::new(tried, dry_run, clock.now())))
}
