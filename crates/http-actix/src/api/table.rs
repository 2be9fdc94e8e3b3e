//! The table of routes: mounts them and holds their description.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc};

use actix_web::{
    Handler, HttpRequest, HttpResponse, Resource, Route,
    dev::ResourceDef,
    http::{Method, header},
    web::{self, ServiceConfig},
};
use domain::access::Access;
use futures_util::FutureExt;
use serde_json::Value;

use super::{
    About, Output, body,
    document::DocumentBuilder,
    guard,
    input::{Incoming, Input},
    once::{self, Keyed},
    output::Sight,
    parameters, rendition,
};
use crate::problem::{Code, Problem};

type MakeRoute = Arc<dyn Fn() -> Route + Send + Sync>;
type Routes = BTreeMap<&'static str, Vec<(Method, MakeRoute)>>;

/// Routes while they are declared: to be mounted, and described only where somebody asks, because that takes longer than all else
/// at the start of a server, and many megabytes.
pub(crate) struct Declarations {
    routes: Routes,
    document: Option<DocumentBuilder>,
}

impl Declarations {
    /// None yet. They will not be described.
    pub(crate) fn new() -> Self {
        Self { routes: BTreeMap::new(), document: None }
    }

    /// None yet. They will be described, under this title.
    pub(crate) fn described(title: &str, version: &str, description: &str) -> Self {
        Self { routes: BTreeMap::new(), document: Some(DocumentBuilder::new(title, version, description)) }
    }

    /// Describes a group of operations.
    pub(crate) fn group(mut self, name: &str, description: &str) -> Self {
        if let Some(document) = &mut self.document {
            document.tag(name, description);
        }
        self
    }

    /// Declares a route and what it asks of whoever calls it. Panics if one is described twice; the tests describe them all.
    pub(crate) fn route<H, In, Out>(
        mut self,
        method: Method,
        path: &'static str,
        access: Access,
        handler: H,
        about: About,
    ) -> Self
    where
        H: Handler<In, Output = Result<Out, Problem>> + Send + Sync,
        In: Input,
        Out: Output + 'static,
    {
        let name = std::any::type_name::<H>().rsplit("::").next().unwrap_or_default();
        let manner = Manner { access, repeatable: about.repeatable };
        if let Some(document) = &mut self.document {
            document.operation::<In, Out>(&method, path, access, name, about);
        }
        let route_method = method.clone();
        let make: MakeRoute = Arc::new(move || {
            let handler = handler.clone();
            web::method(route_method.clone())
                .to(move |request, payload| answer(manner, handler.clone(), request, payload))
        });
        self.routes.entry(path).or_default().push((method, make));
        self
    }

    /// All of them are declared, and can be mounted.
    pub(crate) fn finish(self) -> Api {
        let paths = self.routes.keys().map(|path| ResourceDef::new(*path)).collect();
        Api { routes: Arc::new(self.routes), paths }
    }

    /// All of them are declared; what they are, if they were to be described.
    pub(crate) fn documents(self) -> Option<Documents> {
        let openapi = self.document?.finish();
        let openapi_3_0 = rendition::in_3_0(&openapi);
        Some(Documents { openapi, openapi_3_0 })
    }
}

/// How requests of a route are dealt with.
#[derive(Clone, Copy)]
struct Manner {
    access: Access,
    repeatable: bool,
}

/// Asks the guard, reads the inputs, calls the handler, makes the answer. A panic becomes an internal error: it is one request's
/// misfortune.
async fn answer<H, In, Out>(
    manner: Manner,
    handler: H,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem>
where
    H: Handler<In, Output = Result<Out, Problem>>,
    In: Input,
    Out: Output,
{
    let work = async move {
        let pass = guard::admit(&request, manner.access).await?;
        let mut incoming = Incoming::new(request.clone(), payload.into_inner());
        let key = match &pass {
            Some(pass) if once::applies(request.method(), manner.access) => once::key(&request, pass),
            _ => Ok(None),
        };
        let key = incoming.settle(key);
        let read = In::read(&mut incoming).await?;
        let nothing_more = nothing_more(&mut incoming).await?;
        let body = incoming.body;
        let ((inputs, key), ()) = incoming.finish(read.zip(key).zip(nothing_more))?;
        let sight = match pass {
            Some(pass) => {
                pass.settled()?;
                pass.sight()
            }
            None => Sight::Everything,
        };
        let work = async {
            match handler.call(inputs).await {
                Ok(output) => Ok(output.respond(sight)),
                Err(problem) if sight == Sight::WithoutPayloads => Err(problem.without_payloads()),
                Err(problem) => Err(problem),
            }
        };
        let Some(key) = key else { return work.await };
        let fingerprint = once::fingerprint(&request, body, sight);
        let keyed = Keyed { request: &request, key, fingerprint, repeatable: manner.repeatable };
        keyed.answer(work).await
    };
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(Problem::internal(panic_text(&*panic))))
}

/// That there is no query, and no body, where no part of the request takes it. A body says nothing in the other methods.
async fn nothing_more(incoming: &mut Incoming) -> Result<Option<()>, Problem> {
    let query = if incoming.takes_query { Ok(()) } else { parameters::none_taken(incoming.request.query_string()) };
    let query = incoming.settle(query);
    let may_have_body = matches!(*incoming.request.method(), Method::POST | Method::PUT);
    if incoming.takes_body || !may_have_body {
        return Ok(query);
    }
    let body = body::none_taken(incoming).await?;
    Ok(query.and(body))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a handler panicked: {}", text.unwrap_or("without a message"))
}

/// The REST API: its routes. Clones share them.
#[derive(Clone)]
pub(crate) struct Api {
    routes: Arc<Routes>,
    paths: Arc<[ResourceDef]>,
}

/// The description of an API. A tree of values takes many megabytes: who serves it keeps its text.
pub(crate) struct Documents {
    /// In OpenAPI 3.1, with sorted members.
    pub(crate) openapi: Value,
    /// The same in OpenAPI 3.0.3.
    pub(crate) openapi_3_0: Value,
}

impl Api {
    /// Mounts the routes; called once per worker.
    pub(crate) fn configure(&self, cfg: &mut ServiceConfig) {
        for (path, routes) in &*self.routes {
            let allowed = routes.iter().map(|(method, _)| method.as_str()).collect::<Vec<_>>().join(", ");
            let refuse = move || {
                let problem = Problem::method_not_allowed(&allowed);
                async { Err::<HttpResponse, _>(problem) }
            };
            let resource = routes.iter().fold(Resource::new(*path), |resource, (_, make)| resource.route(make()));
            cfg.service(resource.default_service(web::to(refuse)));
        }
    }

    /// Answers what no route matches: a path with one slash too many is sent to the one without (contract 1.1).
    pub(crate) fn elsewhere(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        match request.path().strip_suffix('/') {
            Some(path) if self.paths.iter().any(|known| known.is_match(path)) => {
                let query = Some(request.query_string()).filter(|query| !query.is_empty());
                let location = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
                Ok(HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, location)).finish())
            }
            _ => Err(Problem::new(Code::NotFound, "Not Found")),
        }
    }
}
