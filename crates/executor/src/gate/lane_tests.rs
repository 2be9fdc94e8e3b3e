//! Tests of the way to an agent: who goes, who waits, who is refused, and what executors may rely on together.

use std::{collections::BTreeMap, time::Duration};

use domain::{
    agents::{AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, CallLimit, RetryPolicy, Traffic},
    ids::AgentId,
};
use proptest::prelude::*;

use super::*;

fn config(on_open: OnOpen) -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        enabled: true,
        failure_threshold: 3,
        failure_rate_threshold: 1.0,
        timeout_seconds: 60,
        half_open_max_calls: 2,
        window_size_seconds: 120,
        on_open,
    }
}

fn agent(limit: Option<u32>, breaker: Option<CircuitBreakerConfig>) -> Arc<Agent> {
    Arc::new(Agent {
        id: AgentId::new(uuid::Uuid::nil()),
        name: AgentName::parse("X").expect("a name"),
        url: AgentUrl::parse("http://x/").expect("a URL"),
        description: None,
        auth: AgentAuth::None,
        timeout: Duration::from_secs(1),
        retry: RetryPolicy::default(),
        retry_strategy: None,
        circuit_breaker: breaker,
        max_concurrent_calls: limit.map(|limit| CallLimit::parse(limit).expect("a limit")),
        schemas: AgentSchemas::default(),
        status: AgentStatus::Active,
        revision: 1,
        created_at: at(0),
        updated_at: at(0),
        created_by: None,
        updated_by: None,
    })
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn executor(n: u128) -> ExecutorId {
    ExecutorId::new(uuid::Uuid::from_u128(n))
}

/// One executor over a store, which nobody else changes while it does.
struct Alone {
    lane: Lane<&'static str>,
    traffic: Traffic,
    now: Timestamp,
}

impl Alone {
    fn with(agent: Arc<Agent>) -> Self {
        let mut alone = Self { lane: Lane::new(agent, executor(1), at(0)), traffic: Traffic::default(), now: at(0) };
        alone.exchange();
        alone
    }

    fn exchange(&mut self) {
        self.lane.has_arrived(self.traffic.part(executor(1)).merged);
        let exchanged = self.traffic.exchange(&self.lane.report(false), &[], self.now);
        self.lane.yields(&exchanged);
        self.lane.takes(&exchanged, self.now);
        self.traffic = exchanged.traffic;
    }

    /// Those who need not wait any longer.
    fn answered(&mut self) -> Vec<(&'static str, Answer)> {
        let mut answered: Vec<_> = std::iter::from_fn(|| self.lane.next(self.now)).collect();
        answered.extend(self.lane.refused(self.now));
        answered
    }

    fn gone(&mut self) -> Vec<(&'static str, Admission)> {
        let go = |(who, answer)| match answer {
            Answer::Go(admission) => (who, admission),
            Answer::No(failure) => panic!("{who} is refused: {failure:?}"),
        };
        self.answered().into_iter().map(go).collect()
    }

    fn refused(&mut self) -> Vec<String> {
        let no = |(who, answer)| match answer {
            Answer::No(failure) => failure.message,
            Answer::Go(_) => panic!("{who} is let through"),
        };
        self.answered().into_iter().map(no).collect()
    }

    fn call(&mut self, who: &'static str, verdict: Verdict) {
        self.lane.enter(who, who);
        let gone = self.gone();
        assert_eq!(gone.iter().map(|(who, _)| *who).collect::<Vec<_>>(), [who]);
        self.lane.leave(gone[0].1, Some(verdict), self.now);
    }

    fn opened(on_open: OnOpen) -> Self {
        let mut alone = Self::with(agent(None, Some(config(on_open))));
        for _ in 0..3 {
            alone.call("w", Verdict::Failed);
        }
        assert_eq!(alone.lane.phase().as_str(), "open", "here it is so at once");
        alone.exchange();
        assert_eq!(alone.lane.phase().as_str(), "open", "and for all from now on");
        alone
    }
}

fn names(gone: &[(&'static str, Admission)]) -> Vec<&'static str> {
    gone.iter().map(|(who, _)| *who).collect()
}

#[test]
fn as_many_go_as_the_limit_lets_and_then_workflows_take_turns() {
    let mut alone = Alone::with(agent(Some(2), None));
    for (workflow, who) in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("a", "a4"), ("b", "b1")] {
        alone.lane.enter(workflow, who);
    }
    let first = alone.gone();
    assert_eq!(first.len(), 2);
    assert_eq!((names(&first), alone.lane.queue.len()), (vec!["a1", "b1"], 3));
    assert_eq!(alone.lane.waits_for(), WaitsFor::Limit { limit: CallLimit::parse(2).expect("a limit") });
    alone.lane.leave(first[0].1, Some(Verdict::Answered), alone.now);
    assert_eq!(names(&alone.gone()), ["a2"]);
}

#[test]
fn nobody_goes_before_the_others_were_heard() {
    let mut lane = Lane::new(agent(None, Some(config(OnOpen::Fail))), executor(1), at(0));
    lane.enter("w", "w");
    assert_eq!((lane.next(at(0)), lane.waits_for(), lane.wants_news()), (None, WaitsFor::News, true));
}

#[test]
fn an_open_breaker_refuses_at_once_and_nothing_is_sent() {
    let mut alone = Alone::opened(OnOpen::Fail);
    alone.lane.enter("w", "w");
    let answered = alone.answered();
    let [("w", Answer::No(failure))] = &answered[..] else { panic!("{answered:?}") };
    assert_eq!(failure.message, "Circuit breaker is OPEN for agent 'X'");
    assert!((failure.definite, failure.permanent) == (true, false), "{failure:?}");
}

#[test]
fn where_calls_wait_they_wait_until_a_few_may_try_and_go_once_these_have_succeeded() {
    let mut alone = Alone::opened(OnOpen::Wait);
    for who in ["a", "b", "c", "d"] {
        alone.lane.enter(who, who);
    }
    assert_eq!(alone.answered(), []);
    assert_eq!((alone.lane.waits_for(), alone.lane.due()), (WaitsFor::Breaker { until: Some(at(60)) }, Some(at(60))));
    alone.now = at(60);
    assert_eq!(alone.answered(), [], "who may try is told by an exchange");
    assert!(alone.lane.wants_news());
    alone.exchange();
    let tries = alone.gone();
    assert_eq!(names(&tries), ["a", "b"]);
    for (_, admission) in tries {
        alone.lane.leave(admission, Some(Verdict::Answered), alone.now);
    }
    assert_eq!(names(&alone.gone()), ["c", "d"]);
}

#[test]
fn a_half_open_breaker_refuses_those_who_may_not_try() {
    let mut alone = Alone::opened(OnOpen::Fail);
    alone.now = at(60);
    for who in ["a", "b", "c"] {
        alone.lane.enter(who, who);
    }
    assert_eq!(alone.answered(), [], "they may yet be told that they may try");
    alone.exchange();
    assert_eq!(alone.lane.next(alone.now).map(|(who, _)| who), Some("a"));
    assert_eq!(alone.lane.next(alone.now).map(|(who, _)| who), Some("b"));
    let refused = alone.refused();
    assert!(
        refused.len() == 1 && refused[0].starts_with("Circuit breaker is HALF_OPEN, max calls reached"),
        "{refused:?}"
    );
}

#[test]
fn a_try_that_was_not_made_is_another_ones() {
    let mut alone = Alone::opened(OnOpen::Wait);
    alone.now = at(60);
    for who in ["a", "b", "c"] {
        alone.lane.enter(who, who);
    }
    alone.exchange();
    let tries = alone.gone();
    alone.lane.leave(tries[0].1, None, alone.now);
    assert_eq!(names(&alone.gone()), ["c"]);
}

#[test]
fn what_an_agent_says_in_its_protocol_never_opens_its_breaker_and_what_was_not_sent_neither() {
    let mut alone = Alone::with(agent(None, Some(config(OnOpen::Fail))));
    for verdict in [Verdict::Answered, Verdict::NotAsked].repeat(10) {
        alone.call("w", verdict);
        alone.exchange();
    }
    assert_eq!(alone.lane.phase(), BreakerPhase::Closed);
}

#[test]
fn who_was_taken_for_dead_uses_nothing_until_he_has_heard_of_the_others() {
    let mut alone = Alone::with(agent(Some(2), None));
    alone.lane.is_me(executor(2));
    alone.lane.enter("w", "w");
    assert_eq!(alone.answered(), []);
}

#[test]
fn a_limit_that_is_new_lets_nobody_through_before_it_is_shared_out() {
    let mut alone = Alone::with(agent(None, Some(config(OnOpen::Fail))));
    let limited =
        Agent { revision: 2, max_concurrent_calls: CallLimit::parse(1).ok(), ..(**alone.lane.agent()).clone() };
    alone.lane.is_now(&Arc::new(limited), executor(1));
    alone.lane.enter("w", "w");
    assert_eq!(alone.answered(), []);
    alone.exchange();
    assert_eq!(names(&alone.gone()), ["w"]);
}

#[test]
fn an_executor_that_has_not_called_for_a_while_rests() {
    let mut alone = Alone::with(agent(Some(2), None));
    alone.now = at(20);
    alone.call("w", Verdict::Answered);
    assert!(!alone.lane.rests(at(29)) && alone.lane.rests(at(30)));
}

#[derive(Debug, Clone)]
enum Step {
    Enters,
    Ends {
        answered: bool,
    },
    /// Reads, lets the others go on, and writes; the writing may be lost, or its answer.
    Exchanges {
        others: usize,
        written: bool,
        heard: bool,
    },
    Dies,
    IsBuried,
    TimePasses(i64),
}

fn steps() -> impl Strategy<Value = Vec<(u128, Step)>> {
    let step = prop_oneof![
        6 => Just(Step::Enters),
        5 => prop::bool::weighted(0.6).prop_map(|answered| Step::Ends { answered }),
        8 => (0_usize..3, prop::bool::weighted(0.8), prop::bool::weighted(0.8))
            .prop_map(|(others, written, heard)| Step::Exchanges { others, written, heard }),
        1 => Just(Step::Dies),
        1 => Just(Step::IsBuried),
        1 => (1_i64..70).prop_map(Step::TimePasses),
    ];
    prop::collection::vec((0_u128..3, step), 1..200)
}

/// An executor, with its calls under way.
struct Member {
    lane: Lane<()>,
    calls: Vec<Admission>,
    dead: bool,
}

/// Several executors over one store.
struct Fleet {
    limit: u32,
    now: i64,
    version: u64,
    traffic: Traffic,
    members: BTreeMap<u128, Member>,
    gone: Vec<ExecutorId>,
    /// By the epoch of the breaker that let them through.
    tries: BTreeMap<u64, u32>,
}

impl Fleet {
    fn play(&mut self, steps: &[(u128, Step)]) -> Result<(), TestCaseError> {
        let mut rest = steps;
        while let Some(((who, step), following)) = rest.split_first() {
            rest = following;
            let now = at(self.now);
            let Some(member) = self.members.get_mut(who) else { continue };
            match step {
                Step::Enters if !member.dead => {
                    member.lane.enter("w", ());
                }
                Step::Ends { answered } if !member.dead && !member.calls.is_empty() => {
                    let verdict = if *answered { Verdict::Answered } else { Verdict::Failed };
                    let admission = member.calls.remove(0);
                    member.lane.leave(admission, Some(verdict), now);
                }
                Step::Exchanges { others, written, heard } if !member.dead => {
                    let read = (self.version, self.traffic.clone());
                    member.lane.has_arrived(read.1.part(executor(*who)).merged);
                    let exchanged = read.1.exchange(&member.lane.report(false), &self.gone, now);
                    member.lane.yields(&exchanged);
                    let (between, after) = rest.split_at((*others).min(rest.len()));
                    rest = after;
                    self.play(between)?;
                    if *written && self.version == read.0 {
                        self.version += 1;
                        self.traffic = exchanged.traffic.clone();
                        let (now, heard) = (at(self.now), *heard);
                        if let Some(member) = self.members.get_mut(who).filter(|member| heard && !member.dead) {
                            member.lane.takes(&exchanged, now);
                        }
                    }
                }
                Step::Dies => member.dead = true,
                Step::IsBuried if member.dead => {
                    self.members.remove(who);
                    self.gone.push(executor(*who));
                    // What it was to try, and perhaps has, others may.
                    let tries = self.tries.entry(self.traffic.breaker().epoch()).or_default();
                    *tries = tries.saturating_sub(self.traffic.part(executor(*who)).trials);
                }
                Step::TimePasses(seconds) => self.now += seconds,
                Step::Enters | Step::Ends { .. } | Step::Exchanges { .. } | Step::IsBuried => {}
            }
            self.let_through()?;
        }
        Ok(())
    }

    fn let_through(&mut self) -> Result<(), TestCaseError> {
        let now = at(self.now);
        for member in self.members.values_mut().filter(|member| !member.dead) {
            while let Some(((), answer)) = member.lane.next(now) {
                let Answer::Go(admission) = answer else { panic!("next lets through") };
                *self.tries.entry(admission.epoch).or_default() += u32::from(admission.trial);
                member.calls.push(admission);
            }
        }
        let under_way = self.members.values().map(|member| member.calls.len()).sum::<usize>();
        prop_assert!(under_way <= self.limit as usize, "{under_way} calls under way");
        prop_assert!(self.tries.values().all(|tries| *tries <= 2), "{:?} calls to a half-open breaker", self.tries);
        Ok(())
    }
}

proptest! {
    #[test]
    fn limits_and_half_open_breakers_are_kept_by_all_together_whatever_is_lost(limit in 1_u32..6, steps in steps()) {
        let agent = agent(Some(limit), Some(config(OnOpen::Wait)));
        let member = |n| Member { lane: Lane::new(Arc::clone(&agent), executor(n), at(0)), calls: vec![], dead: false };
        let members = (0..3).map(|n| (n, member(n))).collect();
        let (traffic, gone, tries) = (Traffic::default(), vec![], BTreeMap::new());
        let mut fleet = Fleet { limit, now: 0, version: 0, traffic, members, gone, tries };
        fleet.play(&steps)?;
    }
}
