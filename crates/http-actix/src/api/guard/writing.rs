//! Whether a restricted caller may write down what a document names: what its runs then do is not restricted any more.

use std::rc::Rc;

use actix_web::web;
use application::access::{Authorize, Named, NotAllowed};
use domain::{
    access::{Forbidden, Right},
    workflows::{Mention, Mentioned},
};

use super::{Guard, Pass, deny, not_allowed};
use crate::{
    api::input::{Draft, Incoming, Input},
    problem::{Mistake, Part, Problem},
};

/// Checks everything that is to be written into `place`; all that is not allowed is answered at once.
pub(super) async fn check(
    pass: &Pass,
    guard: &Guard,
    right: Right,
    place: &Named,
    mentions: &[Mention],
) -> Result<(), Problem> {
    let mut refused: Vec<(&Mention, Forbidden)> = Vec::new();
    // Many steps name the same few things.
    let mut allowed: Vec<&Mentioned> = Vec::new();
    for mention in mentions {
        if allowed.contains(&&mention.what) {
            continue;
        }
        match guard.authorize.may_mention(&pass.session, right, place, &mention.what).await {
            Ok(()) => allowed.push(&mention.what),
            Err(NotAllowed::Forbidden(forbidden)) => refused.push((mention, forbidden)),
            Err(other) => return Err(not_allowed(&pass.session, other)),
        }
    }
    let mistakes = refused.iter().map(|(mention, forbidden)| mistake(mention, forbidden)).collect();
    match refused.into_iter().next() {
        Some((_, forbidden)) => Err(deny(&pass.session, forbidden).because_of(mistakes)),
        None => Ok(()),
    }
}

fn mistake(mention: &Mention, forbidden: &Forbidden) -> Mistake {
    let what = match &mention.what {
        Mentioned::Agent(name) => format!("the agent '{name}'"),
        Mentioned::Workflow(name) => format!("the workflow '{name}'"),
        Mentioned::WorkflowId(id) => format!("the workflow {id}"),
    };
    let why = match forbidden {
        Forbidden::OutOfScope(restriction) => restriction.clone(),
        other => other.to_string(),
    };
    Mistake::new(Part::Body, mention.pointer.as_str(), "value_error", format!("names {what}, but {why}"))
}

/// Whoever writes something that is not in the body, such as what another version says.
pub(crate) struct Writer {
    pass: Rc<Pass>,
    guard: web::Data<Guard>,
}

impl Writer {
    /// Whether it matters what is written.
    pub(crate) fn is_restricted(&self) -> bool {
        Authorize::restricts_writing(&self.pass.session)
    }

    /// Checks what is to be written into `place`; `pointer` is the member of the body that asks for it.
    pub(crate) async fn may_write(&self, place: &Named, mentions: Vec<Mention>, pointer: &str) -> Result<(), Problem> {
        let Some(right) = self.pass.right else { return Ok(()) };
        let at = |mention: Mention| Mention { pointer: pointer.to_owned(), ..mention };
        let mentions: Vec<_> = mentions.into_iter().map(at).collect();
        check(&self.pass, &self.guard, right, place, &mentions).await
    }
}

impl Input for Writer {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let guard = from.request.app_data::<web::Data<Guard>>().cloned();
        let unknown = || Problem::internal("a route that asks nobody wants to know what its caller may write");
        Pass::of(&from.request).zip(guard).map(|(pass, guard)| Some(Self { pass, guard })).ok_or_else(unknown)
    }

    fn describe(_: &mut Draft<'_>) {}
}
