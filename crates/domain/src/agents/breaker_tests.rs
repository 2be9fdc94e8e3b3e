//! Tests of the breaker: the rules of contract 7.6, one by one and as properties.

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

/// What a row of calls does, one a second.
fn after(breaker: &mut Breaker, calls: &[bool], config: &CircuitBreakerConfig) -> Vec<&'static str> {
    let told = calls.iter().zip(0..).filter_map(|(succeeded, second)| {
        breaker.absorb(Outcomes::one(breaker.epoch(), *succeeded), config, at(second)).map(|change| change.to.as_str())
    });
    told.collect()
}

fn opened() -> Breaker {
    let mut breaker = Breaker::default();
    assert_eq!(after(&mut breaker, &[false; 5], &config()), ["open"]);
    breaker
}

fn half_open() -> Breaker {
    let mut breaker = opened();
    assert!(breaker.pass(&config(), at(64)).is_some());
    breaker
}

#[test]
fn as_many_failures_in_a_row_as_the_threshold_open_it() {
    let strict = CircuitBreakerConfig { failure_rate_threshold: 1.0, ..config() };
    let mut breaker = Breaker::default();
    let calls = [true, true, true, false, false, false, false, true, false, false, false, false];
    assert_eq!(after(&mut breaker, &calls, &strict), [""; 0]);
    assert_eq!(after(&mut breaker, &[false], &strict), ["open"]);
}

#[test]
fn a_share_of_failures_opens_it_once_there_are_as_many_calls_as_the_threshold() {
    let mut breaker = Breaker::default();
    assert_eq!(after(&mut breaker, &[false, true, false, true], &config()), [""; 0]);
    assert_eq!(after(&mut breaker, &[true], &config()), [""; 0], "a success opens nothing");
    assert_eq!(after(&mut breaker, &[false], &config()), ["open"]);
}

#[test]
fn failures_that_have_left_the_window_count_no_more() {
    let mut breaker = Breaker::default();
    after(&mut breaker, &[false; 4], &config());
    let late = Outcomes::one(breaker.epoch(), false);
    assert_eq!(breaker.absorb(late, &config(), at(200)), None);
    assert_eq!(breaker.tally(&config(), at(200)).total(), 1);
}

#[test]
fn it_is_open_for_its_timeout_and_then_half_open() {
    let mut breaker = opened();
    assert_eq!(breaker.retry_at(&config()), Some(at(64)));
    assert_eq!(breaker.pass(&config(), at(63)), None);
    let change = breaker.pass(&config(), at(90)).expect("its time is over");
    assert_eq!(change.to, BreakerPhase::HalfOpen { since: at(64), successes: 0 });
}

#[test]
fn a_half_open_one_closes_after_so_many_successes_with_nothing_counted() {
    let mut breaker = half_open();
    assert_eq!(after(&mut breaker, &[true, true, true], &config()), ["closed"]);
    assert!(breaker.is_idle(&config(), at(3)));
}

#[test]
fn a_half_open_one_opens_at_the_first_failure_for_another_timeout() {
    let mut breaker = half_open();
    let failure = Outcomes::one(breaker.epoch(), false);
    let change = breaker.absorb(failure, &config(), at(70)).expect("it opens");
    assert_eq!((change.to, breaker.retry_at(&config())), (BreakerPhase::Open { since: at(70) }, Some(at(130))));
}

#[test]
fn what_was_let_through_before_it_changed_changes_nothing() {
    let mut breaker = half_open();
    let before = breaker.clone();
    for old in [Outcomes::one(0, false), Outcomes::one(0, true), Outcomes::one(1, false)] {
        assert_eq!(breaker.absorb(old, &config(), at(65)), None);
    }
    assert_eq!(breaker, before);
}

#[test]
fn refusals_have_the_words_of_the_old_system() {
    let agent = AgentName::parse("X").expect("a name");
    assert_eq!(opened().refusal(&agent, &config()), "Circuit breaker is OPEN for agent 'X'");
    let half = half_open().refusal(&agent, &config());
    assert!(half.starts_with("Circuit breaker is HALF_OPEN, max calls reached"), "{half}");
}

#[test]
fn it_comes_back_from_its_stored_form() {
    for breaker in [Breaker::default(), opened(), half_open()] {
        let stored = serde_json::to_string(&breaker).expect("it can be stored");
        assert_eq!(serde_json::from_str::<Breaker>(&stored).expect(&stored), breaker);
    }
}

/// The rules of the contract, over the whole history instead of counts.
fn contract_opens(history: &[bool], config: &CircuitBreakerConfig) -> bool {
    let threshold = config.failure_threshold as usize;
    let count = |calls: usize| f64::from(u32::try_from(calls).expect("few calls"));
    let rate = count(history.iter().filter(|succeeded| !**succeeded).count()) / count(history.len());
    history.last() == Some(&false)
        && history.len() >= threshold
        && (history[history.len() - threshold..].iter().all(|succeeded| !succeeded)
            || rate >= config.failure_rate_threshold)
}

proptest! {
    #[test]
    fn within_one_window_it_opens_exactly_when_the_contract_says(
        calls in prop::collection::vec(any::<bool>(), 1..60), threshold in 1_u32..8, rate in 0.0_f64..1.0,
    ) {
        let config = CircuitBreakerConfig { failure_threshold: threshold, failure_rate_threshold: rate, ..config() };
        let mut breaker = Breaker::default();
        for end in 1..=calls.len() {
            let change = breaker.absorb(Outcomes::one(0, calls[end - 1]), &config, at(0));
            prop_assert_eq!(change.is_some(), contract_opens(&calls[..end], &config));
            if change.is_some() {
                break;
            }
        }
    }

    #[test]
    fn calls_told_together_are_those_told_one_by_one(calls in prop::collection::vec(any::<bool>(), 1..40)) {
        // It never opens here, so that every call counts.
        let config = CircuitBreakerConfig { failure_threshold: 1_000, ..config() };
        let (mut single, mut together) = (Breaker::default(), Breaker::default());
        for succeeded in &calls {
            single.absorb(Outcomes::one(0, *succeeded), &config, at(0));
        }
        let all = calls.iter().fold(Outcomes::default(), |told, call| told.followed_by(Outcomes::one(0, *call)));
        together.absorb(all, &config, at(0));
        prop_assert_eq!(single, together);
    }

    #[test]
    fn it_is_never_open_for_longer_than_its_timeout_without_a_new_failure(
        calls in prop::collection::vec((any::<bool>(), 0_i64..40), 1..60),
    ) {
        let (mut breaker, mut now) = (Breaker::default(), 0);
        for (succeeded, wait) in calls {
            now += wait;
            breaker.pass(&config(), at(now));
            if let BreakerPhase::Open { since } = breaker.phase() {
                prop_assert!(at(now) - since < TimeDelta::seconds(60));
            } else {
                breaker.absorb(Outcomes::one(breaker.epoch(), succeeded), &config(), at(now));
            }
        }
    }
}
