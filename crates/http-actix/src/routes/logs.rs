//! The log of a run over HTTP.

use actix_web::http::Method;
use application::{UseCases, runs::FollowingLog};
use domain::{
    access::{Access, Right},
    ids::RunId,
    ports::StoreError,
};
use serde_json::Value;

use super::{following::refused, runs::GROUP};
use crate::{
    api::{
        About, Declarations, Event, Frame, LastEvent, PageOrStream, Path, Query, Reply, Source, State, Streaming,
        Taken, Wanted,
    },
    dto::{
        logs::{LogEntryView, LogQuery, LogView},
        runs::RunPath,
    },
    problem::{Code, Problem},
};

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::GET,
        "/api/v1/runs/{run_id}/logs",
        Access::Needs(Right::RunsRead),
        read_log,
        About::new(
            GROUP,
            "Read a run's log",
            "What has happened in the run, in sentences for people: one for each event, under the event's number. With `follow=true`, or \
             where `Accept` names `text/event-stream`, entries come as Server-Sent Events with the event `log`, and the stream ends, \
             and is gone on with, like that of the run's events. `follow=true` with an `Accept` that takes no stream is answered 406.",
        )
        .answers(LogView::example())
        .refuses(&[Code::RunNotFound, Code::StoreUnavailable]),
    )
}

async fn read_log(
    State(app): State<UseCases>,
    Path(path): Path<RunPath>,
    Query(query): Query<LogQuery>,
    (LastEvent(last), taken): (LastEvent<u64>, Taken),
    streaming: Streaming,
) -> Result<PageOrStream<Reply<200, LogView>, LogOf>, Problem> {
    let (run, after, filter) = (path.id().map_err(Problem::internal)?, query.after(last), query.filter());
    let refused = |error| refused(error, last.is_some());
    if taken.where_asked(query.follow)? == Wanted::Page {
        let log = app.read_log.page(&run, after, query.limit, &filter).await.map_err(refused)?;
        return Ok(PageOrStream::Page(Reply(LogView::new(&run, log))));
    }
    let following = app.read_log.follow(&run, after, filter).await.map_err(refused)?;
    if following.is_over() {
        return Ok(PageOrStream::Over);
    }
    Ok(PageOrStream::Stream(streaming.open(LogOf { run, following })?))
}

/// The log of a run, for a stream.
struct LogOf {
    run: RunId,
    following: FollowingLog,
}

impl Source for LogOf {
    type Data = LogEntryView;

    fn example() -> Value {
        LogEntryView::example()
    }

    async fn next(&mut self) -> Result<Option<Vec<Frame<LogEntryView>>>, StoreError> {
        let Some(entries) = self.following.next().await? else { return Ok(None) };
        let frame = |entry| {
            let data = LogEntryView::new(&self.run, entry);
            Frame::Event(Event { id: data.id(), kind: "log", data })
        };
        Ok(Some(entries.into_iter().map(frame).collect()))
    }
}
