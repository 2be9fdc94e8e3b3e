//! What cron expressions mean, above all where clocks are changed.

use std::sync::Arc;

use adapters_cron::CronCalendar;
use domain::{
    Timestamp,
    ports::{Calendar, Ticks},
};

fn read(cron: &str, zone: &str) -> Arc<dyn Ticks> {
    CronCalendar.read(cron, zone).unwrap_or_else(|invalid| panic!("{cron} in {zone}: {invalid:?}"))
}

fn time(text: &str) -> Timestamp {
    chrono::DateTime::parse_from_rfc3339(text).expect("a time").to_utc()
}

/// The next so many ticks after a time, as clocks show them there.
fn next(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let ticks = read(cron, zone);
    let line = std::iter::successors(ticks.after(time(after)), |at| ticks.after(*at));
    line.take(count).map(|at| ticks.local(at)).collect()
}

#[test]
fn five_fields_tick_at_full_minutes_and_six_begin_with_the_seconds() {
    let minutes = next("*/15 * * * *", "UTC", "2026-01-31T23:29:59Z", 3);
    assert_eq!(minutes, ["2026-01-31T23:30:00Z", "2026-01-31T23:45:00Z", "2026-02-01T00:00:00Z"]);
    let seconds = next("*/20 * * * * *", "UTC", "2026-01-31T23:59:20Z", 3);
    assert_eq!(seconds, ["2026-01-31T23:59:40Z", "2026-02-01T00:00:00Z", "2026-02-01T00:00:20Z"]);
}

#[test]
fn a_tick_is_after_the_time_and_a_whole_second() {
    let ticks = read("* * * * * *", "UTC");
    for (after, expected) in [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:01Z"),
        ("2026-01-31T12:00:00.000001Z", "2026-01-31T12:00:01Z"),
        ("2026-01-31T12:00:00.999999Z", "2026-01-31T12:00:01Z"),
    ] {
        assert_eq!(ticks.after(time(after)), Some(time(expected)), "after {after}");
    }
}

#[test]
fn days_of_the_week_names_and_last_days_are_known() {
    let weekdays = next("0 9 * * MON-FRI", "Europe/Berlin", "2026-01-30T12:00:00Z", 2);
    assert_eq!(weekdays, ["2026-02-02T09:00:00+01:00", "2026-02-03T09:00:00+01:00"]);
    assert_eq!(next("0 0 L * *", "UTC", "2026-02-01T00:00:00Z", 1), ["2026-02-28T00:00:00Z"]);
    assert_eq!(next("@daily", "UTC", "2026-02-01T00:00:00Z", 1), ["2026-02-02T00:00:00Z"]);
}

#[test]
fn a_fixed_time_that_clocks_skip_is_the_first_moment_after_the_gap() {
    // In Berlin 02:00 to 03:00 does not exist on 29 March 2026.
    let ticks = next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
    assert_eq!(ticks, ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]);
}

#[test]
fn what_repeats_leaves_a_gap_out() {
    let ticks = next("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:15:00Z", 3);
    assert_eq!(ticks, ["2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"]);
}

#[test]
fn a_fixed_time_that_there_is_twice_ticks_once() {
    // In Berlin 02:00 to 03:00 is there twice on 25 October 2026.
    let ticks = next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
    assert_eq!(ticks, ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]);
}

#[test]
fn what_repeats_ticks_in_both_of_two_equal_hours() {
    let ticks = next("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", 6);
    let expected = [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-25T03:00:00+01:00",
        "2026-10-25T03:30:00+01:00",
    ];
    assert_eq!(ticks, expected);
}

/// Also in zones whose gaps are no hour: no tick is ever before the one before, and a minute is never left out but by a gap.
#[test]
fn every_minute_of_the_world_has_one_tick() {
    let changes = [
        ("Europe/Berlin", "2026-03-28T12:00:00Z"),
        ("Europe/Berlin", "2026-10-24T12:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T00:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
        ("Pacific/Chatham", "2026-04-04T00:00:00Z"),
        ("America/New_York", "2026-11-01T00:00:00Z"),
        ("Africa/Casablanca", "2026-02-14T12:00:00Z"),
    ];
    for (zone, from) in changes {
        let ticks = read("* * * * *", zone);
        let mut at = time(from);
        for _ in 0..2 * 24 * 60 {
            let next = ticks.after(at).expect("there is always another minute");
            assert_eq!((next - at).num_seconds(), 60, "{zone}: {at} is followed by {next}");
            at = next;
        }
    }
}

#[test]
fn what_says_nothing_is_refused_and_both_mistakes_are_told_at_once() {
    for (cron, zone, wrong) in [
        ("", "UTC", [true, false]),
        ("* * * *", "UTC", [true, false]),
        ("* * * * * * *", "UTC", [true, false]),
        ("61 * * * *", "UTC", [true, false]),
        ("0 0 30 2 *", "UTC", [true, false]),
        ("* * * * *", "Europe/Atlantis", [false, true]),
        ("* * * * *", "", [false, true]),
        ("nonsense", "CEST", [true, true]),
        (&"1,".repeat(500), "UTC", [true, false]),
    ] {
        let invalid = CronCalendar.read(cron, zone).expect_err(cron);
        assert_eq!([invalid.cron.is_some(), invalid.zone.is_some()], wrong, "{cron} in {zone}: {invalid:?}");
    }
}

#[test]
fn what_cannot_be_read_is_named_by_its_field_in_words_of_our_own() {
    for (cron, wrong) in [
        ("61 * * * *", "cannot be read: the minute (0 to 59)."),
        ("0 25 * FOO *", "cannot be read: the hour (0 to 23), the month (1 to 12, or JAN to DEC)."),
        ("99 0 0 * * *", "cannot be read: the second (0 to 59)."),
        ("@often", "names no times that are known: @yearly, @monthly, @weekly, @daily or @hourly."),
        ("0 0 30 2 *", "never comes true."),
        (
            "* * *",
            "has 3 fields, and must have five fields (minute, hour, day of the month, month, day of the week), or six with the \
             seconds first, such as '30 3 * * MON-FRI'.",
        ),
    ] {
        let invalid = CronCalendar.read(cron, "UTC").expect_err(cron);
        assert_eq!(invalid.cron.as_deref(), Some(wrong), "{cron}");
    }
}
