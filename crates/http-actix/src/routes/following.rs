//! Following a run over HTTP.

use actix_web::http::Method;
use application::{
    UseCases,
    runs::{FollowRunError, Following},
};
use domain::{
    access::{Access, Right},
    ids::RunId,
    ports::StoreError,
    runs::Run,
};
use serde_json::Value;

use super::runs::GROUP;
use crate::{
    api::{
        About, Declarations, Ending, Event, Frame, LastEvent, PageOrStream, Path, Prefer, Query, Reply, Source, State,
        Streaming, Wanted,
    },
    dto::{
        following::{EventView, EventsQuery, EventsView},
        runs::RunPath,
    },
    problem::{Code, Mistake, Part, Problem},
};

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::GET,
        "/api/v1/runs/{run_id}/events",
        Access::Needs(Right::RunsRead),
        follow_run,
        About::new(
            GROUP,
            "Follow a run",
            "What has become true of the run, and what becomes true of it, each event exactly once and in order. In pages, or, where \
             `Accept` names `text/event-stream`, as Server-Sent Events: `id` is the event's number, `event` its kind, `data` what is described here. The \
             stream ends when the run has ended and everything was told; when the server stops, come back with `Last-Event-ID` and \
             nothing is missed or told twice. A comment comes every 15 seconds. Nothing that goes into steps or comes out of them is \
             in events.",
        )
        .answers(EventsView::example())
        .refuses(&[Code::RunNotFound, Code::StoreUnavailable]),
    )
}

async fn follow_run(
    State(app): State<UseCases>,
    Path(path): Path<RunPath>,
    Query(query): Query<EventsQuery>,
    (LastEvent(last), wanted): (LastEvent<u64>, Wanted),
    streaming: Streaming,
) -> Result<PageOrStream<Reply<200, EventsView>, EventsOf>, Problem> {
    let (run, after) = (path.id().map_err(Problem::internal)?, query.after(last));
    let refused = |error| refused(error, last.is_some());
    if wanted == Wanted::Page {
        let found = app.follow_run.page(&run, after, query.limit).await.map_err(refused)?;
        return Ok(PageOrStream::Page(Reply(EventsView::new(&run, &found, after))));
    }
    let following = app.follow_run.follow(&run, after).await.map_err(refused)?;
    if following.is_over() {
        return Ok(PageOrStream::Over);
    }
    Ok(PageOrStream::Stream(streaming.open(EventsOf { run, following })?))
}

/// The run once it has ended, if it does so within the time that the client would wait; else as it is then. It goes on whatever comes
/// of that: what cannot be read is not worth an error, for the run is there.
pub(super) async fn awaited(app: &UseCases, run: Run, prefer: Prefer, ending: &Ending) -> Result<Run, Run> {
    let Some(time) = prefer.wait() else { return Err(run) };
    // What is over in time is read below like what is not.
    let _ = ending.within(time, app.follow_run.until_over(&run.id)).await;
    let now = app.get_run.execute(&run.id).await.unwrap_or(run);
    if now.status.is_terminal() { Ok(now) } else { Err(now) }
}

/// The events of a run, for a stream.
struct EventsOf {
    run: RunId,
    following: Following,
}

impl Source for EventsOf {
    type Data = EventView;

    fn example() -> Value {
        EventView::example()
    }

    async fn next(&mut self) -> Result<Option<Vec<Frame<EventView>>>, StoreError> {
        let Some(told) = self.following.next().await? else { return Ok(None) };
        let frame = |told| {
            let data = EventView::new(&self.run, told);
            Frame::Event(Event { id: data.id(), kind: data.kind(), data })
        };
        Ok(Some(told.iter().map(frame).collect()))
    }
}

/// The place of a mistake is where the number was said.
pub(super) fn refused(error: FollowRunError, by_header: bool) -> Problem {
    match error {
        FollowRunError::NotFound(_) => Problem::new(Code::RunNotFound, error.to_string()),
        FollowRunError::Ahead { .. } => {
            let (part, place) = if by_header { (Part::Header, "/Last-Event-ID") } else { (Part::Query, "/after") };
            let mistake = Mistake::new(part, place, "value_error", error.to_string());
            Problem::mistakes(Code::ValidationFailed, vec![mistake])
        }
        FollowRunError::Store(error) => error.into(),
    }
}
