//! What a handler takes: parts of the request that read themselves, check themselves and describe themselves.
//!
//! Not actix's `FromRequest`: a tuple of those ends at the first refusal, and all mistakes of a request, in its path, its
//! query and its body, are to be reported at once.

use std::{collections::BTreeSet, future::Future, sync::Arc};

use actix_web::{HttpRequest, dev::Payload, web};
use aide::openapi::Operation;
use domain::idempotency::Fingerprint;
use schemars::SchemaGenerator;

use crate::{
    limits::Limits,
    problem::{Code, Mistake, Problem},
};

/// A request while its parts are read.
pub(crate) struct Incoming {
    pub(super) request: HttpRequest,
    pub(super) payload: Payload,
    pub(super) limits: Arc<Limits>,
    /// Of the body's bytes, once they were read for a request that may be sent again.
    pub(super) body: Option<Fingerprint>,
    /// Whether a part takes the query, or the body; what no part takes must not be there.
    pub(super) takes_query: bool,
    pub(super) takes_body: bool,
    mistakes: Vec<Mistake>,
}

impl Incoming {
    pub(super) fn new(request: HttpRequest, payload: Payload) -> Self {
        let limits = request.app_data::<web::Data<Limits>>().map(|limits| Arc::clone(limits));
        Self {
            request,
            payload,
            limits: limits.unwrap_or_default(),
            body: None,
            takes_query: false,
            takes_body: false,
            mistakes: Vec::new(),
        }
    }

    /// Keeps the mistakes of a part for the answer.
    pub(super) fn settle<T>(&mut self, read: Result<T, Vec<Mistake>>) -> Option<T> {
        read.map_err(|found| self.mistakes.extend(found)).ok()
    }

    /// All that was asked for, or all mistakes.
    pub(super) fn finish<T>(self, read: Option<T>) -> Result<T, Problem> {
        read.ok_or_else(|| Problem::mistakes(Code::ValidationFailed, self.mistakes))
    }
}

/// The description of an operation while it is made.
pub(crate) struct Draft<'a> {
    pub(super) requests: &'a mut SchemaGenerator,
    pub(super) operation: Operation,
    pub(super) problems: BTreeSet<Code>,
}

/// A part of a request, or a tuple of such parts.
pub(crate) trait Input: Sized + 'static {
    /// Reads the part. `None` means that its mistakes are kept in the request; an error ends the reading at once.
    fn read(from: &mut Incoming) -> impl Future<Output = Result<Option<Self>, Problem>>;

    /// Adds the part, and the problems that reading it may cause, to the description.
    fn describe(draft: &mut Draft<'_>);
}

macro_rules! tuple {
    ($($part:ident)+) => {
        impl<$($part: Input),+> Input for ($($part,)+) {
            #[expect(non_snake_case, reason = "each variable is named like its type")]
            async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
                $(let $part = $part::read(from).await?;)+
                Ok(match ($($part,)+) {
                    ($(Some($part),)+) => Some(($($part,)+)),
                    _ => None,
                })
            }

            fn describe(draft: &mut Draft<'_>) {
                $($part::describe(draft);)+
            }
        }
    };
}
tuple!(A);
tuple!(A B);
tuple!(A B C);
tuple!(A B C D);
tuple!(A B C D E);
tuple!(A B C D E F);

impl Input for () {
    async fn read(_: &mut Incoming) -> Result<Option<Self>, Problem> {
        Ok(Some(()))
    }

    fn describe(_: &mut Draft<'_>) {}
}

/// Something shared by all requests; clients do not see it.
pub(crate) struct State<T: ?Sized>(pub(crate) Arc<T>);

impl<T: ?Sized + 'static> Input for State<T> {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        match from.request.app_data::<web::Data<T>>() {
            Some(data) => Ok(Some(Self(Arc::clone(data)))),
            None => Err(Problem::internal(format!("{} was not configured", std::any::type_name::<T>()))),
        }
    }

    fn describe(_: &mut Draft<'_>) {}
}
