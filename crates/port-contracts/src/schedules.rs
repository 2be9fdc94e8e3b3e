//! The contracts of [`Schedules`](domain::ports::Schedules), and of the units of work that change what it reads.

use std::time::Duration;

use domain::{
    ids::{ScheduleId, TickId, WorkflowId},
    page::{PageRequest, Total},
    ports::StoreError,
    schedules::{
        LastTick, MissedPolicy, OverlapPolicy, Schedule, ScheduleFilter, ScheduleState, Tick, TickReason, TickStatus,
        Timing,
    },
};
use serde_json::json;

use crate::{
    Change, Stores,
    samples::{all, at, page, payload, run_id, schedule, tick, uuid},
};

async fn schedule_of(stores: &Stores, schedule: &Schedule) -> Option<Schedule> {
    stores.schedules.get(schedule.id).await.expect("the store works")
}

async fn tick_of(stores: &Stores, tick: &Tick) -> Option<Tick> {
    stores.schedules.ticks_by_id(&[tick.id]).await.expect("the store works").pop()
}

async fn names(stores: &Stores, filter: &ScheduleFilter) -> Vec<String> {
    let found = stores.schedules.list(filter, all()).await.expect("the store works");
    assert_eq!(found.total, Some(Total::Exact(found.items.len() as u64)));
    found.items.iter().map(|schedule| schedule.name.to_string()).collect()
}

async fn due(stores: &Stores, second: i64, limit: usize) -> Vec<String> {
    let due = stores.schedules.due(at(second), limit).await.expect("the store works");
    due.iter().map(|schedule| schedule.name.to_string()).collect()
}

fn full_schedule() -> Schedule {
    Schedule {
        version: Some(7),
        timing: Timing {
            cron: "*/5 * * * * *".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            starts_at: Some(at(1)),
            ends_at: Some(at(2)),
        },
        input: payload(json!({"time": "${schedule.time}", "z": [1.50, null]})),
        overlap: OverlapPolicy::CancelPrevious,
        missed: MissedPolicy::All(3),
        grace: Duration::from_secs(17),
        state: ScheduleState::Ended,
        next_at: None,
        queued: Some(TickId::new(uuid(4))),
        last: Some(LastTick { id: TickId::new(uuid(5)), at: at(3) }),
        last_started: Some(TickId::new(uuid(6))),
        updated_at: at(9),
        updated_by: "key:ci".to_owned(),
        ..schedule(9, "Größtes №1")
    }
}

pub async fn a_schedule_comes_back_as_it_was_stored(stores: &Stores) {
    for schedule in [schedule(1, "plain"), full_schedule()] {
        stores.changed(&[Change::AddSchedule(schedule.clone())]).await;
        assert_eq!(schedule_of(stores, &schedule).await, Some(schedule));
    }
}

pub async fn an_unknown_schedule_is_none(stores: &Stores) {
    assert_eq!(schedule_of(stores, &schedule(1, "a")).await, None);
    let ticks = stores.schedules.ticks(ScheduleId::new(uuid(1)), all()).await.expect("the store works");
    assert_eq!((ticks.items, ticks.total), (vec![], Some(Total::Exact(0))));
}

pub async fn a_schedule_with_a_taken_id_or_name_is_refused(stores: &Stores) {
    stores.changed(&[Change::AddSchedule(schedule(1, "a"))]).await;
    stores.refused(&[Change::AddSchedule(schedule(1, "b"))]).await;
    stores.refused(&[Change::AddSchedule(schedule(2, "a"))]).await;
    stores.changed(&[Change::AddSchedule(schedule(2, "A"))]).await;
    let renamed = Schedule { revision: 2, ..schedule(2, "a") };
    stores.refused(&[Change::ReplaceSchedule(renamed)]).await;
}

pub async fn a_schedule_is_replaced_only_from_the_revision_before(stores: &Stores) {
    let old = schedule(9, "a");
    stores.changed(&[Change::AddSchedule(old.clone())]).await;
    let changed = |revision| Schedule { revision, ..full_schedule() };
    for revision in [0, 1, 3] {
        stores.refused(&[Change::ReplaceSchedule(changed(revision))]).await;
    }
    stores.refused(&[Change::ReplaceSchedule(Schedule { revision: 2, ..schedule(8, "b") })]).await;
    stores.changed(&[Change::ReplaceSchedule(changed(2))]).await;
    assert_eq!(schedule_of(stores, &old).await, Some(changed(2)));
}

pub async fn a_schedule_is_removed_in_the_revision_that_was_read_with_its_ticks_and_frees_the_name(stores: &Stores) {
    let (gone, tick_of_gone) = (schedule(1, "a"), tick(1, 10));
    let (other, tick_of_other) = (schedule(2, "b"), tick(2, 10));
    stores.changed(&[Change::AddSchedule(gone.clone()), Change::AddTick(tick_of_gone.clone())]).await;
    stores.changed(&[Change::AddSchedule(other), Change::AddTick(tick_of_other.clone())]).await;
    stores.refused(&[Change::RemoveSchedule(Schedule { revision: 2, ..gone.clone() })]).await;
    stores.changed(&[Change::RemoveSchedule(gone.clone())]).await;
    assert_eq!((schedule_of(stores, &gone).await, tick_of(stores, &tick_of_gone).await), (None, None));
    assert_eq!(tick_of(stores, &tick_of_other).await, Some(tick_of_other));
    stores.refused(&[Change::RemoveSchedule(gone.clone())]).await;
    stores.changed(&[Change::AddSchedule(schedule(3, "a"))]).await;
}

pub async fn schedules_can_be_filtered_and_are_listed_by_name_in_pages(stores: &Stores) {
    let paused = Schedule { state: ScheduleState::Paused, next_at: None, ..schedule(1, "b") };
    let other = Schedule { workflow: WorkflowId::new(uuid(77)), ..schedule(2, "a") };
    for schedule in [paused, other, schedule(3, "Z"), schedule(4, "ä")] {
        stores.changed(&[Change::AddSchedule(schedule)]).await;
    }
    let any = ScheduleFilter::default();
    assert_eq!(names(stores, &any).await, ["Z", "a", "b", "ä"]);
    let state = ScheduleFilter { state: Some(ScheduleState::Paused), ..any.clone() };
    assert_eq!(names(stores, &state).await, ["b"]);
    let workflow = ScheduleFilter { workflow: Some(WorkflowId::new(uuid(77))), ..any.clone() };
    assert_eq!(names(stores, &workflow).await, ["a"]);
    let name = ScheduleFilter { name: Some("Z".to_owned()), ..any.clone() };
    assert_eq!(names(stores, &name).await, ["Z"]);
    let nothing = ScheduleFilter { name: Some("z".to_owned()), ..any.clone() };
    assert_eq!(names(stores, &nothing).await, Vec::<String>::new());
    let second = stores.schedules.list(&any, page(2, 3)).await.expect("the store works");
    assert_eq!((second.items[0].name.as_str(), second.items.len(), second.total), ("ä", 1, Some(Total::Exact(4))));
    let after = PageRequest::after(schedule(9, "a").cursor(), 1).expect("a page");
    let following = stores.schedules.list(&any, after).await.expect("the store works");
    assert_eq!((following.items[0].name.as_str(), following.total), ("b", None));
}

pub async fn schedules_are_due_by_their_next_tick_or_because_one_waits(stores: &Stores) {
    let next = |n, name: &str, second: Option<i64>| Schedule { next_at: second.map(at), ..schedule(n, name) };
    let waiting = Schedule { queued: Some(TickId::new(uuid(1))), ..next(4, "waits", None) };
    let rows = [next(1, "later", Some(30)), next(2, "late", Some(20)), next(3, "now", Some(25)), waiting];
    for schedule in rows {
        stores.changed(&[Change::AddSchedule(schedule)]).await;
    }
    stores.changed(&[Change::AddSchedule(next(5, "never", None))]).await;
    assert_eq!(due(stores, 25, 10).await, ["late", "now", "waits"]);
    assert_eq!(due(stores, 19, 10).await, ["waits"]);
    assert_eq!(due(stores, 100, 2).await, ["late", "now"]);
    for schedule in stores.schedules.due(at(30), 10).await.expect("the store works") {
        assert!(schedule.is_due(at(30)), "{}", schedule.name);
    }
}

pub async fn a_tick_comes_back_as_it_was_stored(stores: &Stores) {
    stores.changed(&[Change::AddSchedule(schedule(1, "a"))]).await;
    let full = Tick {
        until: at(90),
        count: 17,
        manual: true,
        status: TickStatus::Refused,
        reason: Some(TickReason::NotStarted),
        message: Some("why".to_owned()),
        cancels: Some(run_id("r")),
        ..tick(1, 20)
    };
    for tick in [tick(1, 10), full] {
        stores.changed(&[Change::AddTick(tick.clone())]).await;
        assert_eq!(tick_of(stores, &tick).await, Some(tick));
    }
}

pub async fn a_tick_with_a_taken_id_is_refused_with_all_that_was_decided_with_it(stores: &Stores) {
    stores.changed(&[Change::AddSchedule(schedule(1, "a")), Change::AddTick(tick(1, 10))]).await;
    let advanced = Schedule { revision: 2, next_at: Some(at(500)), ..schedule(1, "a") };
    stores.refused(&[Change::ReplaceSchedule(advanced), Change::AddTick(tick(1, 10))]).await;
    assert_eq!(schedule_of(stores, &schedule(1, "a")).await, Some(schedule(1, "a")));
}

pub async fn a_tick_of_no_schedule_is_refused(stores: &Stores) {
    stores.refused(&[Change::AddTick(tick(1, 10))]).await;
    assert_eq!(tick_of(stores, &tick(1, 10)).await, None);
}

pub async fn of_two_who_decide_about_the_same_tick_one_is_refused(stores: &Stores) {
    stores.changed(&[Change::AddSchedule(schedule(1, "a"))]).await;
    let decide = async |who: &str| {
        let advanced = Schedule { revision: 2, updated_by: who.to_owned(), ..schedule(1, "a") };
        stores.change(&[Change::ReplaceSchedule(advanced), Change::AddTick(tick(1, 10))]).await
    };
    let outcomes = [decide("one").await, decide("other").await];
    assert!(matches!(outcomes, [Ok(()), Err(StoreError::Conflict(_))]), "{outcomes:?}");
    let kept = schedule_of(stores, &schedule(1, "a")).await.expect("it is there");
    assert_eq!(kept.updated_by, "one");
}

pub async fn a_tick_changes_only_from_a_status_before(stores: &Stores) {
    stores.changed(&[Change::AddSchedule(schedule(1, "a"))]).await;
    let mut second = 0;
    for from in TickStatus::ALL {
        for to in TickStatus::ALL {
            second += 1;
            let before = Tick { status: from, cancels: Some(run_id("r")), ..tick(1, second) };
            let (reason, message) = (Some(TickReason::NotStarted), Some("why".to_owned()));
            let after = Tick { status: to, reason, message, decided_at: at(999), ..before.clone() };
            // What tells one tick from another is not changed.
            let asked = Tick { count: 3, cancels: None, ..after.clone() };
            stores.changed(&[Change::AddTick(before.clone()), Change::ChangeTick(asked)]).await;
            let expected = if to.before().contains(&from) { after } else { before.clone() };
            assert_eq!(tick_of(stores, &before).await, Some(expected), "{from:?} to {to:?}");
        }
    }
    stores.changed(&[Change::ChangeTick(tick(1, 1_000))]).await;
    assert_eq!(tick_of(stores, &tick(1, 1_000)).await, None, "one that is not there is not made");
}

pub async fn ticks_are_listed_latest_first_in_pages(stores: &Stores) {
    stores.changed(&[Change::AddSchedule(schedule(1, "a")), Change::AddSchedule(schedule(2, "b"))]).await;
    let twin = Tick { id: TickId::new(uuid(1)), manual: true, ..tick(1, 20) };
    for tick in [tick(1, 10), tick(1, 20), twin.clone(), tick(1, 30), tick(2, 40)] {
        stores.changed(&[Change::AddTick(tick)]).await;
    }
    let list = async |number, size| {
        let found = stores.schedules.ticks(schedule(1, "a").id, page(number, size)).await.expect("the store works");
        assert_eq!(found.total, Some(Total::Exact(4)));
        found.items
    };
    assert_eq!(list(1, 10).await, [tick(1, 30), tick(1, 20), twin.clone(), tick(1, 10)]);
    assert_eq!(list(2, 2).await, [twin.clone(), tick(1, 10)]);
    let after = PageRequest::after(tick(1, 20).cursor(), 1).expect("a page");
    let following = stores.schedules.ticks(schedule(1, "a").id, after).await.expect("the store works");
    assert_eq!((following.next, following.total), (Some(twin.cursor()), None));
    assert_eq!(following.items, [twin]);
}

pub async fn ticks_that_were_to_be_started_and_were_not_are_found_oldest_first(stores: &Stores) {
    stores.changed(&[Change::AddSchedule(schedule(1, "a"))]).await;
    for (second, status) in [(30, TickStatus::Starting), (10, TickStatus::Starting), (20, TickStatus::Started)] {
        stores.changed(&[Change::AddTick(Tick { status, ..tick(1, second) })]).await;
    }
    let unstarted = async |before, limit| {
        let found = stores.schedules.unstarted(at(before), limit).await.expect("the store works");
        found.iter().map(|tick| tick.at).collect::<Vec<_>>()
    };
    assert_eq!(unstarted(31, 10).await, [at(10), at(30)]);
    assert_eq!(unstarted(30, 10).await, [at(10)]);
    assert_eq!(unstarted(31, 1).await, [at(10)]);
    stores.changed(&[Change::ChangeTick(tick(1, 10).started())]).await;
    assert_eq!(unstarted(31, 10).await, [at(30)]);
}

pub async fn old_ticks_are_forgotten_oldest_first_but_for_those_that_are_not_over(stores: &Stores) {
    stores.changed(&[Change::AddSchedule(schedule(1, "a"))]).await;
    let over = [TickStatus::Started, TickStatus::Refused, TickStatus::Skipped];
    let statuses = [TickStatus::Waiting, TickStatus::Starting].into_iter().chain(over);
    for (second, status) in (1..).zip(statuses) {
        stores.changed(&[Change::AddTick(Tick { status, ..tick(1, second) })]).await;
    }
    let left = async || {
        let found = stores.schedules.ticks(schedule(1, "a").id, all()).await.expect("the store works");
        found.items.iter().map(|tick| tick.status.as_str()).collect::<Vec<_>>()
    };
    let forget = async |before, limit| stores.schedules.forget_ticks(at(before), limit).await.expect("the store works");
    assert_eq!(forget(1, 10).await, 0);
    assert_eq!(forget(9, 1).await, 1);
    assert_eq!(left().await, ["skipped", "refused", "starting", "waiting"]);
    assert_eq!(forget(5, 10).await, 1, "the last one is not older than this");
    assert_eq!(left().await, ["skipped", "starting", "waiting"]);
}
