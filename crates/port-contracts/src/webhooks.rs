//! The contracts of [`Webhooks`](domain::ports::Webhooks) and [`WebhookQueue`](domain::ports::WebhookQueue).

use std::collections::BTreeSet;

use domain::{
    Timestamp,
    ids::{FeedPlace, WebhookId},
    page::{PageRequest, Total},
    ports::{ClaimedDelivery, DeliveryClaim},
    runs::RunStatus,
    webhooks::{
        Attempt, Delivery, DeliveryFilter, DeliveryState, DisabledWhy, MAX_LOG, PreviousSecret, Settled, Webhook,
    },
};

use crate::{
    Change, Stores,
    audit::{entry, told},
    pages::walks,
    samples::{all, at, delivery, page, signing_secret, webhook, webhook_name},
};

async fn get(stores: &Stores, id: WebhookId) -> Option<Webhook> {
    stores.webhooks.get(id).await.expect("the store works")
}

/// A webhook in its next revision.
fn next(webhook: &Webhook) -> Webhook {
    Webhook { revision: webhook.revision + 1, ..webhook.clone() }
}

fn disabled(webhook: &Webhook) -> Webhook {
    Webhook { disabled: Some((DisabledWhy::Asked, at(3))), ..webhook.clone() }
}

pub async fn a_webhook_comes_back_as_it_was_stored(stores: &Stores) {
    let plain = webhook("plain");
    let full = Webhook {
        description: Some("for the build".to_owned()),
        statuses: BTreeSet::from([RunStatus::Completed, RunStatus::Failed]),
        workflows: BTreeSet::from(["order".to_owned(), "0190a8b0-0000-7000-8000-000000000001".to_owned()]),
        previous: Some(PreviousSecret { secret: signing_secret('p'), until: at(9) }),
        disabled: Some((DisabledWhy::Gone, at(8))),
        since: at(7),
        ..webhook("full")
    };
    stores.changed(&[Change::AddWebhook(plain.clone()), Change::AddWebhook(full.clone())]).await;
    assert_eq!(get(stores, plain.id).await, Some(plain));
    assert_eq!(get(stores, full.id).await, Some(full));
    assert_eq!(get(stores, webhook("unknown").id).await, None);
}

pub async fn webhooks_are_listed_by_name_in_pages(stores: &Stores) {
    for name in ["b", "a", "B", "c"] {
        stores.changed(&[Change::AddWebhook(webhook(name))]).await;
    }
    let names = async |number, size| {
        let page = stores.webhooks.list(page(number, size)).await.expect("the store works");
        assert_eq!(page.total, Some(Total::Exact(4)));
        page.items.iter().map(|webhook| webhook.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(1, 3).await, ["B", "a", "b"]);
    assert_eq!(names(2, 3).await, ["c"]);
}

pub async fn enabled_webhooks_are_told_from_others(stores: &Stores) {
    stores.changed(&[Change::AddWebhook(webhook("a")), Change::AddWebhook(disabled(&webhook("b")))]).await;
    assert_eq!(stores.webhooks.enabled().await.expect("the store works"), [webhook("a")]);
}

pub async fn a_webhook_with_a_taken_id_or_name_is_refused(stores: &Stores) {
    stores.changed(&[Change::AddWebhook(webhook("a")), Change::AddWebhook(webhook("b"))]).await;
    stores.refused(&[Change::AddWebhook(Webhook { name: webhook_name("other"), ..webhook("a") })]).await;
    stores.refused(&[Change::AddWebhook(Webhook { name: webhook_name("a"), ..webhook("other") })]).await;
    stores.refused(&[Change::ReplaceWebhook(Webhook { name: webhook_name("a"), ..next(&webhook("b")) })]).await;
    assert_eq!(get(stores, webhook("b").id).await, Some(webhook("b")));
}

pub async fn a_webhook_is_replaced_only_from_the_revision_before(stores: &Stores) {
    stores.changed(&[Change::AddWebhook(webhook("a"))]).await;
    let second = Webhook { name: webhook_name("z"), ..next(&disabled(&webhook("a"))) };
    stores.changed(&[Change::ReplaceWebhook(second.clone())]).await;
    stores.refused(&[Change::ReplaceWebhook(second.clone())]).await;
    stores.refused(&[Change::ReplaceWebhook(next(&webhook("unknown")))]).await;
    assert_eq!(get(stores, second.id).await, Some(second));
}

pub async fn a_webhook_is_removed_with_its_deliveries_in_the_revision_that_was_read(stores: &Stores) {
    let (gone, stays) = (webhook("gone"), webhook("stays"));
    stores.changed(&[Change::AddWebhook(gone.clone()), Change::AddWebhook(stays.clone())]).await;
    filled(stores, &[delivery(&gone, 1), delivery(&stays, 1)]).await;
    stores.refused(&[Change::RemoveWebhook(next(&gone))]).await;
    stores.changed(&[Change::RemoveWebhook(gone.clone())]).await;
    assert_eq!(get(stores, gone.id).await, None);
    assert_eq!(one(stores, &delivery(&gone, 1)).await, None);
    assert!(one(stores, &delivery(&stays, 1)).await.is_some());
    stores.changed(&[Change::AddWebhook(Webhook { name: gone.name, ..webhook("new") })]).await;
}

async fn mark(stores: &Stores) -> FeedPlace {
    stores.queue.filled().await.expect("the store works")
}

/// Puts deliveries into the queue.
async fn filled(stores: &Stores, with: &[Delivery]) {
    let seen = mark(stores).await;
    assert!(stores.queue.fill(seen, FeedPlace::new(seen.get() + 10), with).await.expect("the store works"));
}

async fn one(stores: &Stores, wanted: &Delivery) -> Option<Delivery> {
    stores.queue.delivery(wanted.id).await.expect("the store works")
}

/// A webhook with deliveries of the changes in these places.
async fn with_deliveries(stores: &Stores, name: &str, places: &[u64]) -> (Webhook, Vec<Delivery>) {
    let webhook = webhook(name);
    stores.changed(&[Change::AddWebhook(webhook.clone())]).await;
    let deliveries: Vec<Delivery> = places.iter().map(|place| delivery(&webhook, *place)).collect();
    filled(stores, &deliveries).await;
    (webhook, deliveries)
}

pub async fn the_queue_is_filled_by_one_of_those_who_have_seen_the_same(stores: &Stores) {
    let webhook = webhook("a");
    stores.changed(&[Change::AddWebhook(webhook.clone())]).await;
    let seen = mark(stores).await;
    let fill = async |seen: FeedPlace, to: u64, with: &[Delivery]| {
        stores.queue.fill(seen, FeedPlace::new(to), with).await.expect("the store works")
    };
    assert!(fill(seen, 5, &[delivery(&webhook, 3)]).await);
    assert!(!fill(seen, 5, &[delivery(&webhook, 4)]).await);
    assert_eq!(mark(stores).await, FeedPlace::new(5));
    assert!(one(stores, &delivery(&webhook, 3)).await.is_some());
    assert_eq!(one(stores, &delivery(&webhook, 4)).await, None);
    assert!(fill(FeedPlace::new(5), 6, &[]).await);
    assert_eq!(mark(stores).await, FeedPlace::new(6));
}

pub async fn a_delivery_comes_back_as_it_was_put_in(stores: &Stores) {
    let (_, deliveries) = with_deliveries(stores, "a", &[7]).await;
    assert_eq!(one(stores, &deliveries[0]).await.as_ref(), Some(&deliveries[0]));
}

pub async fn what_is_in_the_queue_stays_as_it_is_and_what_nobody_is_told_is_left_out(stores: &Stores) {
    let (known, deliveries) = with_deliveries(stores, "a", &[1]).await;
    let claimed = claim(stores, 9, 9, at(10)).await;
    filled(stores, &[deliveries[0].clone(), delivery(&known, 2), delivery(&webhook("unknown"), 2)]).await;
    assert_eq!(one(stores, &deliveries[0]).await.as_ref(), Some(&claimed[0].delivery));
    assert!(one(stores, &delivery(&known, 2)).await.is_some());
    assert_eq!(one(stores, &delivery(&webhook("unknown"), 2)).await, None);
}

async fn claim(stores: &Stores, limit: usize, per_webhook: usize, now: Timestamp) -> Vec<ClaimedDelivery> {
    let claim = DeliveryClaim { limit, per_webhook, under_way: &[], now, until: now + chrono::TimeDelta::seconds(30) };
    stores.queue.claim(claim).await.expect("the store works")
}

fn places(claimed: &[ClaimedDelivery]) -> BTreeSet<u64> {
    claimed.iter().map(|claimed| claimed.delivery.change.place.get()).collect()
}

pub async fn a_claim_brings_what_is_due_with_its_webhook_and_counts_the_attempt(stores: &Stores) {
    let (webhook, deliveries) = with_deliveries(stores, "a", &[1]).await;
    assert_eq!(claim(stores, 9, 9, at(-1)).await, [], "it is not due yet");
    let claimed = claim(stores, 9, 9, at(10)).await;
    let delivery = Delivery { attempts: 1, due_at: Some(at(40)), ..deliveries[0].clone() };
    assert_eq!(claimed, [ClaimedDelivery { delivery, webhook }]);
    assert_eq!(claim(stores, 9, 9, at(39)).await, [], "somebody is at it");
    let again = claim(stores, 9, 9, at(40)).await;
    assert_eq!(again[0].delivery.attempts, 2, "nobody came back from it");
}

pub async fn a_claim_takes_no_more_than_asked_for_in_all_and_of_each_webhook(stores: &Stores) {
    let (busy, _) = with_deliveries(stores, "busy", &[1, 2, 3, 4, 5]).await;
    let (other, _) = with_deliveries(stores, "other", &[6, 7]).await;
    assert_eq!(claim(stores, 3, 9, at(10)).await.len(), 3);
    let under_way = [(busy.id, 1), (other.id, 2)];
    let claim = DeliveryClaim { limit: 9, per_webhook: 2, under_way: &under_way, now: at(50), until: at(80) };
    let claimed = stores.queue.claim(claim).await.expect("the store works");
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].webhook.id, busy.id);
}

pub async fn of_each_webhook_those_that_have_waited_longest_are_taken(stores: &Stores) {
    let webhook = webhook("a");
    stores.changed(&[Change::AddWebhook(webhook.clone())]).await;
    let since =
        |place, second| Delivery { created_at: at(second), due_at: Some(at(second)), ..delivery(&webhook, place) };
    for (place, second) in [(1, 3), (2, 1), (3, 2)] {
        filled(stores, &[since(place, second)]).await;
    }
    assert_eq!(places(&claim(stores, 2, 9, at(10)).await), BTreeSet::from([2, 3]));
    assert_eq!(places(&claim(stores, 2, 9, at(10)).await), BTreeSet::from([1]));
}

pub async fn nothing_is_taken_of_a_disabled_webhook_until_it_is_enabled(stores: &Stores) {
    let (webhook, _) = with_deliveries(stores, "a", &[1]).await;
    let off = next(&disabled(&webhook));
    stores.changed(&[Change::ReplaceWebhook(off.clone())]).await;
    assert_eq!(claim(stores, 9, 9, at(10)).await, []);
    stores.changed(&[Change::ReplaceWebhook(Webhook { disabled: None, ..next(&off) })]).await;
    assert_eq!(claim(stores, 9, 9, at(10)).await.len(), 1);
}

pub async fn no_delivery_is_taken_by_two(stores: &Stores) {
    let numbers: Vec<u64> = (1..=40).collect();
    with_deliveries(stores, "a", &numbers).await;
    let (one, other) = tokio::join!(claim(stores, 30, 99, at(10)), claim(stores, 30, 99, at(10)));
    let rest = claim(stores, 99, 99, at(10)).await;
    assert_eq!(one.len() + other.len() + rest.len(), 40);
    let all: BTreeSet<u64> = [&one, &other, &rest].into_iter().flat_map(|claimed| places(claimed)).collect();
    assert_eq!(all.len(), 40);
}

fn attempt(second: i64, error: Option<&str>) -> Attempt {
    let status = Some(if error.is_some() { 500 } else { 200 });
    Attempt { at: at(second), duration_ms: 12, status, error: error.map(str::to_owned) }
}

fn arrived(delivery: &Delivery, number: u32) -> Settled {
    let state = DeliveryState::Delivered;
    Settled { delivery: delivery.id, number, attempt: attempt(11, None), at: at(12), state, due_at: None }
}

/// It failed, and is attempted again in a while.
fn failed(delivery: &Delivery, number: u32, second: i64) -> Settled {
    Settled {
        delivery: delivery.id,
        number,
        attempt: attempt(second, Some("no")),
        at: at(second),
        state: DeliveryState::Pending,
        due_at: Some(at(second + 5)),
    }
}

async fn settle(stores: &Stores, settled: &Settled) -> bool {
    stores.queue.settle(settled).await.expect("the store works")
}

pub async fn what_comes_of_an_attempt_is_written_down_once(stores: &Stores) {
    let (_, deliveries) = with_deliveries(stores, "a", &[1]).await;
    let delivery = &deliveries[0];
    let claimed = claim(stores, 9, 9, at(100)).await;
    let number = claimed[0].delivery.attempts;
    assert!(!settle(stores, &arrived(delivery, number + 1)).await, "that attempt was not made");
    assert!(settle(stores, &failed(delivery, number, 101)).await);
    let after = one(stores, delivery).await.expect("it is there");
    assert_eq!((after.state, after.due_at, after.settled_at), (DeliveryState::Pending, Some(at(106)), None));
    assert_eq!(after.log, [attempt(101, Some("no"))]);
    let again = claim(stores, 9, 9, at(106)).await;
    assert!(!settle(stores, &failed(delivery, number, 107)).await, "a late word about an earlier attempt");
    assert!(settle(stores, &arrived(delivery, again[0].delivery.attempts)).await);
    assert!(!settle(stores, &arrived(delivery, again[0].delivery.attempts)).await, "it is settled");
    let after = one(stores, delivery).await.expect("it is there");
    assert_eq!((after.state, after.due_at, after.settled_at), (DeliveryState::Delivered, None, Some(at(12))));
    assert_eq!(after.log, [attempt(101, Some("no")), attempt(11, None)]);
    assert_eq!(claim(stores, 9, 9, at(9_999)).await, []);
}

pub async fn a_long_log_loses_its_oldest_attempts(stores: &Stores) {
    let (_, deliveries) = with_deliveries(stores, "a", &[1]).await;
    let many = i64::try_from(MAX_LOG).expect("a small number") + 2;
    for second in 1..=many {
        let claimed = claim(stores, 9, 9, at(second * 100)).await;
        assert!(settle(stores, &failed(&deliveries[0], claimed[0].delivery.attempts, second * 100)).await);
    }
    let log = one(stores, &deliveries[0]).await.expect("it is there").log;
    assert_eq!(log.len(), MAX_LOG);
    assert_eq!((log[0].at, log[MAX_LOG - 1].at), (at(300), at(many * 100)));
}

pub async fn a_webhook_is_failing_from_its_first_failure_until_something_arrives(stores: &Stores) {
    let (webhook, deliveries) = with_deliveries(stores, "a", &[1, 2, 3]).await;
    let failing = async || get(stores, webhook.id).await.expect("it is there").failing_since;
    claim(stores, 9, 9, at(10)).await;
    assert_eq!(failing().await, None);
    settle(stores, &failed(&deliveries[0], 1, 20)).await;
    settle(stores, &failed(&deliveries[1], 1, 30)).await;
    assert_eq!(failing().await, Some(at(20)));
    let renamed = Webhook { failing_since: Some(at(99)), ..next(&webhook) };
    stores.changed(&[Change::ReplaceWebhook(renamed.clone())]).await;
    assert_eq!(failing().await, Some(at(20)), "a change leaves it alone");
    settle(stores, &arrived(&deliveries[2], 1)).await;
    assert_eq!(failing().await, None);
    claim(stores, 9, 9, at(40)).await;
    settle(stores, &failed(&deliveries[0], 2, 41)).await;
    stores.changed(&[Change::ReplaceWebhook(Webhook { failing_since: None, ..next(&renamed) })]).await;
    assert_eq!(failing().await, None, "unless it says that it is not");
}

pub async fn deliveries_are_listed_newest_first_in_pages_and_by_their_state(stores: &Stores) {
    let (webhook, deliveries) = with_deliveries(stores, "a", &[1, 2, 3]).await;
    with_deliveries(stores, "b", &[1]).await;
    let list = async |state: Option<DeliveryState>, number: u32, size: u32| {
        let filter = DeliveryFilter { state };
        let page = stores.queue.deliveries(webhook.id, filter, page(number, size)).await.expect("the store works");
        let places: Vec<u64> = page.items.iter().map(|delivery| delivery.change.place.get()).collect();
        (places, page.total.expect("it is counted").count())
    };
    assert_eq!(list(None, 1, 2).await, (vec![3, 2], 3));
    assert_eq!(list(None, 2, 2).await, (vec![1], 3));
    claim(stores, 9, 9, at(10)).await;
    settle(stores, &arrived(&deliveries[1], 1)).await;
    assert_eq!(list(Some(DeliveryState::Delivered), 1, 9).await, (vec![2], 1));
    assert_eq!(list(Some(DeliveryState::Pending), 1, 9).await, (vec![3, 1], 2));
    assert_eq!(list(Some(DeliveryState::Failed), 1, 9).await, (vec![], 0));
}

pub async fn a_delivery_can_be_made_anew_whatever_came_of_it(stores: &Stores) {
    let (_, deliveries) = with_deliveries(stores, "a", &[1]).await;
    let delivery = &deliveries[0];
    claim(stores, 9, 9, at(10)).await;
    settle(stores, &arrived(delivery, 1)).await;
    let again = stores.queue.redeliver(delivery.id, at(50), &entry(1)).await.expect("the store works");
    let wanted = Delivery { due_at: Some(at(50)), log: vec![attempt(11, None)], ..delivery.clone() };
    assert_eq!(again, Some(wanted.clone()));
    assert_eq!(one(stores, delivery).await, Some(wanted));
    assert_eq!(claim(stores, 9, 9, at(50)).await[0].delivery.attempts, 1);
    let unknown = crate::samples::delivery(&webhook("unknown"), 9).id;
    assert_eq!(stores.queue.redeliver(unknown, at(50), &entry(2)).await.expect("the store works"), None);
    assert_eq!(told(stores).await, [entry(1).id], "only what was done is told");
}

pub async fn pending_deliveries_are_counted(stores: &Stores) {
    let (_, deliveries) = with_deliveries(stores, "a", &[1, 2, 3]).await;
    claim(stores, 9, 9, at(10)).await;
    settle(stores, &arrived(&deliveries[0], 1)).await;
    assert_eq!(stores.queue.pending().await.expect("the store works"), 2);
}

pub async fn old_deliveries_are_removed_oldest_first_and_no_more_than_asked_for(stores: &Stores) {
    let webhook = webhook("a");
    stores.changed(&[Change::AddWebhook(webhook.clone())]).await;
    let since =
        |place, second| Delivery { created_at: at(second), due_at: Some(at(second)), ..delivery(&webhook, place) };
    for (place, second) in [(1, 3), (2, 1), (3, 2)] {
        filled(stores, &[since(place, second)]).await;
    }
    let forget =
        async |before: i64, limit| stores.queue.forget_deliveries(at(before), limit).await.expect("the store works");
    assert_eq!(forget(1, 9).await, 0);
    assert_eq!(forget(3, 1).await, 1);
    let left = stores.queue.deliveries(webhook.id, DeliveryFilter::default(), all()).await.expect("the store works");
    let places: Vec<u64> = left.items.iter().map(|delivery| delivery.change.place.get()).collect();
    assert_eq!(places, [3, 1]);
    assert_eq!(forget(3, 9).await, 1);
}

pub async fn webhooks_and_deliveries_are_walked_by_cursor(stores: &Stores) {
    for name in ["d", "B", "a", "é", "c"] {
        stores.changed(&[Change::AddWebhook(webhook(name))]).await;
    }
    let list = async |page: PageRequest| stores.webhooks.list(page).await;
    walks(list, |webhook: &Webhook| webhook.name.to_string(), Webhook::cursor).await;
    let webhook = webhook("a");
    for (place, second) in (1..).zip([5, 5, 9, 1, 5]) {
        let mut delivery = delivery(&webhook, place);
        delivery.change.at = at(second);
        filled(stores, &[delivery]).await;
    }
    let filter = DeliveryFilter { state: Some(DeliveryState::Pending) };
    let list = async |page: PageRequest| stores.queue.deliveries(webhook.id, filter, page).await;
    walks(list, |delivery: &Delivery| delivery.id.to_string(), Delivery::cursor).await;
}
