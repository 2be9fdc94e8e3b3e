//! The guard in the door: who is calling, and whether that caller may do what the route is for.
//!
//! It runs before the inputs of a request are read. What only the body names is checked by [`names_in_body`] as soon as that is
//! read, and [`Pass::settled`] makes sure that it was. What a document in it names is checked in `guard/writing.rs`.

mod credential;
mod hosts;
mod named;
mod standing;
mod writing;

use std::{cell::RefCell, net::IpAddr, rc::Rc, sync::Arc};

use actix_web::{
    HttpMessage, HttpRequest,
    http::{Method, header},
    web,
};
use application::access::{AuthenticateError, Authorize, Gate, Named, NotAllowed, Proof, Session};
use domain::access::{Access, Actor, Forbidden, Refused, Right, TaskGrant};

pub use hosts::KnownHosts;
pub(super) use standing::{Standing, Verdict};

use super::{boundary::RequestId, client_address, output::Sight, schema::Checked};
use crate::{
    limits::Principals,
    metrics,
    problem::{Code, Problem},
};
pub(crate) use writing::Writer;

/// Who is asked at a door, and what they may do.
#[derive(Clone)]
pub struct Guard {
    gate: Arc<dyn Gate>,
    authorize: Arc<Authorize>,
    origins: Arc<[String]>,
    hosts: KnownHosts,
}

impl Guard {
    /// Asks this gate, and lets this use case decide.
    pub fn new(gate: Arc<dyn Gate>, authorize: Arc<Authorize>) -> Self {
        Self { gate, authorize, origins: Arc::new([]), hosts: KnownHosts::default() }
    }

    /// The same for a door at which pages of these origins may change things without presenting anything.
    #[must_use]
    pub fn for_origins(self, origins: &[String]) -> Self {
        Self { origins: origins.into(), ..self }
    }

    /// The same for a door that is reached under these names too, where nobody has to present anything.
    #[must_use]
    pub fn for_hosts(self, hosts: KnownHosts) -> Self {
        Self { hosts, ..self }
    }

    async fn admit(&self, request: &HttpRequest, access: Access) -> Result<Pass, Problem> {
        let address = client_address(request);
        let presented = match credential::presented(request.headers()) {
            Ok(presented) => presented,
            Err(refused) => return Err(refuse(refused, address)),
        };
        let session = match self.gate.admit(presented.as_ref(), address).await {
            Ok(session) => session,
            Err(AuthenticateError::Refused(refused)) => return Err(refuse(refused, address)),
            Err(AuthenticateError::Store(error)) => return Err(error.into()),
        };
        if session.proof == Proof::Nothing {
            self.check_host(request)?;
            self.check_origin(request)?;
        }
        if let Some(principals) = request.app_data::<web::Data<Principals>>() {
            principals.check(request, &session.principal.name)?;
        }
        let right = self.authorize.role(&session, access).map_err(|lacking| deny(&session, lacking))?;
        let deferred = match right {
            Some(right) => self.check_head(request, &session, right).await?,
            None => None,
        };
        Ok(Pass { session, right, deferred: RefCell::new(deferred) })
    }

    /// Checks what the head of the request names. What is refused because the head names nothing is deferred where a body may.
    async fn check_head(
        &self,
        request: &HttpRequest,
        session: &Session,
        right: Right,
    ) -> Result<Option<Forbidden>, Problem> {
        let named = named::named(request, right).await;
        match self.authorize.allows(session, right, &named).await {
            Ok(()) => Ok(None),
            Err(NotAllowed::Forbidden(refused))
                if named == Named::Anything && matches!(*request.method(), Method::POST | Method::PUT) =>
            {
                Ok(Some(refused))
            }
            Err(refused) => Err(not_allowed(session, refused)),
        }
    }

    fn check_host(&self, request: &HttpRequest) -> Result<(), Problem> {
        let Some(host) = self.hosts.stranger(request.headers()) else { return Ok(()) };
        tracing::warn!(
            http.host = host,
            "a request came under the name '{host}', which could be anybody's, where nobody is asked for credentials"
        );
        let detail = "Nobody is asked for credentials here, so this address must be reached as an IP address, as localhost, or \
                      under a name that the server was told of (--public-url, --trusted-origins)";
        Err(Problem::new(Code::UnknownHost, detail))
    }

    /// A page of a stranger makes the browser of somebody who reaches this door send what the page likes. Where nothing has to
    /// be presented, only its origin tells that from the program that is meant.
    fn check_origin(&self, request: &HttpRequest) -> Result<(), Problem> {
        let headers = request.headers();
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default();
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let same = origin.split_once("://").is_some_and(|(_, origin)| Some(origin) == host);
        if request.method().is_safe() || same || self.origins.iter().any(|known| known == origin) {
            return Ok(());
        }
        Err(Problem::new(Code::CrossOrigin, "A page of another origin must present a credential to change anything"))
    }
}

/// Somebody who was let in.
pub(super) struct Pass {
    session: Session,
    right: Option<Right>,
    /// Why the head of the request alone does not do.
    deferred: RefCell<Option<Forbidden>>,
}

impl Pass {
    /// The pass of a request, unless its route is public.
    pub(super) fn of(request: &HttpRequest) -> Option<Rc<Self>> {
        request.extensions().get::<Rc<Self>>().cloned()
    }

    /// Whose keys of requests the caller's are: the principal's, and where a token is about one call, those of that call.
    pub(super) fn owner(&self) -> String {
        let name = &self.session.principal.name;
        match self.session.held.as_ref().and_then(|held| held.grant().task.as_ref()) {
            Some(task) => format!("{name} {}", task.key().digest()),
            None => name.clone(),
        }
    }

    /// Whether the answer may show payloads.
    pub(super) fn sight(&self) -> Sight {
        if self.session.principal.hides_payloads { Sight::WithoutPayloads } else { Sight::Everything }
    }

    /// An error if the body should have named something and did not.
    pub(super) fn settled(&self) -> Result<(), Problem> {
        self.deferred.take().map_or(Ok(()), |refused| Err(deny(&self.session, refused)))
    }
}

/// Lets a request in, and leaves its pass with it. Nobody is asked for a public route.
pub(super) async fn admit(request: &HttpRequest, access: Access) -> Result<Option<Rc<Pass>>, Problem> {
    if access == Access::Public {
        return Ok(None);
    }
    let Some(guard) = request.app_data::<web::Data<Guard>>() else {
        return Err(Problem::internal("there is no guard in this door"));
    };
    let pass = Rc::new(guard.admit(request, access).await?);
    request.extensions_mut().insert(Rc::clone(&pass));
    Ok(Some(pass))
}

/// Checks what a body names, each by itself, and what it writes down.
pub(super) async fn names_in_body<T: Checked>(request: &HttpRequest, body: Option<&T>) -> Result<(), Problem> {
    let (Some(pass), Some(guard)) = (Pass::of(request), request.app_data::<web::Data<Guard>>()) else { return Ok(()) };
    let (Some(right), Some(body)) = (pass.right, body) else { return Ok(()) };
    if Authorize::is_restricted(&pass.session, right) {
        names_each(&pass, guard, right, &body.names()).await?;
    }
    if Authorize::restricts_writing(&pass.session) {
        let names = body.names();
        let place = match names.first() {
            Some(first) => first.clone(),
            None => named::named(request, right).await,
        };
        writing::check(&pass, guard, right, &place, &body.mentions()).await?;
    }
    Ok(())
}

async fn names_each(pass: &Pass, guard: &Guard, right: Right, names: &[Named]) -> Result<(), Problem> {
    for named in names {
        let allowed = guard.authorize.allows(&pass.session, right, named).await;
        allowed.map_err(|refused| not_allowed(&pass.session, refused))?;
    }
    if !names.is_empty() {
        pass.deferred.take();
    }
    Ok(())
}

/// Who calls, and by what that is known; nobody where a route is public.
pub(super) fn session(request: &HttpRequest) -> Option<Session> {
    Pass::of(request).map(|pass| pass.session.clone())
}

/// Who calls, as use cases and the audit log are told. Nobody is known where a route is public.
pub(super) fn actor(request: &HttpRequest) -> Actor {
    let (RequestId(request_id), address) = (RequestId::of(request), client_address(request));
    let actor = match Pass::of(request) {
        Some(pass) => pass.session.actor(Some(request_id), address),
        None => Actor { request: Some(request_id), address, ..Actor::named("anonymous") },
    };
    Actor { trace: super::traced::place_of(request), ..actor }
}

/// The call of an agent that the caller's token is about.
pub(super) fn task(request: &HttpRequest) -> Option<TaskGrant> {
    Pass::of(request)?.session.held.as_ref()?.grant().task.clone()
}

/// The same answer whatever was wrong; the log and a counter are told more.
fn refuse(refused: Refused, address: Option<IpAddr>) -> Problem {
    metrics::refused(refused);
    let (reason, address) = (refused.code(), address.map(|address| address.to_string()).unwrap_or_default());
    if refused == Refused::Missing {
        tracing::info!(auth.reason = reason, client.address = address, "a request came without credentials");
    } else {
        tracing::warn!(
            auth.reason = reason,
            client.address = address,
            "the credentials of a request were refused: {reason}"
        );
    }
    Problem::unauthenticated()
}

fn deny(session: &Session, forbidden: Forbidden) -> Problem {
    metrics::denied(&forbidden);
    tracing::info!(principal.name = session.principal.name, "somebody may not do this: {forbidden}");
    Problem::forbidden(forbidden)
}

fn not_allowed(session: &Session, refused: NotAllowed) -> Problem {
    match refused {
        NotAllowed::Forbidden(forbidden) => deny(session, forbidden),
        NotAllowed::Undecided => {
            let detail = "The rules of the token took too long to come to a verdict";
            Problem::new(Code::AccessUndecided, detail)
        }
        NotAllowed::Store(error) => error.into(),
    }
}
