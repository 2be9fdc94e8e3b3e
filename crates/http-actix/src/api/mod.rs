//! The glue: one declaration per route gives routing, extraction, validation and the OpenAPI description.
//!
//! A handler is an async function whose arguments are [`Input`]s and whose answer is an [`Output`]; one whose arguments
//! do not describe themselves does not compile, so the description cannot fall behind the code.

mod about;
mod accept;
mod address;
mod body;
mod boundary;
mod caller;
mod document;
mod etag;
mod guard;
mod hidden;
mod input;
mod json;
mod last_event;
mod moment;
mod once;
mod output;
mod parameters;
mod prefer;
mod rendition;
mod schema;
mod streaming;
mod table;
mod task;
mod traced;

pub(crate) use about::About;
pub(crate) use accept::{Taken, Wanted};
pub use address::TrustedProxies;
pub(crate) use address::client_address;
pub(crate) use body::Body;
pub(crate) use boundary::Boundary;
pub(crate) use caller::{Caller, Known};
pub(crate) use etag::{IfMatch, IfNoneMatch, Tag, Tagged, Unless};
pub(crate) use guard::Writer;
pub use guard::{Guard, KnownHosts};
pub(crate) use input::State;
pub(crate) use last_event::{EventPlace, LastEvent};
pub(crate) use moment::Moment;
pub(crate) use output::{Exposition, Located, NotKept, Output, Reply, Sight, Warned, json_response};
pub(crate) use parameters::{Path, Query};
pub(crate) use prefer::{Awaited, Prefer};
pub(crate) use schema::Checked;
pub(crate) use streaming::{Ending, Event, Frame, PageOrStream, Source, Streaming};
pub use streaming::{MAX_STREAMS, Streams};
pub(crate) use table::Declarations;
pub(crate) use table::{Api, Documents};
pub(crate) use task::Task;
