//! The contracts of [`Fleet`](domain::ports::Fleet).

use std::collections::BTreeMap;

use domain::{
    ids::{AgentId, ExecutorId},
    ports::{Duties, LifeSign, Requests, TrafficRecord},
};

use crate::{
    SharedStores,
    samples::executor,
    traffic::{known, with_calls},
};

const BOTH: Duties = Duties { executes: true, relays: true, requests: Requests::Ignores };

async fn members(stores: &SharedStores) -> BTreeMap<ExecutorId, LifeSign> {
    let signs = stores.fleet.life_signs().await.expect("the store works");
    signs.into_iter().map(|sign| (sign.member, sign)).collect()
}

async fn join(stores: &SharedStores, n: u64) {
    join_with(stores, n, Requests::Ignores).await;
}

/// Answers the numbers of those that exclude it.
async fn join_with(stores: &SharedStores, n: u64, requests: Requests) -> Vec<ExecutorId> {
    let rivals = stores.fleet.join(executor(n), Duties { requests, ..BOTH }).await.expect("the store works");
    rivals.into_iter().map(|rival| rival.member).collect()
}

async fn beat(stores: &SharedStores, n: u64) -> bool {
    stores.fleet.beat(executor(n)).await.expect("the store works")
}

async fn bury(stores: &SharedStores, sign: LifeSign) -> bool {
    stores.fleet.bury(sign).await.expect("the store works")
}

fn sign(n: u64, beat: u64) -> LifeSign {
    LifeSign { member: executor(n), duties: BOTH, beat }
}

pub async fn a_new_member_has_not_beaten_and_is_known_by_its_duties(stores: &SharedStores) {
    assert_eq!(members(stores).await, BTreeMap::new());
    let only_executes = Duties { executes: true, relays: false, requests: Requests::Takes };
    stores.fleet.join(executor(1), only_executes).await.expect("the store works");
    join(stores, 2).await;
    let expected = [LifeSign { duties: only_executes, ..sign(1, 0) }, sign(2, 0)];
    assert_eq!(members(stores).await, expected.map(|sign| (sign.member, sign)).into());
}

pub async fn a_beat_raises_the_counter_of_its_member_by_one(stores: &SharedStores) {
    join(stores, 1).await;
    join(stores, 2).await;
    for beats in 1..=3 {
        assert!(beat(stores, 1).await);
        assert_eq!(members(stores).await[&executor(1)].beat, beats);
    }
    assert_eq!(members(stores).await[&executor(2)].beat, 0);
}

pub async fn a_beat_of_no_member_answers_so_and_changes_nothing(stores: &SharedStores) {
    assert!(!beat(stores, 1).await);
    assert_eq!(members(stores).await, BTreeMap::new());
}

pub async fn a_member_whose_heart_stands_still_can_be_buried(stores: &SharedStores) {
    join(stores, 1).await;
    join(stores, 2).await;
    beat(stores, 1).await;
    assert!(bury(stores, sign(1, 1)).await);
    assert!(!beat(stores, 1).await);
    assert_eq!(members(stores).await.into_keys().collect::<Vec<_>>(), [executor(2)]);
}

pub async fn a_member_whose_heart_has_beaten_since_is_not_buried(stores: &SharedStores) {
    join(stores, 1).await;
    beat(stores, 1).await;
    assert!(!bury(stores, sign(1, 0)).await);
    assert!(beat(stores, 1).await);
}

pub async fn a_member_that_somebody_else_has_buried_is_gone(stores: &SharedStores) {
    join(stores, 1).await;
    assert!(bury(stores, sign(1, 0)).await);
    assert!(bury(stores, sign(1, 0)).await);
}

pub async fn a_member_may_leave_and_so_may_one_that_is_none(stores: &SharedStores) {
    join(stores, 1).await;
    for n in [1, 2] {
        stores.fleet.leave(executor(n)).await.expect("the store works");
    }
    assert_eq!(members(stores).await, BTreeMap::new());
    assert!(!beat(stores, 1).await);
}

pub async fn who_takes_requests_and_who_makes_them_are_not_members_together(stores: &SharedStores) {
    for (n, requests) in [(1, Requests::Takes), (2, Requests::Takes), (3, Requests::Ignores)] {
        assert_eq!(join_with(stores, n, requests).await, []);
    }
    let mut rivals = join_with(stores, 4, Requests::Makes).await;
    rivals.sort();
    assert_eq!(rivals, [executor(1), executor(2)]);
    assert!(!beat(stores, 4).await, "it was not entered");
    for n in [1, 2] {
        stores.fleet.leave(executor(n)).await.expect("the store works");
    }
    assert_eq!(join_with(stores, 4, Requests::Makes).await, []);
    assert_eq!(join_with(stores, 5, Requests::Takes).await, [executor(4)]);
    assert_eq!(join_with(stores, 6, Requests::Makes).await, []);
}

pub async fn of_two_that_exclude_each_other_and_come_at_once_one_is_entered(stores: &SharedStores) {
    let one = join_with(stores, 1, Requests::Takes);
    let (one, other) = tokio::join!(one, join_with(stores, 2, Requests::Makes));
    assert_eq!(one.len() + other.len(), 1, "{one:?} {other:?}");
    assert_eq!(members(stores).await.len(), 1);
}

pub async fn executors_that_are_members_no_more_are_named_with_the_traffic(stores: &SharedStores) {
    let (one, other) = (known(stores, "one").await, known(stores, "other").await);
    stores.joined(&[1, 2]).await;
    for (agent, n) in [(one, 1), (other, 2)] {
        let record = TrafficRecord { agent, version: 1, traffic: with_calls(n, 1) };
        assert_eq!(stores.traffic.write(&[record]).await.expect("the store works"), [agent]);
    }
    let gone = async |agents: &[AgentId]| stores.traffic.read(agents).await.expect("the store works").gone;
    assert_eq!(gone(&[one, other]).await, []);
    stores.buried(executor(2)).await;
    assert_eq!(gone(&[one, other]).await, [executor(2)]);
    assert_eq!(gone(&[one]).await, [], "he is not named in it");
}
