//! Events over HTTP.

use actix_web::http::Method;
use application::UseCases;
use domain::access::{Access, Right};
use domain::ports::Clock;

use crate::{
    api::{About, Body, Caller, Declarations, Path, Reply, State},
    dto::{
        events::{BroadcastEvent, EventReceipt, RaiseEvent},
        examples,
        runs::RunPath,
    },
    problem::{Code, Problem},
};

pub(super) const GROUP: &str = "events";

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::POST,
        "/api/v1/runs/{run_id}/events",
        Access::Needs(Right::RunsExecute),
        tell_run,
        About::new(
            GROUP,
            "Tell a run of an event",
            "The first step of the run that waits for this event, and whose filter lets it through, goes on. If none waits yet, \
             the run keeps the event (up to 100) for the step that will.",
        )
        .repeatable().sends(examples::event())
        .answers(examples::event_receipt())
        .refuses(&[Code::RunNotFound, Code::RunNotListening, Code::BodyTooLarge, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/events",
        Access::Needs(Right::RunsExecute),
        tell_all,
        About::new(
            GROUP,
            "Tell whoever waits of an event",
            "Every step that waits for this event with this correlation is told, at most 1,000. Who does not wait yet is not \
             told: an event that may come early is sent to its run.",
        )
        .repeatable().sends(examples::broadcast())
        .answers(examples::event_receipt())
        .refuses(&[Code::BodyTooLarge, Code::StoreUnavailable]),
    )
}

async fn tell_run(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<RunPath>,
    Body(body): Body<RaiseEvent>,
) -> Result<Reply<202, EventReceipt>, Problem> {
    let event = body.event().map_err(|refused| Problem::unkeepable("/data", &refused))?;
    let run = app.raise_event.to_run(&path.id().map_err(Problem::internal)?, event, &by).await?;
    Ok(Reply(EventReceipt::new(&[run.id], clock.now())))
}

async fn tell_all(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Body(body): Body<BroadcastEvent>,
) -> Result<Reply<202, EventReceipt>, Problem> {
    let correlation = body.correlation.clone().unwrap_or_default();
    let event = body.event().map_err(|refused| Problem::unkeepable("/data", &refused))?;
    let told = app.raise_event.to_all(&correlation, event, &by).await?;
    Ok(Reply(EventReceipt::new(&told, clock.now())))
}
