//! The routes: each handler reads its inputs, calls one use case and maps the result.

mod access;
mod agents;
mod api_keys;
mod audit;
mod dead_letters;
mod events;
mod failures;
mod following;
mod logs;
mod readiness;
mod rehearsals;
mod run_changes;
mod run_feed;
mod runs;
mod schedules;
mod system;
mod tasks;
mod users;
mod versions;
mod webhooks;
mod workflows;

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpRequest,
    middleware::from_fn,
    web::{self, ServiceConfig},
};
use application::{UseCases, access::AccessUseCases, once::Once, webhooks::WebhookUseCases};
use domain::ports::{Clock, IdGenerator, NoSpans, Spans};
use metrics_exporter_prometheus::PrometheusHandle;

pub use readiness::{ComponentCheck, Readiness};

use crate::{
    api::{Api, Boundary, Declarations, Documents, Guard, Streams, TrustedProxies},
    docs,
    dto::Stamp,
    limits::{Counted, Limits},
    problem::{Code, Occurrence, ProblemDocument},
};

/// All routes of the API, and the pages about it.
fn served() -> (Api, docs::Pages) {
    static SERVED: LazyLock<(Api, docs::Pages)> =
        LazyLock::new(|| (whole(Declarations::new()).finish(), docs::Pages::new(documents)));
    SERVED.clone()
}

/// Describes the API.
fn documents() -> Documents {
    let about = "Manages agents, workflows and runs.\n\n\
        * Every error is a problem document (RFC 9457); decide by its `code`, which `/docs/errors` explains. `errors` lists \
          all mistakes of a request at once.\n\
        * Everything but health and documentation asks who is calling: an API key in `X-API-Key`, or a token or key in \
          `Authorization: Bearer`. `x-required-right` says which right an operation needs.\n\
        * Unknown members and parameters are refused.\n\
        * A `POST` with an `Idempotency-Key` is done once, however often it is sent, and answered the same each time.\n\
        * Times are UTC with microseconds and a `Z`.\n\
        * `X-Correlation-ID` is taken from the request, or made, and returned with every answer.\n\
        * A body may have 1 MiB (1048576 bytes), unless the server is set otherwise.\n\
        * Who asks too often is answered 429 with `Retry-After`; `RateLimit` and `RateLimit-Policy` tell before that how it stands.";
    let api = Declarations::described("Orrery", env!("CARGO_PKG_VERSION"), about);
    whole(api).documents().expect("it is described")
}

fn whole(api: Declarations) -> Declarations {
    let api = api
        .group(agents::GROUP, "HTTP services that do the work of steps.")
        .group(workflows::GROUP, "Definitions of what runs do, in versions.")
        .group(runs::GROUP, "Executions of workflows.")
        .group(schedules::GROUP, "Runs that are started at certain times.")
        .group(dead_letters::GROUP, "Steps that have failed for good, and having their work done after all.")
        .group(events::GROUP, "What happens elsewhere, and what runs wait for.")
        .group(tasks::GROUP, "What agents say about the calls that they got, with the tokens that came with these.")
        .group(webhooks::GROUP, "Who elsewhere is told what becomes of runs.")
        .group(access::GROUP, "Who may call: keys, people, tokens.")
        .group(audit::GROUP, "Who changed what.")
        .group(system::GROUP, "What the server says about itself.");
    let api = rehearsals::declare(versions::declare(workflows::declare(agents::declare(api))));
    let api = audit::declare(dead_letters::declare(run_feed::declare(logs::declare(following::declare(
        runs::declare(run_changes::declare(api)),
    )))));
    let api = schedules::declare(api);
    let api = webhooks::declare(users::declare(api_keys::declare(access::declare(api))));
    system::declare(tasks::declare(events::declare(api)))
}

/// The routes of a process without an API: how it is, and what it measures.
fn probes(api: Declarations) -> Declarations {
    system::declare(api.group(system::GROUP, "What the server says about itself."))
}

/// Describes the routes of a process without an API.
fn documents_of_probes() -> Documents {
    let about = "Tells how this process is; its role has no API.";
    let api = Declarations::described("Orrery", env!("CARGO_PKG_VERSION"), about);
    probes(api).documents().expect("they are described")
}

/// The OpenAPI document: the same for the same build, members sorted.
pub fn openapi_document() -> serde_json::Value {
    documents().openapi
}

/// The same in OpenAPI 3.0.3, for programs that do not read 3.1.
pub fn openapi_document_3_0() -> serde_json::Value {
    documents().openapi_3_0
}

/// The whole REST API, ready to be mounted by every worker. Clones share everything.
#[derive(Clone)]
pub struct AppState {
    api: Api,
    pages: docs::Pages,
    use_cases: Arc<UseCases>,
    access: Option<Arc<AccessUseCases>>,
    webhooks: Option<Arc<WebhookUseCases>>,
    once: Option<Arc<Once>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    readiness: Arc<dyn Readiness>,
    metrics: PrometheusHandle,
    started: system::Started,
    guard: Guard,
    counted: Counted,
    proxies: TrustedProxies,
    streams: Streams,
    spans: Arc<dyn Spans>,
}

impl AppState {
    /// Builds the table of routes and its description. The clock's time becomes the start of the process; the process's
    /// recorder of metrics is installed if that has not been done.
    pub fn new(
        use_cases: Arc<UseCases>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        readiness: Arc<dyn Readiness>,
        guard: Guard,
    ) -> Self {
        Self::serving(served(), use_cases, clock, ids, readiness, guard)
    }

    /// The same for a process whose role has no API: `/health`, `/health/ready` and `/metrics`.
    pub fn probes_only(
        use_cases: Arc<UseCases>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        readiness: Arc<dyn Readiness>,
        guard: Guard,
    ) -> Self {
        let served = (probes(Declarations::new()).finish(), docs::Pages::new(documents_of_probes));
        Self::serving(served, use_cases, clock, ids, readiness, guard)
    }

    fn serving(
        (api, pages): (Api, docs::Pages),
        use_cases: Arc<UseCases>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        readiness: Arc<dyn Readiness>,
        guard: Guard,
    ) -> Self {
        let started = system::Started(clock.now());
        let (metrics, counted) = (crate::metrics::install(), Counted::new(Limits::default()));
        let (proxies, streams) = (TrustedProxies::default(), Streams::default());
        Self {
            api,
            pages,
            use_cases,
            access: None,
            webhooks: None,
            once: None,
            clock,
            ids,
            readiness,
            metrics,
            started,
            guard,
            counted,
            proxies,
            streams,
            spans: Arc::new(NoSpans),
        }
    }

    /// The same with the keys, people and tokens that decide who may call.
    #[must_use]
    pub fn with_access(self, access: Arc<AccessUseCases>) -> Self {
        Self { access: Some(access), ..self }
    }

    /// The same with webhooks.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Arc<WebhookUseCases>) -> Self {
        Self { webhooks: Some(webhooks), ..self }
    }

    /// The same with what keeps the answers to requests that may be sent again.
    #[must_use]
    pub fn keeping_answers(self, once: Arc<Once>) -> Self {
        Self { once: Some(once), ..self }
    }

    /// The same with other limits.
    #[must_use]
    pub fn limited(self, limits: Limits) -> Self {
        Self { counted: Counted::new(limits), ..self }
    }

    /// The same behind proxies, whose word about who calls counts.
    #[must_use]
    pub fn behind(self, proxies: TrustedProxies) -> Self {
        Self { proxies, ..self }
    }

    /// The same; whoever follows traces is told of requests.
    #[must_use]
    pub fn telling(self, spans: Arc<dyn Spans>) -> Self {
        Self { spans, ..self }
    }

    /// The same with these streams.
    #[must_use]
    pub fn streaming(self, streams: Streams) -> Self {
        Self { streams, ..self }
    }

    /// The same for another door.
    #[must_use]
    pub fn guarded_by(self, guard: Guard) -> Self {
        Self { guard, ..self }
    }

    /// What is said to a client of whom no request has come: its head was too slow, too large or no HTTP.
    pub(crate) fn bare(&self, status: u16) -> Option<String> {
        let (code, detail) = match status {
            400 => (Code::BadRequest, "What was sent is not a request of HTTP/1.1"),
            408 => (Code::RequestTimeout, "The head of the request did not arrive in time"),
            431 => (Code::HeadersTooLarge, "The head of the request has too many fields, or too many bytes"),
            _ => return None,
        };
        let occurrence = Occurrence {
            timestamp: Stamp(self.clock.now()).to_string(),
            path: String::new(),
            request_id: self.ids.unique().to_string(),
        };
        serde_json::to_string(&ProblemDocument::new(code, detail, &[], occurrence)).ok()
    }

    /// Mounts everything, for `App::configure`. It answers every path, so other services must be registered before.
    pub fn configure(&self, cfg: &mut ServiceConfig) {
        let limits = Arc::clone(&self.counted.limits);
        let cors = limits.cors.layer();
        let gate = self.counted.gate.clone();
        let spans = Arc::clone(&self.spans);
        let boundary =
            Boundary { clock: Arc::clone(&self.clock), ids: Arc::clone(&self.ids), limits: Arc::clone(&limits), spans };
        let elsewhere = self.api.clone();
        let mut scope = web::scope("");
        if let Some(access) = &self.access {
            scope = scope.app_data(web::Data::from(Arc::clone(access)));
        }
        if let Some(webhooks) = &self.webhooks {
            scope = scope.app_data(web::Data::from(Arc::clone(webhooks)));
        }
        if let Some(once) = &self.once {
            scope = scope.app_data(web::Data::from(Arc::clone(once)));
        }
        let scope = scope
            .app_data(web::Data::from(Arc::clone(&self.use_cases)))
            .app_data(web::Data::from(Arc::clone(&self.clock)))
            .app_data(web::Data::from(Arc::clone(&self.readiness)))
            .app_data(web::Data::new(self.metrics.clone()))
            .app_data(web::Data::new(self.started))
            .app_data(web::Data::new(self.guard.clone()))
            .app_data(web::Data::from(limits))
            .app_data(web::Data::from(Arc::clone(&self.counted.principals)))
            .app_data(web::Data::new(self.proxies.clone()))
            .app_data(web::Data::new(self.streams.clone()))
            // The last is the outermost: a preflight is answered before anybody is asked who it is, and a refusal of the gate
            // has the headers of CORS, or no page could read it.
            .wrap(from_fn(move |request, next| gate.clone().pass(request, next)))
            .wrap(cors)
            .wrap(from_fn(move |request, next| boundary.clone().pass(request, next)))
            .configure(|cfg| self.api.configure(cfg))
            .configure(|cfg| self.pages.configure(cfg))
            .default_service(web::to(move |request: HttpRequest| {
                let answer = elsewhere.elsewhere(&request);
                async { answer }
            }));
        cfg.service(scope);
    }
}
