//! Answers that go on: Server-Sent Events, as the HTML standard has them (section 9.2).
//!
//! A stream ends when there is nothing more to come, when the server stops, when the client hangs up, and when the client may no
//! longer see what it sees. It reads from its source only what its connection takes: a slow client has a full buffer of its own and
//! nothing of others.

use std::{convert::Infallible, fmt::Write as _, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderName, HeaderValue},
    web::{self, Bytes},
};
use aide::openapi::{MediaType, Response, SchemaObject};
use domain::ports::StoreError;
use futures_util::{future::LocalBoxFuture, stream};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    guard::{Standing, Verdict},
    hidden,
    input::{Draft, Incoming, Input},
    output::{Output, Sight},
};
use crate::{
    metrics::STREAMS,
    problem::{Code, Problem},
    serving::HungUp,
};

/// How often something is sent on a stream on which nothing happens, so that nobody on the way takes it for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How often it is checked whether the client may still see what it sees.
const CHECK: Duration = Duration::from_secs(1);

/// How long a client is told to wait before it comes back, in milliseconds.
const COME_BACK_MS: u32 = 1000;

/// How long a source that could not be read is left alone.
const LEAVE_ALONE: Duration = Duration::from_secs(1);

/// When a refused client may try again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// How many streams a process has open unless somebody says otherwise.
pub const MAX_STREAMS: usize = 1000;

/// Keeps proxies from collecting events before they pass them on.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The streams of a process. Clones share them.
#[derive(Clone)]
pub struct Streams {
    most: usize,
    free: Arc<Semaphore>,
    stopping: CancellationToken,
}

impl Streams {
    /// At most so many at once.
    pub fn new(most: usize) -> Self {
        Self { most, free: Arc::new(Semaphore::new(most)), stopping: CancellationToken::new() }
    }

    /// Ends all of them, and all that is waited for: the server stops. Their clients go on at another one.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let streams = request.app_data::<web::Data<Self>>();
        streams.map(|streams| (***streams).clone()).ok_or_else(|| Problem::internal("streams were not configured"))
    }
}

impl Default for Streams {
    fn default() -> Self {
        Self::new(MAX_STREAMS)
    }
}

/// A place among the open streams.
struct Place(#[expect(dead_code, reason = "it is given back when it is dropped")] OwnedSemaphorePermit);

impl Place {
    fn take(streams: &Streams) -> Result<Self, Problem> {
        let permit = Arc::clone(&streams.free).try_acquire_owned().map_err(|_| {
            let detail = format!("{} streams are open, and there may not be more", streams.most);
            Problem::new(Code::TooManyStreams, detail).retry_after(TRY_AGAIN)
        })?;
        metrics::gauge!(STREAMS).increment(1);
        Ok(Self(permit))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!(STREAMS).decrement(1);
    }
}

/// When an answer that takes its time must come to an end.
pub(crate) struct Ending {
    stopping: CancellationToken,
    hung_up: Option<HungUp>,
}

impl Ending {
    /// Waits until the server stops or the client hangs up.
    async fn told(&self) -> &'static str {
        tokio::select! {
            () = self.stopping.cancelled() => "the server stops; come back and go on",
            () = async {
                match &self.hung_up {
                    Some(hung_up) => hung_up.told().await,
                    None => std::future::pending().await,
                }
            } => "nobody listens",
        }
    }

    /// The outcome of some work if it is there in time, and before the answer must end.
    pub(crate) async fn within<T>(&self, time: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            outcome = tokio::time::timeout(time, work) => outcome.ok(),
            _ = self.told() => None,
        }
    }
}

impl Input for Ending {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let stopping = Streams::of(&from.request)?.stopping;
        Ok(Some(Self { stopping, hung_up: from.request.conn_data::<HungUp>().cloned() }))
    }

    fn describe(_: &mut Draft<'_>) {}
}

/// What a stream needs of its request.
pub(crate) struct Streaming {
    streams: Streams,
    ending: Ending,
    standing: Option<Standing>,
}

impl Input for Streaming {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let streams = Streams::of(&from.request)?;
        let Some(ending) = Ending::read(from).await? else { return Ok(None) };
        Ok(Some(Self { streams, ending, standing: Standing::of(&from.request).await }))
    }

    fn describe(draft: &mut Draft<'_>) {
        draft.problems.insert(Code::TooManyStreams);
    }
}

impl Streaming {
    /// Opens a stream, if there may be one more.
    pub(crate) fn open<S: Source>(self, source: S) -> Result<EventStream<S>, Problem> {
        Ok(EventStream { place: Place::take(&self.streams)?, ending: self.ending, standing: self.standing, source })
    }
}

/// What is sent on a stream.
pub(crate) enum Frame<T> {
    /// An event.
    Event(Event<T>),
    /// Where the client is by now, though nothing is told: what it says when it comes back.
    Place(String),
}

/// An event of a stream.
pub(crate) struct Event<T> {
    /// What a client says that comes back for the next one.
    pub(crate) id: String,
    /// Its kind.
    pub(crate) kind: &'static str,
    /// What it says.
    pub(crate) data: T,
}

/// Where the events of a stream come from.
pub(crate) trait Source: 'static {
    /// What an event says.
    type Data: Serialize + JsonSchema + 'static;

    /// Whether it comes to an end by itself.
    const ENDS: bool = true;

    /// An example of it.
    fn example() -> Value;

    /// The next ones; `None` when there is nothing more to come.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<Frame<Self::Data>>>, StoreError>>;
}

/// A stream of events as an answer.
pub(crate) struct EventStream<S> {
    place: Place,
    ending: Ending,
    standing: Option<Standing>,
    source: S,
}

impl<S: Source> EventStream<S> {
    /// The answer.
    pub(crate) fn respond(self, sight: Sight) -> HttpResponse {
        let EventStream { place, ending, standing, source } = self;
        let now = Instant::now();
        let open = Open {
            _place: place,
            ending,
            standing,
            sight,
            next: next_of(source),
            check_at: now + CHECK,
            beat_at: now + HEARTBEAT,
            state: State::New,
        };
        HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")))
            .insert_header((BUFFERING, HeaderValue::from_static("no")))
            .streaming(stream::unfold(open, Open::piece))
    }

    /// The media type of the answer: each event's `data` has this form.
    pub(crate) fn media(schemas: &mut SchemaGenerator) -> (String, MediaType) {
        let json_schema = schemas.subschema_for::<S::Data>();
        let schema = Some(SchemaObject { json_schema, example: None, external_docs: None });
        ("text/event-stream".to_owned(), MediaType { schema, example: Some(S::example()), ..MediaType::default() })
    }
}

/// A page, or a stream, or nothing because the stream is at its end already.
pub(crate) enum PageOrStream<P, S> {
    /// What there is now.
    Page(P),
    /// What comes.
    Stream(EventStream<S>),
    /// The client has everything, and nothing more comes. A browser that is told so does not come back.
    Over,
}

impl<P: Output, S: Source> Output for PageOrStream<P, S> {
    fn respond(self, sight: Sight) -> HttpResponse {
        match self {
            Self::Page(page) => page.respond(sight),
            Self::Stream(stream) => stream.respond(sight),
            Self::Over => HttpResponse::NoContent().finish(),
        }
    }

    fn describe(schemas: &mut SchemaGenerator) -> Vec<(u16, Response)> {
        let mut responses = P::describe(schemas);
        for (_, response) in &mut responses {
            let (name, media) = EventStream::<S>::media(schemas);
            "A page as `application/json`, or a stream as `text/event-stream`: the schema is that of each event's `data`."
                .clone_into(&mut response.description);
            response.content.insert(name, media);
        }
        if S::ENDS {
            let description = "The run is over and the client has all of it; nothing more comes.".to_owned();
            responses.push((204, Response { description, ..Response::default() }));
        }
        responses
    }
}

type Next<S> = LocalBoxFuture<'static, (S, Result<Option<Vec<Frame<<S as Source>::Data>>>, StoreError>)>;

/// Asks a source for more. Kept over heartbeats and checks, which must not make a slow read begin anew.
fn next_of<S: Source>(mut source: S) -> Next<S> {
    Box::pin(async move {
        let next = source.next().await;
        (source, next)
    })
}

enum State {
    New,
    Going,
    Done,
}

/// A stream while it is open.
struct Open<S: Source> {
    _place: Place,
    ending: Ending,
    standing: Option<Standing>,
    sight: Sight,
    next: Next<S>,
    check_at: Instant,
    beat_at: Instant,
    state: State,
}

impl<S: Source> Open<S> {
    /// The next piece of the answer.
    async fn piece(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        match self.state {
            State::Done => return None,
            State::New => {
                self.state = State::Going;
                return Some((Ok(format!("retry: {COME_BACK_MS}\n\n").into()), self));
            }
            State::Going => {}
        }
        let text = self.wait().await;
        self.beat_at = Instant::now() + HEARTBEAT;
        Some((Ok(text.into()), self))
    }

    async fn wait(&mut self) -> String {
        loop {
            tokio::select! {
                biased;
                why = self.ending.told() => return self.last_words(why),
                (source, answer) = &mut self.next => match answer {
                    Ok(Some(frames)) => {
                        self.next = next_of(source);
                        return self.written(frames);
                    }
                    Ok(None) => {
                        self.next = Box::pin(std::future::pending());
                        return self.last_words("nothing more comes");
                    }
                    Err(error @ StoreError::Corrupt(_)) => {
                        tracing::error!(%error, "a stream ends because what it is to tell cannot be read");
                        self.next = Box::pin(std::future::pending());
                        return self.last_words("what comes next cannot be read");
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a stream waits for the store");
                        self.next = Box::pin(async move {
                            tokio::time::sleep(LEAVE_ALONE).await;
                            next_of(source).await
                        });
                    }
                },
                () = tokio::time::sleep_until(self.check_at.min(self.beat_at)) => {
                    if let Some(text) = self.tick().await {
                        return text;
                    }
                }
            }
        }
    }

    /// Checks whether the stream may go on; answers what is to be sent, if anything.
    async fn tick(&mut self) -> Option<String> {
        if Instant::now() >= self.check_at {
            let verdict = match &self.standing {
                Some(standing) => standing.check().await,
                None => Verdict::Stands(self.sight),
            };
            match verdict {
                Verdict::Stands(sight) => self.sight = sight,
                // Nothing new can be read for it then either.
                Verdict::Unknown => {}
                Verdict::Fell => return Some(self.last_words("the credential does not allow this any more")),
            }
            self.check_at = Instant::now() + CHECK;
        }
        (Instant::now() >= self.beat_at).then(|| ":\n\n".to_owned())
    }

    fn last_words(&mut self, why: &str) -> String {
        self.state = State::Done;
        format!(": {why}\n\n")
    }

    /// The events as the standard writes them. JSON has no line breaks outside of texts, and there they are escaped.
    fn written(&mut self, frames: Vec<Frame<S::Data>>) -> String {
        let mut text = String::new();
        for frame in frames {
            let Event { id, kind, data } = match frame {
                Frame::Event(event) => event,
                Frame::Place(id) => {
                    // By the standard it is the last event's id from now on, although there is no event.
                    let _ = write!(text, "id: {id}\n\n");
                    continue;
                }
            };
            match self.seen(data) {
                // Writing to a String cannot fail.
                Ok(data) => drop(write!(text, "id: {id}\nevent: {kind}\ndata: {data}\n\n")),
                Err(error) => {
                    tracing::error!(%error, "a stream ends because an event has no JSON form");
                    return self.last_words("what comes next cannot be written");
                }
            }
        }
        text
    }

    fn seen(&self, data: S::Data) -> serde_json::Result<String> {
        if self.sight == Sight::Everything {
            return serde_json::to_string(&data);
        }
        let mut value = serde_json::to_value(data)?;
        hidden::hide::<S::Data>(&mut value);
        serde_json::to_string(&value)
    }
}
