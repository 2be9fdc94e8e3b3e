//! The contracts of [`AgentTraffic`](domain::ports::AgentTraffic).

use domain::{
    agents::{Agent, Outcomes, Report, Traffic},
    ids::AgentId,
    ports::{TrafficRecord, TrafficView},
};

use crate::{
    Change, Stores,
    samples::{agent, at, executor},
};

/// An agent of the store.
pub(crate) async fn known(stores: &Stores, name: &str) -> AgentId {
    let agent = agent(name);
    stores.changed(&[Change::AddAgent(agent.clone())]).await;
    agent.id
}

/// A traffic in which an executor has so many calls under way.
pub(crate) fn with_calls(n: u64, calls: u32) -> Traffic {
    let Agent { revision, .. } = agent("a");
    let report = Report {
        me: executor(n),
        revision,
        limit: None,
        breaker: None,
        in_flight: calls,
        waiting: 0,
        epoch: 0,
        trials: 0,
        outcomes: Outcomes::default(),
        number: 0,
        leaves: false,
    };
    Traffic::default().exchange(&report, &[], at(0)).traffic
}

fn record(agent: AgentId, version: u64, calls: u32) -> TrafficRecord {
    TrafficRecord { agent, version, traffic: with_calls(1, calls) }
}

async fn read(stores: &Stores, agents: &[AgentId]) -> TrafficView {
    let mut view = stores.traffic.read(agents).await.expect("the store works");
    view.records.sort_by_key(|record| record.agent);
    view
}

async fn write(stores: &Stores, records: &[TrafficRecord]) -> Vec<AgentId> {
    let mut written = stores.traffic.write(records).await.expect("the store works");
    written.sort_unstable();
    written
}

pub async fn a_traffic_comes_back_as_it_was_stored(stores: &Stores) {
    let (one, other) = (known(stores, "one").await, known(stores, "other").await);
    let mut records = vec![record(one, 1, 2), record(other, 1, 3)];
    records.sort_by_key(|record| record.agent);
    assert_eq!(write(stores, &records).await.len(), 2);
    assert_eq!(read(stores, &[one, other]).await.records, records);
}

pub async fn agents_without_a_traffic_are_left_out(stores: &Stores) {
    let (one, other) = (known(stores, "one").await, known(stores, "other").await);
    write(stores, &[record(one, 1, 2)]).await;
    assert_eq!(read(stores, &[one, other]).await.records, [record(one, 1, 2)]);
    assert_eq!(read(stores, &[other]).await, TrafficView::default());
    assert_eq!(read(stores, &[]).await, TrafficView::default());
}

pub async fn a_traffic_is_stored_only_after_the_version_before(stores: &Stores) {
    let agent = known(stores, "one").await;
    assert_eq!(write(stores, &[record(agent, 2, 9)]).await, [], "there is none before");
    assert_eq!(write(stores, &[record(agent, 1, 1)]).await, [agent]);
    assert_eq!(write(stores, &[record(agent, 1, 9)]).await, [], "there is one");
    assert_eq!(write(stores, &[record(agent, 2, 2)]).await, [agent]);
    assert_eq!(write(stores, &[record(agent, 2, 9)]).await, []);
    assert_eq!(write(stores, &[record(agent, 4, 9)]).await, []);
    assert_eq!(read(stores, &[agent]).await.records, [record(agent, 2, 2)]);
}

pub async fn a_refused_traffic_keeps_no_other_from_being_stored(stores: &Stores) {
    let (stale, fresh, changed) = (known(stores, "s").await, known(stores, "f").await, known(stores, "c").await);
    write(stores, &[record(stale, 1, 1), record(changed, 1, 1)]).await;
    let mut written = vec![fresh, changed];
    written.sort_unstable();
    assert_eq!(write(stores, &[record(stale, 1, 9), record(fresh, 1, 1), record(changed, 2, 2)]).await, written);
}

pub async fn of_two_who_change_the_same_traffic_one_is_refused(stores: &Stores) {
    let agent = known(stores, "one").await;
    for version in 1..20 {
        let (one, other) = (record(agent, version, 1), record(agent, version, 2));
        let ((one, other), (first, second)) = (
            tokio::join!(write(stores, std::slice::from_ref(&one)), write(stores, std::slice::from_ref(&other))),
            (one, other),
        );
        assert_eq!(one.len() + other.len(), 1);
        let winner = if one.is_empty() { second } else { first };
        assert_eq!(read(stores, &[agent]).await.records, [winner]);
    }
}
