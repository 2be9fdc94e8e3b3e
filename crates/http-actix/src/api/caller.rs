//! Who calls.

use application::access::Session;
use domain::access::Actor;

use super::{
    guard,
    input::{Draft, Incoming, Input},
};
use crate::problem::Problem;

/// Who calls, and by what that is known; for use cases that give somebody something.
pub(crate) struct Known(pub(crate) Session);

impl Input for Known {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let unknown = || Problem::internal("a route that asks nobody wants to know who calls");
        guard::session(&from.request).map(|session| Some(Self(session))).ok_or_else(unknown)
    }

    fn describe(_: &mut Draft<'_>) {}
}

/// Who calls, as the use cases and the audit log are told.
pub(crate) struct Caller(pub(crate) Actor);

impl Input for Caller {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        Ok(Some(Self(guard::actor(&from.request))))
    }

    fn describe(_: &mut Draft<'_>) {}
}
