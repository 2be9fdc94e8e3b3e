//! What is decided about schedules.

use std::time::Duration;

use chrono::TimeDelta;
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    Decision, LastTick, MissedPolicy, OverlapPolicy, Previous, SLICE, Schedule, ScheduleName, ScheduleState, Tick,
    TickReason, TickStatus, Timing, decide, first_tick,
};
use crate::{
    Timestamp,
    ids::{ScheduleId, TickId, WorkflowId},
    payload::Payload,
    ports::Ticks,
};

/// Ticks every so many seconds.
#[derive(Debug)]
struct Every(i64);

impl Ticks for Every {
    fn after(&self, at: Timestamp) -> Option<Timestamp> {
        Timestamp::from_timestamp((at.timestamp().div_euclid(self.0) + 1) * self.0, 0)
    }

    fn local(&self, at: Timestamp) -> String {
        at.to_rfc3339()
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).expect("a time")
}

/// Due every ten seconds, from 100 on.
fn schedule() -> Schedule {
    Schedule {
        id: ScheduleId::new(Uuid::from_u128(1)),
        name: ScheduleName::parse("s").expect("a name"),
        workflow: WorkflowId::new(Uuid::from_u128(2)),
        version: None,
        timing: Timing { cron: "*/10 * * * * *".into(), zone: "UTC".into(), starts_at: None, ends_at: None },
        input: Payload::empty(),
        overlap: OverlapPolicy::Allow,
        missed: MissedPolicy::Last,
        grace: Duration::from_secs(30),
        state: ScheduleState::Active,
        next_at: Some(at(100)),
        queued: None,
        last: None,
        last_started: None,
        revision: 4,
        created_at: at(0),
        created_by: "test".into(),
        updated_at: at(0),
        updated_by: "test".into(),
    }
}

fn decided(schedule: &Schedule, previous: &Previous, now: Timestamp) -> Option<Decision> {
    decide(schedule, None, previous, &Every(10), now)
}

/// The time, the count and the status or reason of each tick.
fn ticks(decision: &Decision) -> Vec<(i64, u32, &'static str)> {
    let word = |tick: &Tick| tick.reason.map_or(tick.status.as_str(), TickReason::as_str);
    decision.ticks.iter().map(|tick| (tick.at.timestamp(), tick.count, word(tick))).collect()
}

fn under_way() -> Previous {
    Previous::UnderWay(TickId::new(Uuid::from_u128(9)).run())
}

#[test]
fn nothing_is_decided_before_the_next_tick() {
    assert_eq!(decided(&schedule(), &Previous::Over, at(99)), None);
}

#[test]
fn time_that_goes_backwards_decides_nothing_again() {
    let after = decided(&schedule(), &Previous::Over, at(101)).expect("it is due").schedule;
    for earlier in [101, 100, 50] {
        assert_eq!(decided(&after, &Previous::Over, at(earlier)), None);
    }
}

#[test]
fn a_tick_that_is_due_is_started_and_the_next_one_is_known() {
    let decision = decided(&schedule(), &Previous::Over, at(101)).expect("it is due");
    assert_eq!(ticks(&decision), [(100, 1, "starting")]);
    let Schedule { next_at, last, last_started, revision, state, .. } = &decision.schedule;
    let id = TickId::of(schedule().id, at(100));
    assert_eq!((*next_at, *revision, *state), (Some(at(110)), 5, ScheduleState::Active));
    assert_eq!((*last, *last_started), (Some(LastTick { id, at: at(100) }), Some(id)));
    assert_eq!(decision.starts().map(|tick| tick.id).collect::<Vec<_>>(), [id]);
}

#[test]
fn ticks_within_the_grace_time_are_not_missed() {
    let decision = decided(&schedule(), &Previous::Over, at(130)).expect("it is due");
    let all = [(100, 1, "starting"), (110, 1, "starting"), (120, 1, "starting"), (130, 1, "starting")];
    assert_eq!(ticks(&decision), all);
}

#[test]
fn what_was_missed_is_left_out_or_made_up_for_as_the_policy_says() {
    // 100 to 160 are more than 30 seconds ago, 170 to 200 are not.
    let on_time = [(170, 1, "starting"), (180, 1, "starting"), (190, 1, "starting"), (200, 1, "starting")];
    for (missed, expected) in [
        (MissedPolicy::Skip, vec![(100, 7, "missed")]),
        (MissedPolicy::Last, vec![(100, 6, "missed"), (160, 1, "starting")]),
        (MissedPolicy::All(2), vec![(100, 5, "missed"), (150, 1, "starting"), (160, 1, "starting")]),
        (MissedPolicy::All(7), (100..=160).step_by(10).map(|at| (at, 1, "starting")).collect()),
    ] {
        let decision = decided(&Schedule { missed, ..schedule() }, &Previous::Over, at(200)).expect("it is due");
        assert_eq!(ticks(&decision), [&expected[..], &on_time].concat(), "{missed:?}");
        assert_eq!(decision.schedule.next_at, Some(at(210)));
    }
}

#[test]
fn while_the_run_before_is_under_way_the_overlap_policy_decides() {
    for (overlap, expected) in [
        (OverlapPolicy::Allow, "starting"),
        (OverlapPolicy::Skip, "overlap"),
        (OverlapPolicy::Queue, "waiting"),
        (OverlapPolicy::CancelPrevious, "starting"),
    ] {
        let decision = decided(&Schedule { overlap, ..schedule() }, &under_way(), at(100)).expect("it is due");
        assert_eq!(ticks(&decision), [(100, 1, expected)], "{overlap:?}");
        let cancels = overlap == OverlapPolicy::CancelPrevious;
        assert_eq!(decision.ticks[0].cancels.is_some(), cancels);
    }
}

#[test]
fn one_tick_waits_and_is_called_up_once_the_run_before_is_over() {
    let queueing = Schedule { overlap: OverlapPolicy::Queue, ..schedule() };
    let first = decided(&queueing, &under_way(), at(110)).expect("it is due");
    assert_eq!(ticks(&first), [(100, 1, "waiting"), (110, 1, "queue_full")]);
    let (waiting, queued) = (first.ticks[0].clone(), first.schedule);
    assert_eq!(queued.queued, Some(waiting.id));

    let decide = |previous: &Previous, now| decide(&queued, Some(&waiting), previous, &Every(10), now);
    assert_eq!(decide(&under_way(), at(111)), None, "it goes on waiting");
    let over = decide(&Previous::Over, at(121)).expect("it is called up");
    let called = over.called_up.as_ref().expect("it waited");
    assert_eq!((called.id, called.status, called.decided_at), (waiting.id, TickStatus::Starting, at(121)));
    assert_eq!(ticks(&over), [(120, 1, "waiting")], "what waited is first, and the next waits for it");
    assert_eq!(over.schedule.last_started, Some(waiting.id));
}

#[test]
fn a_waiting_tick_that_is_not_there_any_more_holds_nobody_up() {
    let queued = Some(TickId::new(Uuid::from_u128(3)));
    let decision = decided(&Schedule { queued, ..schedule() }, &under_way(), at(50)).expect("it is forgotten");
    assert_eq!((decision.schedule.queued, decision.ticks), (None, vec![]));
}

#[test]
fn of_several_ticks_that_would_cancel_each_other_the_last_is_started() {
    let cancelling = Schedule { overlap: OverlapPolicy::CancelPrevious, ..schedule() };
    let decision = decided(&cancelling, &under_way(), at(120)).expect("it is due");
    assert_eq!(ticks(&decision), [(100, 1, "superseded"), (110, 1, "superseded"), (120, 1, "starting")]);
}

#[test]
fn several_ticks_at_once_overlap_each_other() {
    let skipping = Schedule { overlap: OverlapPolicy::Skip, ..schedule() };
    let decision = decided(&skipping, &Previous::Over, at(110)).expect("it is due");
    assert_eq!(ticks(&decision), [(100, 1, "starting"), (110, 1, "overlap")]);
}

#[test]
fn after_its_last_tick_a_schedule_has_ended() {
    let mut ending = schedule();
    ending.timing.ends_at = Some(at(110));
    let decision = decided(&ending, &Previous::Over, at(125)).expect("it is due");
    assert_eq!(ticks(&decision), [(100, 1, "starting"), (110, 1, "starting")], "its end is its last tick");
    assert_eq!((decision.schedule.next_at, decision.schedule.state), (None, ScheduleState::Ended));
}

#[test]
fn the_first_tick_is_after_the_start_and_after_all_that_were_decided() {
    let timing = |starts_at: Option<i64>| Timing { starts_at: starts_at.map(at), ..schedule().timing };
    let last = Some(LastTick { id: TickId::new(Uuid::from_u128(1)), at: at(220) });
    for (starts_at, last, expected) in [
        (None, None, 110),
        (Some(50), None, 110),
        (Some(200), None, 200),
        (Some(201), None, 210),
        (Some(200), last, 230),
    ] {
        assert_eq!(first_tick(&timing(starts_at), &Every(10), at(105), last), Some(at(expected)));
    }
    let over = Timing { ends_at: Some(at(109)), ..timing(None) };
    assert_eq!(first_tick(&over, &Every(10), at(105), None), None);
}

proptest! {
    /// However long nobody was there, every tick is decided about once, in order, and there is an end to it.
    #[test]
    fn every_tick_is_decided_about_once(
        away in 0_i64..40_000,
        looks in 1_i64..5,
        most in 0_u32..=100,
        grace in 0_u64..3_000,
        overlap in 0_usize..4,
    ) {
        let missed = MissedPolicy::parse(if most == 0 { "skip" } else { "all" }, most).expect("a policy");
        let overlap = OverlapPolicy::ALL[overlap];
        let mut schedule = Schedule { missed, overlap, grace: Duration::from_secs(grace), ..schedule() };
        let mut told = Vec::new();
        let (mut waiting, mut decisions) = (None, 0);
        for look in 1..=looks {
            let now = at(100 + away * look / looks);
            while let Some(decision) = decide(&schedule, waiting.as_ref(), &Previous::Over, &Every(1), now) {
                decisions += 1;
                prop_assert!(decisions < 1_000, "there is no end to it");
                prop_assert_eq!(decision.schedule.revision, schedule.revision + 1);
                if decision.called_up.is_some() {
                    waiting = None;
                }
                for tick in &decision.ticks {
                    prop_assert_eq!(tick.until - tick.at, TimeDelta::seconds(i64::from(tick.count) - 1));
                    told.extend((0..tick.count).map(|n| tick.at + TimeDelta::seconds(i64::from(n))));
                    if tick.status == TickStatus::Waiting {
                        waiting = Some(tick.clone());
                    }
                }
                schedule = decision.schedule;
            }
        }
        let all: Vec<_> = (0..=away).map(|n| at(100 + n)).collect();
        prop_assert_eq!(told, all);
        prop_assert_eq!(schedule.next_at, Some(at(101 + away)));
    }

    /// No more are made up for than the policy allows, however many slices the missed ones make.
    #[test]
    fn what_is_made_up_for_are_the_last_of_the_missed(away in 0_i64..20_000, most in 1_u32..=100) {
        let missed = MissedPolicy::All(most);
        let mut schedule = Schedule { missed, grace: Duration::ZERO, ..schedule() };
        let now = at(100 + away);
        let mut started = Vec::new();
        while let Some(decision) = decide(&schedule, None, &Previous::Over, &Every(1), now) {
            started.extend(decision.starts().map(|tick| tick.at.timestamp()));
            schedule = decision.schedule;
        }
        let first = (100 + away - i64::from(most)).max(100);
        prop_assert_eq!(started, (first..=100 + away).collect::<Vec<_>>());
        let more_than_a_slice = usize::try_from(away).expect("positive") > SLICE;
        prop_assert!(!more_than_a_slice || schedule.revision > 5);
    }
}
