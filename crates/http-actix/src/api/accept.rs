//! Which of two answers a client wants: a stream of events, or a page of them (RFC 9110, section 12.5.1).

use actix_web::http::header;

use super::input::{Draft, Incoming, Input};
use crate::problem::{Code, Problem};

const STREAM: [&str; 2] = ["text", "event-stream"];
const PAGE: [&str; 2] = ["application", "json"];

/// What a client wants. Who does not say wants a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Events as they come.
    Stream,
    /// Those that there are.
    Page,
}

impl Wanted {
    fn of<'a>(fields: impl Iterator<Item = &'a str>) -> Option<Self> {
        let ranges: Vec<Range> = fields.flat_map(|field| field.split(',')).filter_map(Range::parse).collect();
        if ranges.is_empty() {
            return Some(Self::Stream);
        }
        let best = |wanted: [&str; 2]| {
            let fitting = ranges.iter().filter(|range| range.takes(wanted));
            // The most specific one says how much it is wanted.
            fitting.max_by_key(|range| range.precision()).filter(|range| range.thousandths > 0)
        };
        match (best(STREAM), best(PAGE)) {
            (None, None) => None,
            (Some(_), None) => Some(Self::Stream),
            (None, Some(_)) => Some(Self::Page),
            // Libraries that want JSON add `*/*`: what is named beats what is only not excluded.
            (Some(stream), Some(page)) => {
                let weight = |range: &Range| (range.thousandths, range.precision());
                Some(if weight(page) > weight(stream) { Self::Page } else { Self::Stream })
            }
        }
    }
}

/// A media range and how much it is wanted.
struct Range<'a> {
    types: [&'a str; 2],
    thousandths: u32,
}

impl<'a> Range<'a> {
    /// A range that cannot be read counts for nothing.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (main, sub) = parts.next()?.split_once('/')?;
        let mut thousandths = 1000;
        for part in parts {
            if let Some((name, value)) = part.split_once('=')
                && name.trim().eq_ignore_ascii_case("q")
            {
                let weight: f64 = value.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 1000")]
                let whole = (weight * 1000.0).round() as u32;
                thousandths = whole;
            }
        }
        Some(Self { types: [main, sub], thousandths })
    }

    fn takes(&self, wanted: [&str; 2]) -> bool {
        self.types.iter().zip(wanted).all(|(given, wanted)| *given == "*" || given.eq_ignore_ascii_case(wanted))
    }

    fn precision(&self) -> usize {
        self.types.iter().filter(|part| **part != "*").count()
    }
}

/// The same where a page is what is answered unless a stream is asked for: nothing where both are taken alike, or neither is.
impl Input for Option<Wanted> {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let fields = from.request.headers().get_all(header::ACCEPT).filter_map(|value| value.to_str().ok());
        let names_stream = |field: &&str| field.to_ascii_lowercase().contains(&STREAM.join("/"));
        let fields: Vec<&str> = fields.collect();
        let named = fields.iter().any(names_stream);
        Ok(Some(Wanted::of(fields.into_iter()).filter(|wanted| named || *wanted == Wanted::Page)))
    }

    fn describe(_: &mut Draft<'_>) {}
}

impl Input for Wanted {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let fields = from.request.headers().get_all(header::ACCEPT).filter_map(|value| value.to_str().ok());
        let refuse = || {
            let detail = "The answer is `text/event-stream` or `application/json`, and `Accept` takes neither";
            Problem::new(Code::NotAcceptable, detail)
        };
        Self::of(fields).map(Some).ok_or_else(refuse)
    }

    /// The header is no parameter in OpenAPI: the media types of the answer say it.
    fn describe(draft: &mut Draft<'_>) {
        draft.problems.insert(Code::NotAcceptable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_what_accept_says_first_of_all() {
        for (accept, wanted) in [
            ("", Some(Wanted::Stream)),
            ("*/*", Some(Wanted::Stream)),
            ("text/event-stream", Some(Wanted::Stream)),
            ("application/json", Some(Wanted::Page)),
            ("Application/JSON; charset=utf-8", Some(Wanted::Page)),
            ("application/json, text/plain, */*", Some(Wanted::Page)),
            ("text/event-stream, application/json", Some(Wanted::Stream)),
            ("text/event-stream;q=0.5, application/json", Some(Wanted::Page)),
            ("application/json;q=0, */*", Some(Wanted::Stream)),
            ("application/*", Some(Wanted::Page)),
            ("text/html, application/xhtml+xml, */*;q=0.8", Some(Wanted::Stream)),
            ("text/html", None),
            ("application/json;q=0", None),
            ("nonsense", Some(Wanted::Stream)),
        ] {
            assert_eq!(Wanted::of([accept].into_iter().filter(|text| !text.is_empty())), wanted, "{accept}");
        }
    }
}
