//! The contracts of [`Accounts`](domain::ports::Accounts), and of the units of work that change what it reads.

use std::collections::BTreeSet;

use domain::{
    access::{ApiKey, KeyDigest, PasswordHash, PreviousDigest, Role, Scope, User},
    ids::{ApiKeyId, UserId},
    page::Total,
    ports::{LAST_ADMIN, StoreError},
};

use crate::{
    Change, Stores,
    samples::{account_name, api_key, at, page, user, uuid},
};

async fn key_of(stores: &Stores, key: &ApiKey) -> Option<ApiKey> {
    stores.accounts.api_key(key.id).await.expect("the store works")
}

async fn user_of(stores: &Stores, user: &User) -> Option<User> {
    stores.accounts.user(user.id).await.expect("the store works")
}

async fn revoked(stores: &Stores, ids: &[&str]) -> Vec<String> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    let mut revoked = stores.accounts.revoked(&ids).await.expect("the store works");
    revoked.sort();
    revoked
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn full_key() -> ApiKey {
    let digest = KeyDigest { keyed_by: "k0".to_owned(), bytes: [9; 32] };
    ApiKey {
        previous: Some(PreviousDigest { digest, until: at(50) }),
        role: Role::Operator,
        scope: Scope { workflows: Some(names(&["w", "ü"])), agents: Some(names(&[])) },
        networks: ["10.0.0.0/8", "2001:db8::/32"].iter().map(|text| text.parse().expect("a network")).collect(),
        hides_payloads: true,
        expires_at: Some(at(1)),
        revoked_at: Some(at(2)),
        last_used_at: None,
        created_at: at(4),
        created_by: "user:alice".to_owned(),
        ..api_key("Deploy №1")
    }
}

pub async fn a_key_comes_back_as_it_was_stored(stores: &Stores) {
    for key in [api_key("plain"), full_key()] {
        stores.changed(&[Change::AddKey(key.clone())]).await;
        assert_eq!(key_of(stores, &key).await, Some(key));
    }
}

pub async fn an_unknown_key_is_none(stores: &Stores) {
    assert_eq!(key_of(stores, &api_key("nowhere")).await, None);
}

pub async fn whether_there_ever_was_a_key_is_known(stores: &Stores) {
    assert!(!stores.accounts.has_api_keys().await.expect("the store works"));
    stores.changed(&[Change::AddKey(full_key())]).await;
    assert!(stores.accounts.has_api_keys().await.expect("the store works"));
}

pub async fn keys_are_listed_newest_first_in_pages_revoked_ones_included(stores: &Stores) {
    let numbered = |n: u64, second| ApiKey {
        id: ApiKeyId::new(uuid(n)),
        created_at: at(second),
        revoked_at: (n == 3).then(|| at(9)),
        ..api_key(&n.to_string())
    };
    for (n, second) in [(1, 5), (2, 7), (3, 7), (4, 6)] {
        stores.changed(&[Change::AddKey(numbered(n, second))]).await;
    }
    for (number, wanted) in [(1, vec!["3", "2", "4"]), (2, vec!["1"]), (3, vec![])] {
        let found = stores.accounts.api_keys(page(number, 3)).await.expect("the store works");
        assert_eq!(found.items.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), wanted);
        assert_eq!(found.total, Some(Total::Exact(4)));
    }
}

pub async fn a_key_with_a_taken_id_is_refused(stores: &Stores) {
    stores.changed(&[Change::AddKey(api_key("a"))]).await;
    stores.refused(&[Change::AddKey(ApiKey { name: account_name("b"), ..api_key("a") })]).await;
    assert_eq!(key_of(stores, &api_key("a")).await, Some(api_key("a")));
}

pub async fn the_name_of_a_key_is_free_once_the_key_is_revoked(stores: &Stores) {
    let other = ApiKey { id: ApiKeyId::new(uuid(1)), ..api_key("a") };
    stores.changed(&[Change::AddKey(api_key("a"))]).await;
    stores.refused(&[Change::AddKey(other.clone())]).await;
    let gone = ApiKey { revoked_at: Some(at(1)), revision: 2, ..api_key("a") };
    stores.changed(&[Change::ReplaceKey(gone.clone()), Change::AddKey(other.clone())]).await;
    stores.changed(&[Change::ReplaceKey(ApiKey { hides_payloads: true, revision: 3, ..gone.clone() })]).await;
    // It cannot come back either.
    stores.refused(&[Change::ReplaceKey(ApiKey { revoked_at: None, revision: 4, ..gone })]).await;
    assert_eq!(key_of(stores, &other).await, Some(other));
}

pub async fn a_key_is_replaced_only_from_the_revision_before(stores: &Stores) {
    stores.refused(&[Change::ReplaceKey(ApiKey { revision: 2, ..api_key("a") })]).await;
    stores.changed(&[Change::AddKey(api_key("a"))]).await;
    let changed = |revision| ApiKey { revision, id: api_key("a").id, name: account_name("a"), ..full_key() };
    for revision in [0, 1, 3] {
        stores.refused(&[Change::ReplaceKey(changed(revision))]).await;
    }
    stores.changed(&[Change::ReplaceKey(changed(2))]).await;
    assert_eq!(key_of(stores, &api_key("a")).await, Some(changed(2)));
}

pub async fn the_last_use_of_a_key_only_moves_forward(stores: &Stores) {
    let (one, other) = (api_key("one"), api_key("other"));
    stores.changed(&[Change::AddKey(one.clone()), Change::AddKey(other.clone())]).await;
    let used = |second| [(one.id, at(second)), (api_key("unknown").id, at(1))];
    for (second, stored) in [(5, 5), (3, 5), (8, 8)] {
        stores.accounts.used(&used(second)).await.expect("the store works");
        let wanted = ApiKey { last_used_at: Some(at(stored)), ..one.clone() };
        assert_eq!(key_of(stores, &one).await, Some(wanted));
    }
    stores.accounts.used(&[]).await.expect("the store works");
    assert_eq!(key_of(stores, &other).await, Some(other));
}

pub async fn a_key_that_is_replaced_keeps_its_last_use(stores: &Stores) {
    let key = api_key("a");
    stores.changed(&[Change::AddKey(key.clone())]).await;
    stores.accounts.used(&[(key.id, at(5))]).await.expect("the store works");
    let changed = ApiKey { revision: 2, hides_payloads: true, last_used_at: None, ..key };
    stores.changed(&[Change::ReplaceKey(changed.clone())]).await;
    assert_eq!(key_of(stores, &changed).await, Some(ApiKey { last_used_at: Some(at(5)), ..changed }));
}

fn full_user() -> User {
    User {
        password: PasswordHash("$argon2id$other".to_owned()),
        role: Role::Viewer,
        hides_payloads: true,
        active: false,
        epoch: 7,
        failed_logins: 4,
        locked_until: Some(at(3)),
        created_at: at(1),
        updated_at: at(2),
        ..user("bob@example.org")
    }
}

pub async fn a_person_comes_back_as_stored_by_id_and_by_name(stores: &Stores) {
    for person in [user("Alice"), full_user()] {
        assert_eq!(user_of(stores, &person).await, None);
        stores.changed(&[Change::AddUser(person.clone())]).await;
        let named = stores.accounts.user_named(person.name.as_str()).await.expect("the store works");
        assert_eq!((user_of(stores, &person).await, named), (Some(person.clone()), Some(person)));
    }
    assert_eq!(stores.accounts.user_named("alice").await.expect("the store works"), None);
}

pub async fn people_are_listed_by_name_in_pages(stores: &Stores) {
    for name in ["d", "B", "a", "é", "c"] {
        stores.changed(&[Change::AddUser(user(name))]).await;
    }
    for (number, wanted) in [(1, vec!["B", "a"]), (2, vec!["c", "d"]), (3, vec!["é"]), (4, vec![])] {
        let found = stores.accounts.users(page(number, 2)).await.expect("the store works");
        assert_eq!(found.items.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), wanted);
        assert_eq!(found.total, Some(Total::Exact(5)));
    }
}

pub async fn a_person_with_a_taken_id_or_name_is_refused(stores: &Stores) {
    stores.changed(&[Change::AddUser(user("a")), Change::AddUser(user("b"))]).await;
    stores.refused(&[Change::AddUser(User { name: account_name("c"), ..user("a") })]).await;
    stores.refused(&[Change::AddUser(User { id: UserId::new(uuid(1)), active: false, ..user("a") })]).await;
    stores.refused(&[Change::ReplaceUser(User { name: account_name("a"), revision: 2, ..user("b") })]).await;
    assert_eq!(user_of(stores, &user("b")).await, Some(user("b")));
}

pub async fn a_person_is_replaced_only_from_the_revision_before(stores: &Stores) {
    stores.refused(&[Change::ReplaceUser(User { revision: 2, ..user("a") })]).await;
    stores.changed(&[Change::AddUser(user("a"))]).await;
    let changed = |revision| User { revision, id: user("a").id, ..full_user() };
    for revision in [0, 1, 3] {
        stores.refused(&[Change::ReplaceUser(changed(revision))]).await;
    }
    stores.changed(&[Change::ReplaceUser(changed(2))]).await;
    assert_eq!(user_of(stores, &user("a")).await, Some(changed(2)));
}

pub async fn a_person_is_removed_in_the_revision_that_was_read_and_frees_the_name(stores: &Stores) {
    stores.refused(&[Change::RemoveUser(user("a"))]).await;
    stores.changed(&[Change::AddUser(user("a"))]).await;
    for revision in [0, 2] {
        stores.refused(&[Change::RemoveUser(User { revision, ..user("a") })]).await;
    }
    let other = User { id: UserId::new(uuid(1)), ..user("a") };
    stores.changed(&[Change::RemoveUser(user("a")), Change::AddUser(other.clone())]).await;
    assert_eq!(user_of(stores, &user("a")).await, None);
    assert_eq!(stores.accounts.user_named("a").await.expect("the store works"), Some(other));
}

pub async fn revoked_tokens_are_told_from_others(stores: &Stores) {
    let revoke = |ids: &[&str]| Change::RevokeTokens(ids.iter().map(|id| (*id).to_owned()).collect(), at(9));
    stores.changed(&[revoke(&["a", "b"]), revoke(&["b", "c", "c"]), revoke(&[])]).await;
    assert_eq!(revoked(stores, &["a", "c", "x", "A"]).await, ["a", "c"]);
    assert_eq!(revoked(stores, &[]).await, [""; 0]);
}

pub async fn a_revocation_is_forgotten_after_its_last_time(stores: &Stores) {
    let revoke = |id: &str, second| Change::RevokeTokens(vec![id.to_owned()], at(second));
    stores.changed(&[revoke("early", 3), revoke("twice", 3), revoke("late", 5)]).await;
    stores.changed(&[revoke("twice", 5), revoke("late", 3)]).await;
    let forget = async |second| stores.accounts.forget_revocations(at(second)).await.expect("the store works");
    assert_eq!((forget(3).await, forget(4).await, forget(5).await), (0, 1, 0));
    assert_eq!(revoked(stores, &["early", "twice", "late"]).await, ["late", "twice"]);
    assert_eq!(forget(6).await, 2);
}

pub async fn the_last_administrator_stays(stores: &Stores) {
    let refused = async |changes: &[Change]| match stores.change(changes).await {
        Err(StoreError::Conflict(what)) => assert_eq!(what, LAST_ADMIN),
        other => panic!("{other:?} instead of a refusal"),
    };
    let key = api_key("key");
    let gone = |key: &ApiKey| Change::ReplaceKey(ApiKey { revoked_at: Some(at(1)), revision: 2, ..key.clone() });
    refused(&[Change::KeepAnAdmin]).await;
    stores.changed(&[Change::AddKey(key.clone()), Change::KeepAnAdmin]).await;
    refused(&[gone(&key), Change::KeepAnAdmin]).await;
    for (n, other) in [
        ApiKey { role: Role::Designer, ..api_key("lesser") },
        ApiKey { expires_at: Some(at(1_000_000_000)), ..api_key("ending") },
        ApiKey { networks: vec!["10.0.0.0/8".parse().expect("a network")], ..api_key("from one network") },
        ApiKey { scope: Scope { workflows: Some(names(&["w"])), agents: None }, ..api_key("one workflow") },
        ApiKey { scope: Scope { workflows: None, agents: Some(names(&[])) }, ..api_key("no agent") },
    ]
    .into_iter()
    .enumerate()
    {
        stores.changed(&[Change::AddKey(other)]).await;
        stores.changed(&[Change::AddUser(User { role: Role::Designer, ..user(&format!("lesser {n}")) })]).await;
        refused(&[gone(&key), Change::KeepAnAdmin]).await;
    }
    stores.changed(&[Change::AddUser(User { active: false, ..user("sleeping") })]).await;
    refused(&[gone(&key), Change::KeepAnAdmin]).await;
    stores.changed(&[Change::AddUser(user("person"))]).await;
    stores.changed(&[gone(&key), Change::KeepAnAdmin]).await;
    refused(&[Change::RemoveUser(user("person")), Change::KeepAnAdmin]).await;
    assert_eq!(user_of(stores, &user("person")).await, Some(user("person")));
}

pub async fn of_two_who_take_the_last_two_administrators_away_one_is_refused(stores: &Stores) {
    stores.changed(&[Change::AddUser(user("a")), Change::AddUser(user("b"))]).await;
    let remove = |name: &str| [Change::RemoveUser(user(name)), Change::KeepAnAdmin];
    let (a, b) = (remove("a"), remove("b"));
    let (first, second) = tokio::join!(stores.change(&a), stores.change(&b));
    assert!(first.is_ok() != second.is_ok(), "{first:?} and {second:?}");
    let left = stores.accounts.users(page(1, 10)).await.expect("the store works");
    assert_eq!(left.items.len(), 1);
}
