//! Which call the caller's token is about.

use domain::access::TaskGrant;

use super::{
    guard,
    input::{Draft, Incoming, Input},
};
use crate::problem::{Code, Problem};

/// The call that the caller's token is about: an agent cannot name any other.
pub(crate) struct Task(pub(crate) TaskGrant);

impl Input for Task {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let grant = guard::task(&from.request);
        let grant = grant.ok_or_else(|| Problem::new(Code::NoTask, "The credential is about no call of an agent"))?;
        Ok(Some(Self(grant)))
    }

    fn describe(draft: &mut Draft<'_>) {
        draft.problems.insert(Code::NoTask);
    }
}
