//! Following all runs over HTTP.

use actix_web::http::Method;
use application::{
    UseCases,
    runs::{FollowRunsError, FollowingRuns},
};
use domain::{
    access::{Access, Right},
    ports::StoreError,
};
use serde_json::Value;

use super::runs::GROUP;
use crate::{
    api::{About, Declarations, Event, Frame, LastEvent, PageOrStream, Query, Reply, Source, State, Streaming, Wanted},
    dto::run_feed::{ChangesQuery, Place, RunChangeView, RunChangesView},
    problem::{Code, Problem},
};

/// After how many looks at changes that are not wanted a client is told where it is.
const LOOKS: usize = 40;

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::GET,
        "/api/v1/runs/events",
        Access::Needs(Right::RunsRead),
        follow_runs,
        About::new(
            GROUP,
            "Follow all runs",
            "Every change of a run's status, each exactly once and those of a run in order: in pages, or, where `Accept` names \
             `text/event-stream`, as Server-Sent Events with the event `run`. From now on, or after the `id` in `Last-Event-ID`. The stream has no end; when \
             the server stops, come back with the last `id`, at any process. Changes are kept for some hours: who comes back later is \
             answered 410. A credential that is restricted to workflows must name one.",
        )
        .answers(RunChangesView::example())
        .refuses(&[Code::PlaceForgotten, Code::StoreUnavailable]),
    )
}

async fn follow_runs(
    State(app): State<UseCases>,
    Query(query): Query<ChangesQuery>,
    LastEvent(last): LastEvent<Place>,
    wanted: Wanted,
    streaming: Streaming,
) -> Result<PageOrStream<Reply<200, RunChangesView>, Changes>, Problem> {
    let (from, filter) = (query.from(last), query.filter());
    if wanted == Wanted::Page {
        let found = app.follow_runs.page(from, query.limit, &filter).await?;
        return Ok(PageOrStream::Page(Reply(found.into())));
    }
    let following = app.follow_runs.follow(from, filter).await?;
    Ok(PageOrStream::Stream(streaming.open(Changes { following, begun: false })?))
}

/// The changes of all runs, for a stream.
struct Changes {
    following: FollowingRuns,
    begun: bool,
}

impl Source for Changes {
    type Data = RunChangeView;

    const ENDS: bool = false;

    fn example() -> Value {
        RunChangeView::example()
    }

    async fn next(&mut self) -> Result<Option<Vec<Frame<RunChangeView>>>, StoreError> {
        let mut looks = 0;
        // Whoever is cut off before the first change comes back to where it began.
        while std::mem::replace(&mut self.begun, true) && looks < LOOKS {
            let Some(found) = self.following.next().await? else { return Ok(None) };
            looks += 1;
            let frame = |change| {
                let data = RunChangeView::from(change);
                Frame::Event(Event { id: data.id(), kind: "run", data })
            };
            if !found.changes.is_empty() {
                return Ok(Some(found.changes.into_iter().map(frame).collect()));
            }
        }
        Ok(Some(vec![Frame::Place(Place(self.following.place()).text())]))
    }
}

impl From<FollowRunsError> for Problem {
    fn from(error: FollowRunsError) -> Self {
        match error {
            FollowRunsError::Forgotten => Self::new(Code::PlaceForgotten, error.to_string()),
            FollowRunsError::Store(error) => error.into(),
        }
    }
}
