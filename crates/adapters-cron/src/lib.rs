//! Cron expressions in time zones, behind the port [`Calendar`]: croner over chrono, with the time zones of the IANA compiled in.
//!
//! Where clocks are turned forward, a time that they skip has no tick of its own: an expression with a fixed time ticks at the first
//! moment after the gap, one that repeats leaves the gap out. Where they are turned back, an expression with a fixed time ticks at the
//! first of the two moments, one that repeats ticks in both hours. The tests say so in detail; it is croner's doing.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use domain::{
    Timestamp,
    ports::{Calendar, InvalidTiming, Ticks},
};

/// The most characters of an expression; a field with every minute in it has fewer than 200.
const MAX_CHARS: usize = 500;

/// Reads cron expressions.
#[derive(Debug, Clone, Copy, Default)]
pub struct CronCalendar;

impl Calendar for CronCalendar {
    fn read(&self, cron: &str, zone: &str) -> Result<Arc<dyn Ticks>, InvalidTiming> {
        match (parsed(cron), zoned(zone)) {
            (Ok(cron), Ok(zone)) => {
                let ticks = CronTicks { cron, zone };
                match ticks.after(Timestamp::UNIX_EPOCH) {
                    Some(_) => Ok(Arc::new(ticks)),
                    None => Err(InvalidTiming { cron: Some("it never comes true".to_owned()), zone: None }),
                }
            }
            (cron, zone) => Err(InvalidTiming { cron: cron.err(), zone: zone.err() }),
        }
    }
}

fn parsed(cron: &str) -> Result<Cron, String> {
    if cron.chars().count() > MAX_CHARS {
        return Err(format!("has more than {MAX_CHARS} characters"));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(cron).map_err(|error| {
        format!(
            "cannot be read: {error}. Five fields (minute, hour, day of the month, month, day of the week), or six with the \
             seconds first, such as '30 3 * * MON-FRI'"
        )
    })
}

fn zoned(zone: &str) -> Result<Tz, String> {
    let message = "is no time zone of the IANA, such as 'Europe/Berlin' or 'UTC'";
    zone.parse().map_err(|_| message.to_owned())
}

/// A cron expression in a time zone.
#[derive(Debug)]
struct CronTicks {
    cron: Cron,
    zone: Tz,
}

impl Ticks for CronTicks {
    fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let local: DateTime<Tz> = at.with_timezone(&self.zone);
        let next = self.cron.find_next_occurrence(&local, false).ok()?.to_utc();
        // A schedule whose next tick is not later would tick for ever at once.
        (next > at).then_some(next)
    }

    fn local(&self, at: Timestamp) -> String {
        at.with_timezone(&self.zone).to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }
}
