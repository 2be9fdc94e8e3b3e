//! Times on the wire: UTC without a zone, in microseconds, as Python's `isoformat` writes them.

use domain::Timestamp;

pub(super) fn naive(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_microseconds_and_no_zone() {
        for (time, written) in [
            ("2026-11-22T21:47:05.657300999Z", "2026-11-22T21:47:05.657300"),
            ("2026-11-22T23:47:05+02:00", "2026-11-22T21:47:05.000000"),
        ] {
            assert_eq!(naive(time.parse::<Timestamp>().expect("a time")), written);
        }
    }
}
