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
                    None => Err(InvalidTiming { cron: Some("never comes true.".to_owned()), zone: None }),
                }
            }
            (cron, zone) => Err(InvalidTiming { cron: cron.err(), zone: zone.err() }),
        }
    }
}

fn parsed(cron: &str) -> Result<Cron, String> {
    if cron.chars().count() > MAX_CHARS {
        return Err(format!("has more than {MAX_CHARS} characters."));
    }
    parser().parse(cron).map_err(|_| why_unreadable(cron))
}

fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build()
}

/// The fields of an expression, with what may stand in them.
const FIELDS: [&str; 6] = [
    "second (0 to 59)",
    "minute (0 to 59)",
    "hour (0 to 23)",
    "day of the month (1 to 31)",
    "month (1 to 12, or JAN to DEC)",
    "day of the week (0 to 7, or SUN to SAT)",
];

const FORM: &str = "five fields (minute, hour, day of the month, month, day of the week), or six with the seconds first, such as \
                    '30 3 * * MON-FRI'";

/// Which fields cannot be read, in words of our own: the parser's are for those who know it.
fn why_unreadable(cron: &str) -> String {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    if let [name] = fields.as_slice()
        && name.starts_with('@')
    {
        return "names no times that are known: @yearly, @monthly, @weekly, @daily or @hourly.".to_owned();
    }
    if !(5..=6).contains(&fields.len()) {
        return format!("has {} fields, and must have {FORM}.", fields.len());
    }
    let is_wrong = |at: &usize| {
        let alone = (0..fields.len()).map(|other| if other == *at { fields[other] } else { "*" });
        parser().parse(&alone.collect::<Vec<_>>().join(" ")).is_err()
    };
    let names = &FIELDS[FIELDS.len() - fields.len()..];
    let wrong: Vec<String> = (0..fields.len()).filter(is_wrong).map(|at| format!("the {}", names[at])).collect();
    if wrong.is_empty() { format!("must have {FORM}.") } else { format!("cannot be read: {}.", wrong.join(", ")) }
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
