//! The contracts of [`IdempotencyKeys`](domain::ports::IdempotencyKeys).

use domain::{
    Timestamp,
    idempotency::{Fingerprint, IdempotencyKey, Seed},
    ids::AttemptId,
    ports::{Claim, Standing},
};

use crate::{
    Stores,
    samples::{at, uuid},
};

/// How many claim one key at once.
const CROWD: u64 = 20;

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::parse("key:ci", text).expect("a key")
}

fn attempt(n: u64) -> AttemptId {
    AttemptId::new(uuid(n))
}

/// An attempt to do request `a` under key `k`, which has five seconds.
fn claim(n: u64, second: i64) -> Claim {
    Claim {
        key: key("k"),
        fingerprint: Fingerprint::of(&[b"a"]),
        attempt: attempt(n),
        at: at(second),
        until: at(second + 5),
        oldest: Timestamp::UNIX_EPOCH,
    }
}

async fn standing(stores: &Stores, claim: &Claim) -> Standing {
    stores.keys.claim(claim).await.expect("the store works")
}

/// The standing of whoever is to go on with what an attempt has begun.
fn mine(first: u64, second: i64) -> Standing {
    Standing::Mine(Seed::new(attempt(first), at(second)))
}

async fn answered(stores: &Stores, n: u64, answer: &str) -> bool {
    stores.keys.answer(&key("k"), attempt(n), answer).await.expect("the store works")
}

pub async fn a_key_is_claimed_once_while_its_attempt_has_time(stores: &Stores) {
    assert_eq!(standing(stores, &claim(1, 0)).await, mine(1, 0));
    assert_eq!(standing(stores, &claim(2, 0)).await, Standing::Theirs);
    assert_eq!(standing(stores, &claim(2, 4)).await, Standing::Theirs);
}

pub async fn keys_of_other_owners_and_other_keys_are_others(stores: &Stores) {
    let of_other = Claim { key: IdempotencyKey::parse("key:cd", "k").expect("a key"), ..claim(2, 0) };
    let other = Claim { key: key("l"), ..claim(3, 0) };
    assert_eq!(standing(stores, &claim(1, 0)).await, mine(1, 0));
    assert_eq!(standing(stores, &of_other).await, mine(2, 0));
    assert_eq!(standing(stores, &other).await, mine(3, 0));
}

pub async fn an_attempt_whose_time_is_over_is_followed_by_one_with_its_seed(stores: &Stores) {
    standing(stores, &claim(1, 0)).await;
    assert_eq!(standing(stores, &claim(2, 5)).await, mine(1, 0));
    assert_eq!(standing(stores, &claim(3, 6)).await, Standing::Theirs, "the second has time of its own");
    assert_eq!(standing(stores, &claim(3, 10)).await, mine(1, 0));
}

pub async fn an_attempt_can_hold_its_key_for_longer_and_only_its_own(stores: &Stores) {
    standing(stores, &claim(1, 0)).await;
    stores.keys.hold(&key("k"), attempt(1), at(20)).await.expect("the store works");
    assert_eq!(standing(stores, &claim(2, 19)).await, Standing::Theirs);
    assert_eq!(standing(stores, &claim(2, 20)).await, mine(1, 0));
    stores.keys.hold(&key("k"), attempt(1), at(90)).await.expect("the store works");
    assert_eq!(standing(stores, &claim(3, 25)).await, mine(1, 0), "the first does not have it any more");
}

pub async fn an_answer_is_repeated_as_it_was_given(stores: &Stores) {
    standing(stores, &claim(1, 0)).await;
    let answer = "{\"status\":201}\n\u{fc}";
    assert!(answered(stores, 1, answer).await);
    for second in [0, 4, 500] {
        assert_eq!(standing(stores, &claim(2, second)).await, Standing::Answered(answer.to_owned()));
    }
}

pub async fn an_answer_is_given_once_and_by_whoever_has_the_key(stores: &Stores) {
    assert!(!answered(stores, 1, "nobody's").await);
    standing(stores, &claim(1, 0)).await;
    standing(stores, &claim(2, 5)).await;
    assert!(!answered(stores, 1, "the first's").await);
    assert!(answered(stores, 2, "the second's").await);
    assert!(!answered(stores, 2, "another").await);
    assert_eq!(standing(stores, &claim(3, 9)).await, Standing::Answered("the second's".to_owned()));
}

pub async fn a_key_stands_for_one_request(stores: &Stores) {
    let other = |n, second| Claim { fingerprint: Fingerprint::of(&[b"b"]), ..claim(n, second) };
    standing(stores, &claim(1, 0)).await;
    assert_eq!(standing(stores, &other(2, 0)).await, Standing::Taken);
    assert_eq!(standing(stores, &other(2, 9)).await, Standing::Taken, "also once nobody has it");
    assert!(answered(stores, 1, "the first's").await);
    assert_eq!(standing(stores, &other(2, 9)).await, Standing::Taken);
    assert_eq!(standing(stores, &claim(3, 9)).await, Standing::Answered("the first's".to_owned()));
}

pub async fn of_many_that_claim_a_key_at_once_one_has_it(stores: &Stores) {
    let claims = (0..CROWD).map(|n| {
        let keys = stores.keys.clone();
        async move { keys.claim(&claim(n, 0)).await.expect("the store works") }
    });
    let standings = futures_util::future::join_all(claims).await;
    let mine = standings.iter().filter(|standing| matches!(standing, Standing::Mine(_))).count();
    let theirs = standings.iter().filter(|standing| **standing == Standing::Theirs).count();
    assert_eq!((mine, theirs), (1, standings.len() - 1));
}

pub async fn a_key_that_was_let_go_goes_on_from_its_seed_at_once(stores: &Stores) {
    standing(stores, &claim(1, 0)).await;
    stores.keys.let_go(&key("k"), attempt(2), at(1)).await.expect("the store works");
    assert_eq!(standing(stores, &claim(2, 1)).await, Standing::Theirs, "it is not the second's to let go");
    stores.keys.let_go(&key("k"), attempt(1), at(1)).await.expect("the store works");
    assert_eq!(standing(stores, &claim(2, 1)).await, mine(1, 0));
}

pub async fn a_key_that_was_released_is_unknown(stores: &Stores) {
    standing(stores, &claim(1, 0)).await;
    stores.keys.release(&key("k"), attempt(2)).await.expect("the store works");
    assert_eq!(standing(stores, &claim(2, 1)).await, Standing::Theirs, "it is not the second's to release");
    stores.keys.release(&key("k"), attempt(1)).await.expect("the store works");
    let other = Claim { fingerprint: Fingerprint::of(&[b"b"]), ..claim(3, 2) };
    assert_eq!(standing(stores, &other).await, mine(3, 2));
}

pub async fn only_the_first_attempt_can_release_a_key(stores: &Stores) {
    standing(stores, &claim(1, 0)).await;
    standing(stores, &claim(2, 5)).await;
    for n in [1, 2] {
        stores.keys.release(&key("k"), attempt(n)).await.expect("the store works");
    }
    assert_eq!(standing(stores, &claim(3, 10)).await, mine(1, 0), "nobody knows what the first has done");
}

pub async fn an_answered_key_is_neither_let_go_nor_released(stores: &Stores) {
    standing(stores, &claim(1, 0)).await;
    assert!(answered(stores, 1, "done").await);
    stores.keys.let_go(&key("k"), attempt(1), at(1)).await.expect("the store works");
    stores.keys.release(&key("k"), attempt(1)).await.expect("the store works");
    assert_eq!(standing(stores, &claim(2, 9)).await, Standing::Answered("done".to_owned()));
}

pub async fn a_key_that_is_old_enough_is_as_unknown_though_it_is_stored(stores: &Stores) {
    standing(stores, &claim(1, 0)).await;
    assert!(answered(stores, 1, "done").await);
    let later = |n, oldest| Claim { fingerprint: Fingerprint::of(&[b"b"]), oldest: at(oldest), ..claim(n, 60) };
    assert_eq!(standing(stores, &later(2, 0)).await, Standing::Taken, "it is just not old enough");
    assert_eq!(standing(stores, &later(2, 1)).await, mine(2, 60));
    assert_eq!(standing(stores, &later(3, 1)).await, Standing::Theirs);
}

pub async fn old_keys_are_forgotten_oldest_first_and_no_more_than_asked_for(stores: &Stores) {
    for (n, text) in [(1, "b"), (2, "a"), (3, "c")] {
        let second = i64::try_from(n).expect("small");
        standing(stores, &Claim { key: key(text), ..claim(n, second) }).await;
    }
    let forget = |before, limit| async move { stores.keys.forget(at(before), limit).await.expect("the store works") };
    assert_eq!(forget(3, 1).await, 1);
    let again = |text, n| Claim { key: key(text), ..claim(n, 4) };
    assert_eq!(standing(stores, &again("b", 4)).await, mine(4, 4), "the oldest is gone");
    assert_eq!(standing(stores, &again("a", 5)).await, Standing::Theirs);
    assert_eq!((forget(3, 10).await, forget(3, 10).await), (1, 0));
}
