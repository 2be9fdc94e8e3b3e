//! The contracts of [`Outbox`](domain::ports::Outbox).

use std::collections::BTreeSet;

use domain::{
    ids::Epoch,
    ports::{HeldShard, SHARDS, Shard},
};
use futures_util::future::join_all;

use crate::{
    SharedStores,
    samples::{cancel, executor, run_id, start},
};

const ALL: usize = SHARDS as usize + 1;

fn epochs(held: &[HeldShard]) -> Vec<u64> {
    held.iter().map(|held| held.epoch.get()).collect()
}

async fn give_back(stores: &SharedStores, relay: u64, keep: usize) {
    stores.outbox.give_back(executor(relay), keep).await.expect("the store works");
}

async fn delivered(stores: &SharedStores, held: HeldShard, messages: &[u64]) -> bool {
    stores.outbox.delivered(&[(held, messages.to_vec())]).await.expect("the store works") == [held.shard]
}

/// Announces something and answers the shard that it is in.
async fn announced(stores: &SharedStores, run: &str) -> Shard {
    stores.committed(start(run)).await;
    stores.committed(cancel(run)).await;
    Shard::of(run_id(run).as_str())
}

fn held_of(held: &[HeldShard], shard: Shard) -> HeldShard {
    *held.iter().find(|held| held.shard == shard).expect("the shard is held")
}

pub async fn a_relay_gets_no_more_shards_than_it_may_hold(stores: &SharedStores) {
    stores.joined(&[1]).await;
    assert_eq!(stores.hold(1, 0).await, []);
    let some = stores.hold(1, 5).await;
    assert_eq!(epochs(&some), [1; 5]);
    assert_eq!(stores.hold(1, 5).await, some, "it holds as many already");
    assert_eq!(stores.hold(1, 2).await, some, "nothing is taken away");
    let more = stores.hold(1, 7).await;
    assert_eq!(epochs(&more), [1; 7]);
    assert!(some.iter().all(|held| more.contains(held)));
}

pub async fn a_lone_relay_can_hold_every_shard(stores: &SharedStores) {
    stores.joined(&[1]).await;
    let held: BTreeSet<u16> = stores.hold(1, 100).await.iter().map(|held| held.shard.number()).collect();
    assert_eq!(held, (0..=Shard::EXTERNAL.number()).collect());
}

pub async fn who_does_not_drive_never_holds_the_external_shard(stores: &SharedStores) {
    stores.joined(&[1, 2]).await;
    let held = stores.outbox.hold(executor(1), 100, false).await.expect("the store works");
    assert_eq!(held.len(), usize::from(SHARDS));
    assert!(held.iter().all(|held| held.shard != Shard::EXTERNAL));
    let held = stores.outbox.hold(executor(2), 100, true).await.expect("the store works");
    assert_eq!(held.iter().map(|held| held.shard).collect::<Vec<_>>(), [Shard::EXTERNAL]);
}

pub async fn no_shard_is_held_by_two_relays(stores: &SharedStores) {
    stores.joined(&[1, 2, 3, 4]).await;
    let held = join_all((1..=4).map(|relay| stores.hold(relay, 6))).await;
    assert!(held.iter().all(|held| held.len() <= 6));
    let all: Vec<u16> = held.iter().flatten().map(|held| held.shard.number()).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    // Who came too late for a shard gets it the next time.
    let mut total = 0;
    for relay in 1..=4 {
        total += stores.hold(relay, 6).await.len();
    }
    assert_eq!(total, ALL);
}

pub async fn the_shards_of_a_buried_relay_are_free_and_change_hands_with_a_higher_epoch(stores: &SharedStores) {
    stores.joined(&[1, 2]).await;
    stores.hold(1, ALL).await;
    assert_eq!(stores.hold(2, ALL).await, []);
    stores.buried(executor(1)).await;
    assert_eq!(epochs(&stores.hold(2, ALL).await), [2; ALL]);
}

pub async fn what_is_given_back_is_free(stores: &SharedStores) {
    stores.joined(&[1, 2]).await;
    let before = stores.hold(1, ALL).await;
    give_back(stores, 1, 10).await;
    let theirs = stores.hold(2, ALL).await;
    let kept = stores.hold(1, 10).await;
    assert_eq!((kept.len(), epochs(&theirs)), (10, vec![2; ALL - 10]));
    assert!(kept.iter().all(|held| before.contains(held)));
    give_back(stores, 1, 0).await;
    assert_eq!(stores.hold(1, 0).await, []);
    assert_eq!(stores.hold(2, ALL).await.len(), ALL);
}

pub async fn delivered_messages_are_gone(stores: &SharedStores) {
    stores.joined(&[1]).await;
    let held = stores.hold(1, ALL).await;
    let shard = announced(stores, "r").await;
    announced(stores, "s").await;
    let id = stores.outbox.oldest(&[shard], 1).await.expect("the store works")[0].id;
    for _ in 0..2 {
        assert!(delivered(stores, held_of(&held, shard), &[id, 1_000_000]).await);
        assert_eq!((stores.news("r").await.len(), stores.news("s").await.len()), (0, 1));
    }
}

pub async fn messages_of_several_shards_are_delivered_at_once_but_for_shards_that_changed_hands(stores: &SharedStores) {
    stores.joined(&[1]).await;
    let held = stores.hold(1, ALL).await;
    for run in 0..40 {
        announced(stores, &format!("r{run}")).await;
    }
    let waiting = stores.waiting().await;
    let lost = waiting[0].shard;
    let of = |shard: Shard| waiting.iter().filter(|queued| queued.shard == shard).map(|queued| queued.id).collect();
    let seen = |held: &HeldShard| {
        if held.shard == lost {
            (HeldShard { epoch: Epoch::new(2), ..*held }, of(lost))
        } else {
            (*held, of(held.shard))
        }
    };
    let told: Vec<(HeldShard, Vec<u64>)> = held.iter().map(seen).collect();
    let mut kept = stores.outbox.delivered(&told).await.expect("the store works");
    kept.sort();
    let others: Vec<Shard> = held.iter().map(|held| held.shard).filter(|shard| *shard != lost).collect();
    assert_eq!(kept, others);
    assert_eq!(stores.waiting().await.iter().map(|queued| queued.id).collect::<Vec<_>>(), of(lost));
    assert_eq!(stores.outbox.delivered(&[]).await.expect("the store works"), []);
}

pub async fn what_is_delivered_for_a_shard_that_changed_hands_stays(stores: &SharedStores) {
    stores.joined(&[1, 2]).await;
    let held = stores.hold(1, ALL).await;
    let shard = announced(stores, "r").await;
    let id = stores.waiting().await[0].id;
    give_back(stores, 1, 0).await;
    assert!(!delivered(stores, held_of(&held, shard), &[id]).await, "nobody holds it");
    let held_by_other = stores.hold(2, ALL).await;
    assert!(!delivered(stores, held_of(&held, shard), &[id]).await);
    let not_yet = HeldShard { epoch: Epoch::new(3), ..held_of(&held_by_other, shard) };
    assert!(!delivered(stores, not_yet, &[id]).await);
    assert_eq!(stores.news("r").await.len(), 1);
    assert!(delivered(stores, held_of(&held_by_other, shard), &[id]).await);
}
