//! Which of two answers a client wants: a stream of events, or a page of them (RFC 9110, section 12.5.1).

use actix_web::{HttpRequest, http::header};

use super::input::{Draft, Incoming, Input};
use crate::problem::{Code, Problem};

const STREAM: [&str; 2] = ["text", "event-stream"];
const PAGE: [&str; 2] = ["application", "json"];

/// What a client wants. Who does not name a stream wants a page: a program that only asks must get an answer that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Events as they come.
    Stream,
    /// Those that there are.
    Page,
}

impl Wanted {
    fn of(ranges: &[Range<'_>]) -> Option<Self> {
        if ranges.is_empty() {
            return Some(Self::Page);
        }
        match (best(ranges, STREAM), best(ranges, PAGE)) {
            (None, None) => None,
            (Some(_), None) => Some(Self::Stream),
            (None, Some(_)) => Some(Self::Page),
            // Libraries that want JSON, and those that want anything, add `*/*`: only who names a stream means it.
            (Some(stream), Some(page)) => {
                let weight = |range: &Range| (range.thousandths, range.precision());
                let is_named = stream.precision() == STREAM.len();
                Some(if is_named && weight(stream) >= weight(page) { Self::Stream } else { Self::Page })
            }
        }
    }
}

/// The range that says how much something is wanted: the most specific one.
fn best<'r, 'a>(ranges: &'r [Range<'a>], wanted: [&str; 2]) -> Option<&'r Range<'a>> {
    let fitting = ranges.iter().filter(|range| range.takes(wanted));
    fitting.max_by_key(|range| range.precision()).filter(|range| range.thousandths > 0)
}

fn ranges(request: &HttpRequest) -> Vec<Range<'_>> {
    let fields = request.headers().get_all(header::ACCEPT).filter_map(|value| value.to_str().ok());
    fields.flat_map(|field| field.split(',')).filter_map(Range::parse).collect()
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

impl Input for Wanted {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let refuse = || {
            let detail = "The answer is `text/event-stream` or `application/json`, and `Accept` takes neither";
            Problem::new(Code::NotAcceptable, detail)
        };
        Self::of(&ranges(&from.request)).map(Some).ok_or_else(refuse)
    }

    /// The header is no parameter in OpenAPI: the media types of the answer say it.
    fn describe(draft: &mut Draft<'_>) {
        draft.problems.insert(Code::NotAcceptable);
    }
}

/// The same where the address may ask for a stream as well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    wanted: Option<Wanted>,
    takes_stream: bool,
}

impl Taken {
    fn of(ranges: &[Range<'_>]) -> Self {
        Self { wanted: Wanted::of(ranges), takes_stream: ranges.is_empty() || best(ranges, STREAM).is_some() }
    }

    /// What is answered where the address says, or does not say, that a stream is wanted. Where `Accept` takes no stream it
    /// contradicts an address that asks for one; where it takes neither, a page is answered, as the old API did not look at it.
    pub(crate) fn where_asked(self, asked: bool) -> Result<Wanted, Problem> {
        match (asked, self.takes_stream) {
            (true, true) => Ok(Wanted::Stream),
            (true, false) => {
                let detail = "`follow=true` is answered as `text/event-stream`, which `Accept` does not take";
                Err(Problem::new(Code::NotAcceptable, detail))
            }
            (false, _) => Ok(self.wanted.unwrap_or(Wanted::Page)),
        }
    }
}

impl Input for Taken {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        Ok(Some(Self::of(&ranges(&from.request))))
    }

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
            ("", Some(Wanted::Page)),
            ("*/*", Some(Wanted::Page)),
            ("text/event-stream, */*", Some(Wanted::Stream)),
            ("text/*", Some(Wanted::Stream)),
            ("text/event-stream", Some(Wanted::Stream)),
            ("application/json", Some(Wanted::Page)),
            ("Application/JSON; charset=utf-8", Some(Wanted::Page)),
            ("application/json, text/plain, */*", Some(Wanted::Page)),
            ("text/event-stream, application/json", Some(Wanted::Stream)),
            ("text/event-stream;q=0.5, application/json", Some(Wanted::Page)),
            ("application/json;q=0, */*", Some(Wanted::Stream)),
            ("application/*", Some(Wanted::Page)),
            ("text/html, application/xhtml+xml, */*;q=0.8", Some(Wanted::Page)),
            ("text/html", None),
            ("application/json;q=0", None),
            ("nonsense", Some(Wanted::Page)),
        ] {
            let ranges: Vec<Range> = accept.split(',').filter_map(Range::parse).collect();
            assert_eq!(Wanted::of(&ranges), wanted, "{accept}");
        }
    }
}
