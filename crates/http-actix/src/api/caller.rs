//! Who calls.

use actix_web::HttpMessage;
use domain::access::Actor;

use super::input::{Draft, Incoming, Input};
use crate::problem::Problem;

/// Who calls, as the use cases and the audit log are told.
pub(crate) struct Caller(pub(crate) Actor);

impl Input for Caller {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let known = from.request.extensions().get::<Actor>().cloned();
        let address = from.request.peer_addr().map(|peer| peer.ip());
        Ok(Some(Self(known.unwrap_or_else(|| Actor { address, ..Actor::system() }))))
    }

    fn describe(_: &mut Draft<'_>) {}
}
