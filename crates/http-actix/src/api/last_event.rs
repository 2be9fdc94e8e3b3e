//! After which event a stream goes on: the header `Last-Event-ID`, which browsers send by themselves when they come back.

use actix_web::http::header::HeaderName;
use aide::openapi::{HeaderStyle, Parameter, ParameterData, ParameterSchemaOrContent, ReferenceOr, SchemaObject};
use schemars::{Schema, json_schema};

use super::input::{Draft, Incoming, Input};
use crate::problem::{Code, Mistake, Part, Problem};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What the id of an event is.
pub(crate) trait EventPlace: Sized + 'static {
    /// Its schema.
    fn schema() -> Schema;

    /// Reads it, or says what it must be.
    fn parse(text: &str) -> Result<Self, &'static str>;
}

/// The number of an event of a run.
impl EventPlace for u64 {
    fn schema() -> Schema {
        json_schema!({"type": "integer", "format": "uint64", "minimum": 0, "maximum": LARGEST})
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let number = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        number
            .and_then(|text| text.parse().ok())
            .filter(|number| *number <= LARGEST)
            .ok_or("must be the number of an event")
    }
}

/// The largest number that every reader of JSON can hold exactly.
const LARGEST: u64 = 9_007_199_254_740_991;

/// The last event that the client has, if it says so.
pub(crate) struct LastEvent<T>(pub(crate) Option<T>);

impl<T: EventPlace> Input for LastEvent<T> {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let mistake = |message: &str| vec![Mistake::new(Part::Header, "/Last-Event-ID", "value_error", message)];
        let mut given = from.request.headers().get_all(LAST_EVENT_ID);
        let read = match (given.next().map(|value| value.to_str()), given.next()) {
            // The second is what a client sends that has had no event with an id yet.
            (None, _) | (Some(Ok("")), None) => Ok(None),
            (Some(Ok(text)), None) => T::parse(text.trim()).map(Some).map_err(mistake),
            (Some(Err(_)), None) => Err(mistake("must be plain text")),
            (Some(_), Some(_)) => Err(mistake("is given more than once")),
        };
        Ok(from.settle(read).map(Self))
    }

    #[expect(clippy::default_trait_access, reason = "the maps' crate is not one of ours")]
    fn describe(draft: &mut Draft<'_>) {
        let parameter_data = ParameterData {
            name: "Last-Event-ID".to_owned(),
            description: Some(
                "The `id` of the last event that the client has: the answer goes on after it. It counts more than `after`, which stands \
                 in the address that a client comes back to. It does not ask for a stream: `Accept` does."
                    .to_owned(),
            ),
            required: false,
            deprecated: None,
            format: ParameterSchemaOrContent::Schema(SchemaObject {
                json_schema: T::schema(),
                example: None,
                external_docs: None,
            }),
            example: None,
            examples: Default::default(),
            explode: None,
            extensions: Default::default(),
        };
        let header = Parameter::Header { parameter_data, style: HeaderStyle::Simple };
        draft.operation.parameters.push(ReferenceOr::Item(header));
        draft.problems.insert(Code::ValidationFailed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_event_is_a_number_and_nothing_else() {
        assert_eq!(u64::parse("0"), Ok(0));
        assert_eq!(u64::parse("9007199254740991"), Ok(LARGEST));
        for text in ["-1", "+1", "1.5", "9007199254740992", "x", "1 2", "99999999999999999999999"] {
            assert!(u64::parse(text).is_err(), "{text}");
        }
    }
}
