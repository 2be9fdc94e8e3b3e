//! Tests of what can be told of calls that another process keeps.

use std::time::Duration;

use chrono::TimeDelta;

use super::{
    super::{AgentAuth, AgentSchemas, AgentStatus, AgentUrl, CircuitBreakerConfig, Outcomes, Report, RetryPolicy},
    *,
};
use crate::ids::AgentId;

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn owner() -> ExecutorId {
    ExecutorId::new(uuid::Uuid::from_u128(1))
}

fn agent(limit: Option<u32>, breaker: bool) -> Agent {
    let breaker = CircuitBreakerConfig {
        enabled: breaker,
        failure_threshold: 1,
        failure_rate_threshold: 0.5,
        timeout_seconds: 60,
        half_open_max_calls: 3,
        window_size_seconds: 120,
        on_open: OnOpen::Wait,
    };
    Agent {
        id: AgentId::new(uuid::Uuid::nil()),
        name: AgentName::parse("X").expect("a name"),
        url: AgentUrl::parse("http://x/").expect("a URL"),
        description: None,
        auth: AgentAuth::None,
        timeout: Duration::from_secs(1),
        retry: RetryPolicy::default(),
        retry_strategy: None,
        circuit_breaker: Some(breaker),
        max_concurrent_calls: limit.map(|limit| CallLimit::parse(limit).expect("a limit")),
        schemas: AgentSchemas::default(),
        status: AgentStatus::Active,
        revision: 1,
        created_at: at(0),
        updated_at: at(0),
        created_by: None,
        updated_by: None,
    }
}

/// What an executor has told by second ten: so many calls under way, so many waiting, perhaps a failed one.
fn told(agent: &Agent, in_flight: u32, waiting: u32, failed: bool) -> Traffic {
    let report = Report {
        me: owner(),
        revision: 1,
        limit: agent.max_concurrent_calls,
        breaker: agent.breaker().copied(),
        in_flight,
        waiting,
        epoch: 0,
        trials: 0,
        outcomes: if failed { Outcomes::one(0, false) } else { Outcomes::default() },
        number: 1,
        leaves: false,
    };
    Traffic::default().exchange(&report, &[], at(10)).traffic
}

#[test]
fn a_call_is_under_way_where_its_executor_says_that_none_waits() {
    let agent = agent(Some(2), true);
    let traffic = told(&agent, 2, 0, true);
    assert_eq!(kept_elsewhere(&agent, &traffic, owner(), at(11), at(12)), None);
    let other = ExecutorId::new(uuid::Uuid::from_u128(2));
    let traffic = told(&agent, 2, 5, false);
    assert_eq!(kept_elsewhere(&agent, &traffic, other, at(11), at(12)), None, "others may have calls that wait");
}

#[test]
fn a_call_at_a_full_agent_waits_for_its_turn_and_certainly_so_where_none_is_under_way() {
    let agent = agent(Some(2), false);
    let limit = CallLimit::parse(2).expect("a limit");
    let kept = |in_flight| kept_elsewhere(&agent, &told(&agent, in_flight, 3, false), owner(), at(11), at(12));
    assert_eq!(kept(2), Some(WaitsFor::Turn { limit }));
    assert_eq!(kept(0), Some(WaitsFor::Limit { limit }));
}

#[test]
fn a_call_that_was_dispatched_after_the_breaker_opened_waits_for_it_and_an_older_one_may_be_under_way() {
    let agent = agent(None, true);
    let traffic = told(&agent, 1, 1, true);
    let kept = |dispatched, now| kept_elsewhere(&agent, &traffic, owner(), at(dispatched), at(now));
    assert_eq!(kept(11, 12), Some(WaitsFor::Breaker { until: Some(at(70)) }));
    assert_eq!(kept(9, 12), None);
    assert_eq!(kept(11, 71), None, "it is tried whether the agent has recovered");
    let none_under_way = told(&agent, 0, 1, true);
    assert_eq!(
        kept_elsewhere(&agent, &none_under_way, owner(), at(9), at(71)),
        Some(WaitsFor::Breaker { until: None })
    );
}
