//! Tests of the traffic: what executors may rely on, whatever they do and however late they hear of it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{super::OnOpen, *};

fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        enabled: true,
        failure_threshold: 5,
        failure_rate_threshold: 0.5,
        timeout_seconds: 60,
        half_open_max_calls: 3,
        window_size_seconds: 120,
        on_open: OnOpen::Fail,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn executor(n: u128) -> ExecutorId {
    ExecutorId::new(uuid::Uuid::from_u128(n))
}

fn report(n: u128) -> Report {
    Report {
        me: executor(n),
        revision: 1,
        limit: None,
        breaker: Some(config()),
        in_flight: 0,
        waiting: 0,
        epoch: 0,
        trials: 0,
        outcomes: Outcomes::default(),
        number: 0,
        leaves: false,
    }
}

fn limited(n: u128, limit: u32) -> Report {
    Report { limit: CallLimit::parse(limit).ok(), ..report(n) }
}

fn failures(number: u64, failures: u32) -> Outcomes {
    let tally = super::super::Tally { successes: 0, failures };
    Outcomes { epoch: number, tally, streak: failures }
}

/// A breaker that has been open for its time.
fn half_open() -> Traffic {
    let failing = Report { outcomes: failures(0, 5), number: 1, ..report(1) };
    let open = Traffic::default().exchange(&failing, &[], at(0)).traffic;
    assert_eq!(open.breaker().phase().as_str(), "open");
    open.exchange(&report(1), &[], at(60)).traffic
}

#[test]
fn the_failures_of_several_executors_open_the_breaker_together() {
    let one = Report { outcomes: failures(0, 3), number: 1, ..report(1) };
    let other = Report { outcomes: failures(0, 2), number: 1, ..report(2) };
    let first = Traffic::default().exchange(&one, &[], at(0));
    assert_eq!(first.changes, []);
    let second = first.traffic.exchange(&other, &[], at(1));
    assert_eq!(second.changes.iter().map(|change| change.to.as_str()).collect::<Vec<_>>(), ["open"]);
}

#[test]
fn what_is_reported_twice_counts_once() {
    let failing = Report { outcomes: failures(0, 3), number: 1, ..report(1) };
    let once = Traffic::default().exchange(&failing, &[], at(0)).traffic;
    assert_eq!(once.exchange(&failing, &[], at(1)).traffic, once);
}

#[test]
fn calls_to_a_half_open_breaker_are_handed_out_once_for_all() {
    let first = half_open().exchange(&Report { waiting: 2, epoch: 2, ..report(1) }, &[], at(61)).traffic;
    let second = first.exchange(&Report { waiting: 9, epoch: 2, ..report(2) }, &[], at(61)).traffic;
    assert_eq!([1, 2].map(|n| second.part(executor(n)).trials), [2, 1]);
}

#[test]
fn what_a_dead_executor_was_to_try_others_may() {
    let first = half_open().exchange(&Report { waiting: 3, epoch: 2, ..report(1) }, &[], at(61)).traffic;
    let second = first.exchange(&Report { waiting: 2, epoch: 2, ..report(2) }, &[executor(1)], at(61)).traffic;
    assert_eq!((second.part(executor(1)).trials, second.part(executor(2)).trials), (0, 2));
}

#[test]
fn a_disabled_breaker_forgets() {
    let off = half_open().exchange(&Report { breaker: None, ..report(1) }, &[], at(61)).traffic;
    assert_eq!(*off.breaker(), Breaker::default());
}

#[test]
fn an_executor_with_an_older_agent_does_not_change_the_limit_back() {
    let new = Report { revision: 2, ..limited(1, 3) };
    let first = Traffic::default().exchange(&new, &[], at(0)).traffic;
    let second = first.exchange(&limited(2, 30), &[], at(0));
    assert_eq!((first.part(executor(1)).held, second.quota), (3, 0));
}

#[test]
fn a_share_moves_only_after_its_holder_gave_it_back() {
    let first = Traffic::default().exchange(&Report { in_flight: 4, ..limited(1, 4) }, &[], at(0)).traffic;
    let wants = Report { waiting: 4, ..limited(2, 4) };
    let second = first.exchange(&wants, &[], at(1));
    assert_eq!(second.quota, 0);
    let gives = second.traffic.exchange(&Report { in_flight: 3, ..limited(1, 4) }, &[], at(2));
    assert_eq!((gives.quota, gives.traffic.part(executor(1)).held), (2, 3), "calls under way are let end");
    assert_eq!(gives.traffic.exchange(&wants, &[], at(3)).quota, 1);
}

#[test]
fn the_stored_form_of_a_traffic_may_lack_what_is_new() {
    assert_eq!(serde_json::from_str::<Traffic>("{}").expect("it is readable"), Traffic::default());
    let full = half_open().exchange(&Report { waiting: 2, ..limited(1, 4) }, &[], at(61)).traffic;
    let stored = serde_json::to_string(&full).expect("it can be stored");
    assert_eq!(serde_json::from_str::<Traffic>(&stored).expect("it is readable"), full);
}

/// An executor as far as shares go: it lowers what it uses before it says so, and raises it after.
#[derive(Debug, Clone, Default)]
struct Member {
    quota: u32,
    in_flight: u32,
    waiting: u32,
    dead: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Wants(u32),
    Begins,
    Ends,
    /// Reads, lets the others go on, and writes; the writing may be lost, or its answer.
    Exchanges {
        others: usize,
        written: bool,
        heard: bool,
    },
    Dies,
    IsBuried,
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        2 => (0_u32..6).prop_map(Step::Wants),
        6 => Just(Step::Begins),
        4 => Just(Step::Ends),
        6 => (0_usize..3, prop::bool::weighted(0.8), prop::bool::weighted(0.8))
            .prop_map(|(others, written, heard)| Step::Exchanges { others, written, heard }),
        1 => Just(Step::Dies),
        1 => Just(Step::IsBuried),
    ];
    prop::collection::vec((0_usize..4, step), 1..200)
}

/// The store, and the executors over it.
struct Fleet {
    limit: u32,
    now: i64,
    version: u64,
    traffic: Traffic,
    members: BTreeMap<usize, Member>,
    gone: Vec<ExecutorId>,
}

impl Fleet {
    fn play(&mut self, steps: &[(usize, Step)]) -> Result<(), TestCaseError> {
        let mut rest = steps;
        while let Some(((who, step), following)) = rest.split_first() {
            rest = following;
            self.now += 1;
            let Some(member) = self.members.get_mut(who) else { continue };
            match step {
                Step::Wants(calls) => member.waiting = *calls,
                Step::Begins if !member.dead && member.waiting > 0 && member.in_flight < member.quota => {
                    member.waiting -= 1;
                    member.in_flight += 1;
                }
                Step::Ends => member.in_flight = member.in_flight.saturating_sub(1),
                // Its last calls are under way until its lease is over, for all that anybody knows.
                Step::Dies => member.dead = true,
                Step::IsBuried if member.dead => {
                    self.members.remove(who);
                    self.gone.push(executor(*who as u128));
                }
                Step::Exchanges { others, written, heard } if !member.dead => {
                    let (in_flight, waiting) = (member.in_flight, member.waiting);
                    let said = Report { in_flight, waiting, ..limited(*who as u128, self.limit) };
                    let (read, gone) = (self.version, self.gone.clone());
                    let exchanged = self.traffic.exchange(&said, &gone, at(self.now));
                    member.quota = member.quota.min(exchanged.quota);
                    let (between, after) = rest.split_at((*others).min(rest.len()));
                    rest = after;
                    self.play(between)?;
                    if *written && self.version == read {
                        self.version += 1;
                        self.traffic = exchanged.traffic;
                        if let Some(member) = self.members.get_mut(who).filter(|_| *heard) {
                            member.quota = exchanged.quota;
                        }
                    }
                }
                Step::Begins | Step::IsBuried | Step::Exchanges { .. } => {}
            }
            let under_way: u32 = self.members.values().map(|member| member.in_flight).sum();
            prop_assert!(under_way <= self.limit, "{under_way} calls under way");
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn the_limit_is_never_exceeded_whoever_dies_or_hears_late(limit in 1_u32..8, steps in steps()) {
        let members = (0..4).map(|who| (who, Member::default())).collect();
        let mut fleet = Fleet { limit, now: 0, version: 0, traffic: Traffic::default(), members, gone: vec![] };
        fleet.play(&steps)?;
    }

    #[test]
    fn whoever_wants_calls_gets_one_in_the_end(limit in 1_u32..8, others in 1_u8..6) {
        // All the others want everything, all the time, and give back what they are asked for.
        let (mut traffic, mut quotas) = (Traffic::default(), BTreeMap::new());
        let mut served = false;
        for second in 0..(i64::from(others) + 1) * 5 + 2 {
            for who in 0..=others {
                let busy: u32 = quotas.get(&who).copied().unwrap_or(0);
                let said = Report { in_flight: busy, waiting: 9, ..limited(u128::from(who), limit) };
                let exchanged = traffic.exchange(&said, &[], at(second));
                traffic = exchanged.traffic;
                quotas.insert(who, exchanged.quota);
            }
            served |= quotas[&others] > 0;
        }
        prop_assert!(served);
    }

    #[test]
    fn a_half_open_breaker_never_lets_more_calls_through_than_it_may(
        steps in prop::collection::vec((0_u128..3, 0_u32..4, prop::option::of(any::<bool>())), 1..60),
    ) {
        let mut traffic = half_open();
        let mut trials: BTreeMap<u128, u32> = BTreeMap::new();
        let mut made = 0;
        for (number, (who, waiting, ended)) in (2_u64..).zip(steps) {
            let under_way = trials.get(&who).copied().unwrap_or(0);
            let ended = ended.filter(|_| under_way > 0);
            let outcomes = ended.map_or_else(Outcomes::default, |succeeded| Outcomes::one(2, succeeded));
            let trials_left = under_way - u32::from(ended.is_some());
            let said = Report { waiting, epoch: 2, trials: trials_left, outcomes, number, ..report(who) };
            traffic = traffic.exchange(&said, &[], at(61)).traffic;
            if traffic.breaker().epoch() != 2 {
                break;
            }
            let granted = traffic.part(executor(who)).trials;
            made += granted - trials_left;
            trials.insert(who, granted);
            prop_assert!(made <= 3, "{made} calls were let through");
        }
    }
}
