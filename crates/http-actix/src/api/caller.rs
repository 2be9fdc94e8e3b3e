//! Who calls.

use domain::access::Actor;

use super::{
    guard,
    input::{Draft, Incoming, Input},
};
use crate::problem::Problem;

/// Who calls, as the use cases and the audit log are told.
pub(crate) struct Caller(pub(crate) Actor);

impl Input for Caller {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        Ok(Some(Self(guard::actor(&from.request))))
    }

    fn describe(_: &mut Draft<'_>) {}
}
