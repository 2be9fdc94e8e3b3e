//! The header `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.

use std::time::{Duration, UNIX_EPOCH};

use domain::Timestamp;

/// The longest wait that an agent can ask for: a mistaken header must not park a run for years.
pub(crate) const LONGEST: Duration = Duration::from_hours(1);

/// The wait that a header asks for, from `now`; none if it cannot be read. A date in the past is no wait.
pub(crate) fn parse(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    let wait = if header.bytes().all(|b| b.is_ascii_digit()) && !header.is_empty() {
        Duration::from_secs(header.parse().unwrap_or(u64::MAX))
    } else {
        let at = httpdate::parse_http_date(header).ok()?.duration_since(UNIX_EPOCH).ok()?;
        let now = Duration::from_millis(u64::try_from(now.timestamp_millis()).ok()?);
        at.saturating_sub(now)
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        let now = Timestamp::from_timestamp(784_111_777, 0).expect("a time"); // Sun, 06 Nov 1994 08:49:37 GMT
        for (header, wait) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("99999999999999999999999", Some(3600)),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(3600)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(parse(header, now), wait.map(Duration::from_secs), "{header}");
        }
    }
}
