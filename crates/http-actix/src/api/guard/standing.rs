//! Whether somebody who was let in would still be: asked again and again while an answer goes on.

use std::net::IpAddr;

use actix_web::{HttpRequest, web};
use application::access::{AuthenticateError, Named, NotAllowed};
use domain::access::{Access, Presented, Right};

use super::{Guard, Pass, credential, named};
use crate::api::{client_address, output::Sight};

/// What a request was let in with.
pub(in crate::api) struct Standing {
    guard: Guard,
    presented: Option<Presented>,
    address: Option<IpAddr>,
    right: Option<Right>,
    named: Named,
}

/// What comes of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Verdict {
    /// It would be let in, and would see this.
    Stands(Sight),
    /// It would not.
    Fell,
    /// The store cannot be asked.
    Unknown,
}

impl Standing {
    /// The standing of a request that was let in; none where nobody is asked.
    pub(in crate::api) async fn of(request: &HttpRequest) -> Option<Self> {
        let (pass, guard) = (Pass::of(request)?, request.app_data::<web::Data<Guard>>()?);
        let named = match pass.right {
            Some(right) => named::named(request, right).await,
            None => Named::Anything,
        };
        Some(Self {
            guard: (***guard).clone(),
            // It was readable when the request was let in.
            presented: credential::presented(request.headers()).ok()?,
            address: client_address(request),
            right: pass.right,
            named,
        })
    }

    /// Checks it. The store is asked at most about once a second for each credential, however many streams it has open.
    pub(in crate::api) async fn check(&self) -> Verdict {
        let session = match self.guard.gate.admit(self.presented.as_ref(), self.address).await {
            Ok(session) => session,
            Err(AuthenticateError::Refused(_)) => return Verdict::Fell,
            Err(AuthenticateError::Store(_)) => return Verdict::Unknown,
        };
        if let Some(right) = self.right {
            if self.guard.authorize.role(&session, Access::Needs(right)).is_err() {
                return Verdict::Fell;
            }
            match self.guard.authorize.allows(&session, right, &self.named).await {
                Ok(()) => {}
                Err(NotAllowed::Forbidden(_)) => return Verdict::Fell,
                Err(NotAllowed::Undecided | NotAllowed::Store(_)) => return Verdict::Unknown,
            }
        }
        let hides = session.principal.hides_payloads;
        Verdict::Stands(if hides { Sight::WithoutPayloads } else { Sight::Everything })
    }
}
