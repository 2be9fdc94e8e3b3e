//! The agents' HTTP side.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse, rt,
    web::{self, Bytes, Data, Path, Query, ServiceConfig},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    calls::Calls,
    catalogue::{CATALOGUE, DemoAgent},
    moods::Mood,
    protocol::{Call, Refusal, without_reserved},
    reporter::Desk,
    story::{self, Tell},
};

/// The largest request that is read.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// The longest that `/slow` can be asked to wait.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// What the handlers share.
pub(crate) struct Shop {
    pub(crate) calls: Calls,
    pub(crate) story_delay: Duration,
}

/// The routes; the echo comes first because benchmarks live there.
pub(crate) fn routes(app: &mut ServiceConfig, shop: Arc<Shop>) {
    app.app_data(Data::from(shop))
        .app_data(web::PayloadConfig::new(MOST_BYTES))
        .route("/echo", web::post().to(echo))
        .route("/researcher", web::post().to(|shop, body| tell(shop, body, "researcher", story::research)))
        .route("/writer", web::post().to(|shop, body| tell(shop, body, "writer", story::write)))
        .route("/reviewer", web::post().to(|shop, body| tell(shop, body, "reviewer", story::review)))
        .route("/flaky", web::post().to(flaky))
        .route("/slow", web::post().to(slow))
        .route("/reporter", web::post().to(reporter))
        .route("/moody", web::post().to(moody))
        .route("/calls", web::get().to(calls))
        .route("/calls/reset", web::post().to(reset))
        .route("/{agent}/.well-known/agent-card.json", web::get().to(card))
        .route("/", web::get().to(index));
}

async fn echo(shop: Data<Shop>, body: Bytes) -> HttpResponse {
    let begun = Instant::now();
    let answer = match noted(&shop, "echo", &body) {
        Ok(call) => echoed(&call),
        Err(refusal) => refusal.response(),
    };
    shop.calls.worked_since(begun);
    answer
}

async fn tell(shop: Data<Shop>, body: Bytes, agent: &'static str, tell: Tell) -> HttpResponse {
    let call = match noted(&shop, agent, &body) {
        Ok(call) => call,
        Err(refusal) => return refusal.response(),
    };
    tokio::time::sleep(shop.story_delay).await;
    let begun = Instant::now();
    let told = tell(&call.members());
    let answer = call.completed(&told.members, Some(&told.text));
    shop.calls.worked_since(begun);
    answer
}

#[derive(Deserialize)]
struct Flakiness {
    #[serde(default = "once")]
    fail: u32,
}

fn once() -> u32 {
    1
}

async fn flaky(shop: Data<Shop>, how: Query<Flakiness>, body: Bytes) -> HttpResponse {
    let call = match noted(&shop, "flaky", &body) {
        Ok(call) => call,
        Err(refusal) => return refusal.response(),
    };
    match shop.calls.flake(&call.message_id, how.fail) {
        Some(nth) => HttpResponse::InternalServerError().body(format!("flaky: failure {nth} of {}", how.fail)),
        None => echoed(&call),
    }
}

#[derive(Deserialize)]
struct Slowness {
    #[serde(default = "one_second")]
    ms: u64,
}

fn one_second() -> u64 {
    1000
}

async fn slow(shop: Data<Shop>, how: Query<Slowness>, body: Bytes) -> HttpResponse {
    let call = match noted(&shop, "slow", &body) {
        Ok(call) => call,
        Err(refusal) => return refusal.response(),
    };
    tokio::time::sleep(Duration::from_millis(how.ms).min(LONGEST_WAIT)).await;
    echoed(&call)
}

async fn reporter(request: HttpRequest, shop: Data<Shop>, how: Query<Slowness>, body: Bytes) -> HttpResponse {
    let call = match noted(&shop, "reporter", &body) {
        Ok(call) => call,
        Err(refusal) => return refusal.response(),
    };
    let Some(desk) = Desk::of(&request) else {
        return call.failed("reporter: the call carries no token, or does not say where to report");
    };
    // A call that is repeated is about the work that is under way.
    if shop.calls.flake(&call.message_id, 1).is_some() {
        let time = Duration::from_millis(how.ms).min(LONGEST_WAIT);
        // It ends with the server's thread. Who does not want to know any more has said so, and is not asked again.
        rt::spawn(async move { desk.work(time).await.unwrap_or_default() });
    }
    HttpResponse::Accepted().finish()
}

async fn moody(shop: Data<Shop>, body: Bytes) -> HttpResponse {
    let call = match noted(&shop, "moody", &body) {
        Ok(call) => call,
        Err(refusal) => return refusal.response(),
    };
    let is_first = || shop.calls.flake(&call.message_id, 1).is_some();
    match Mood::of(&call.message_id) {
        Mood::Refuses => call.refused("moody: not today"),
        Mood::Fails => call.failed("moody: it did not work out"),
        Mood::StumblesOnce if is_first() => HttpResponse::InternalServerError().body("moody: one moment"),
        Mood::SilentOnce if is_first() => {
            tokio::time::sleep(LONGEST_WAIT).await;
            echoed(&call)
        }
        Mood::Ponders(time) => {
            tokio::time::sleep(time).await;
            echoed(&call)
        }
        Mood::Willing | Mood::StumblesOnce | Mood::SilentOnce => echoed(&call),
    }
}

async fn calls(shop: Data<Shop>) -> HttpResponse {
    HttpResponse::Ok().json(shop.calls.report())
}

async fn reset(shop: Data<Shop>) -> HttpResponse {
    shop.calls.reset();
    HttpResponse::NoContent().finish()
}

async fn card(request: HttpRequest, path: Path<String>) -> HttpResponse {
    match DemoAgent::at(&path) {
        Some(agent) => HttpResponse::Ok().json(agent.card(&base(&request))),
        None => HttpResponse::NotFound().body(format!("no agent under /{path}")),
    }
}

async fn index(request: HttpRequest) -> HttpResponse {
    let base = base(&request);
    let agents: Vec<_> = CATALOGUE
        .iter()
        .map(|agent| {
            json!({"name": agent.name, "url": format!("{base}/{}", agent.path), "description": agent.description})
        })
        .collect();
    HttpResponse::Ok().json(json!({ "agents": agents }))
}

fn base(request: &HttpRequest) -> String {
    let connection = request.connection_info();
    format!("{}://{}", connection.scheme(), connection.host())
}

fn noted<'a>(shop: &Shop, agent: &'static str, body: &'a [u8]) -> Result<Call<'a>, Refusal<'a>> {
    let call = Call::parse(body)?;
    shop.calls.note(agent, &call.message_id, body);
    Ok(call)
}

/// Returns the input's members without looking into them.
fn echoed(call: &Call<'_>) -> HttpResponse {
    match call.raw_members() {
        Some(members) => call.completed(&without_reserved(members), None),
        None => call.completed(&json!({"text": call.text().unwrap_or_default()}), None),
    }
}
