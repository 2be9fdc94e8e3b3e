//! Points in time as clients write them: RFC 3339, or without a zone, which means UTC.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};
use domain::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A point in time of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

/// Reads a date and time. In a query string a `+` that was not escaped arrives as a blank; it is taken for what was meant.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let Some((date, time)) = text.split_once(['T', 't', ' ']) else {
        return NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|at| at.and_utc());
    };
    let text = format!("{date}T{}", time.replace(' ', "+"));
    if let Ok(zoned) = DateTime::parse_from_rfc3339(&text) {
        return Some(zoned.to_utc());
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    formats.iter().find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok()).map(|at| at.and_utc())
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        parse(&String::deserialize(from)?).map(Self).ok_or_else(|| D::Error::custom("not a date and time"))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_utc() {
        let noon = parse("2026-01-31T12:00:00Z").expect("a time");
        for same in [
            "2026-01-31T12:00:00",
            "2026-01-31 12:00",
            "2026-01-31T14:00:00+02:00",
            "2026-01-31T14:00:00 02:00",
            "2026-01-31t12:00:00.000z",
        ] {
            assert_eq!(parse(same), Some(noon), "{same}");
        }
        assert_eq!(parse("2026-01-31").map(|at| at.to_rfc3339()).as_deref(), Some("2026-01-31T00:00:00+00:00"));
    }

    #[test]
    fn nonsense_is_no_time() {
        for bad in ["", "yesterday", "2026-13-01T00:00:00Z", "2026-01-31T25:00:00", "12:00"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
