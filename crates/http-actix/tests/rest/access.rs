//! Keys, people and tokens over HTTP, with the cryptography of the product.

use std::time::Duration;

use actix_web::test::TestRequest;
use application::access::FirstKey;
use domain::agents::Secret;
use serde_json::{Value, json};

use crate::{
    callers::presenting,
    support::{Answer, Orrery, World},
};

const KEYS: &str = "/api/v1/api-keys";
const USERS: &str = "/api/v1/users";
const ME: &str = "/api/v1/auth/me";
const NOWHERE: &str = "0190c0de-0000-7000-8000-0000000000ff";
const PASSWORD: &str = "correct horse battery staple";

/// A server that asks everybody, and the key of its first start.
async fn first_start() -> (Orrery, String) {
    let orrery = Orrery::within(World { asks: true, ..World::default() });
    let first = orrery.access.ensure_admin_key.execute(None).await.expect("memory");
    let FirstKey::Made(text) = first else { panic!("{first:?}") };
    (orrery, text.reveal().to_owned())
}

async fn get(orrery: &Orrery, path: &str, presented: &str) -> Answer {
    orrery.send(presenting(TestRequest::get(), presented), path).await
}

async fn post(orrery: &Orrery, path: &str, body: Value, presented: &str) -> Answer {
    orrery.send(presenting(TestRequest::post().set_json(body), presented), path).await
}

async fn put(orrery: &Orrery, path: &str, body: Value, presented: &str) -> Answer {
    orrery.send(presenting(TestRequest::put().set_json(body), presented), path).await
}

async fn delete(orrery: &Orrery, path: &str, presented: &str) -> Answer {
    orrery.send(presenting(TestRequest::delete(), presented), path).await
}

async fn log_in(orrery: &Orrery, name: &str, password: &str) -> Answer {
    orrery.post("/api/v1/auth/login", json!({"name": name, "password": password})).await
}

fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().unwrap_or_else(|| panic!("no text {member} in {body:#}"))
}

#[actix_web::test]
async fn a_key_is_told_once_and_never_again() {
    let (orrery, admin) = first_start().await;
    let new = json!({"name": "ci", "role": "operator", "workflows": ["w"], "networks": ["10.0.0.0/8", "::1"]});
    let made = post(&orrery, KEYS, new, &admin).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let issued = made.expect(201);
    let (key, id) = (text(&issued, "api_key"), text(&issued["key"], "id"));
    assert!(key.starts_with("ork_") && made.header("location").ends_with(id));
    let one = get(&orrery, &format!("{KEYS}/{id}"), &admin).await;
    assert_eq!(one.expect(200), issued["key"]);
    assert_eq!(issued["key"]["networks"], json!(["10.0.0.0/8", "::1/128"]));
    let secret = key.rsplit_once('_').expect("three parts").1;
    let list = get(&orrery, KEYS, &admin).await;
    for answer in [one, list] {
        assert!(!answer.text().contains(secret) && !answer.text().contains("digest"), "{}", answer.text());
    }
}

#[actix_web::test]
async fn a_key_works_is_rotated_and_is_revoked() {
    let (orrery, admin) = first_start().await;
    let issued = post(&orrery, KEYS, json!({"name": "ci", "role": "viewer"}), &admin).await.expect(201);
    let (first, id) = (text(&issued, "api_key").to_owned(), text(&issued["key"], "id").to_owned());
    let me = get(&orrery, ME, &first).await.expect(200);
    assert_eq!(
        (&me["principal"], &me["role"], &me["known_by"]),
        (&json!("key:ci"), &json!("viewer"), &json!("api_key"))
    );
    assert!(me["rights"].as_array().expect("rights").contains(&json!("runs:read")));
    get(&orrery, KEYS, &first).await.problem(403, "forbidden");

    let rotate = format!("{KEYS}/{id}/rotate");
    let rotated = post(&orrery, &rotate, json!({"grace_seconds": 60}), &admin).await;
    assert_eq!(rotated.header("cache-control"), "no-store");
    let second = text(&rotated.expect(200), "api_key").to_owned();
    for key in [&first, &second] {
        get(&orrery, ME, key).await.expect(200);
    }
    orrery.clock.advance(Duration::from_mins(1));
    get(&orrery, ME, &first).await.problem(401, "unauthenticated");
    delete(&orrery, &format!("{KEYS}/{id}"), &admin).await.expect(200);
    get(&orrery, ME, &second).await.problem(401, "unauthenticated");
    post(&orrery, &rotate, json!({}), &admin).await.problem(409, "api_key_ended");
    let list = get(&orrery, KEYS, &admin).await.expect(200);
    assert!(!list["items"][0]["revoked_at"].is_null(), "{list:#}");
}

#[actix_web::test]
async fn all_mistakes_of_a_new_key_are_told_at_once() {
    let (orrery, admin) = first_start().await;
    let body = json!({
        "name": " ci", "role": "king", "workflows": ["w", ""], "networks": ["10.0.0.0/8", "10.0.0.0/33", "here"],
        "expires_at": "soon", "secret": "mine",
    });
    let found = post(&orrery, KEYS, body, &admin).await;
    let fields: Vec<_> = found.mistakes().into_iter().map(|(field, _)| field).collect();
    for field in ["body.role", "body.expires_at", "body.secret"] {
        assert!(fields.contains(&field.to_owned()), "{field} is not in {fields:?}");
    }
    let body = json!({"name": " ci", "role": "viewer", "workflows": ["", "w"], "networks": ["10.0.0.0/33", "::"]});
    let fields: Vec<_> =
        post(&orrery, KEYS, body, &admin).await.mistakes().into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["body.name", "body.workflows.0", "body.networks.0"]);
    let old = json!({"name": "ci", "role": "viewer", "expires_at": "2020-01-01"});
    assert_eq!(post(&orrery, KEYS, old, &admin).await.mistakes()[0].0, "body.expires_at");
}

#[actix_web::test]
async fn a_key_is_exchanged_for_a_token_that_can_do_less_and_be_revoked() {
    let (orrery, admin) = first_start().await;
    let wanted = json!({"ttl_seconds": 60, "role": "viewer", "workflows": ["w"]});
    let minted = post(&orrery, "/api/v1/auth/token", wanted, &admin).await;
    assert_eq!(minted.header("cache-control"), "no-store");
    let minted = minted.expect(200);
    // A token tells times in seconds, and ends in the one before.
    assert_eq!((&minted["token_type"], &minted["expires_in"]), (&json!("Bearer"), &json!(59)));
    let token = text(&minted, "access_token").to_owned();
    let me = get(&orrery, ME, &token).await.expect(200);
    assert_eq!((&me["role"], &me["known_by"]), (&json!("viewer"), &json!("token")));
    assert_eq!(me["scope"], json!({"workflows": ["w"], "agents": null}));
    assert_eq!(me["expires_at"], minted["expires_at"]);
    post(&orrery, "/api/v1/auth/token", json!({}), &token).await.problem(400, "api_key_needed");

    let wider = post(&orrery, KEYS, json!({"name": "x", "role": "viewer"}), &token).await;
    wider.problem(403, "forbidden");
    post(&orrery, "/api/v1/auth/revoke", json!({"token": "nonsense"}), &admin).await.problem(400, "not_a_token");
    post(&orrery, "/api/v1/auth/revoke", json!({}), &admin).await.problem(422, "validation_failed");
    post(&orrery, "/api/v1/auth/revoke", json!({"revocation_ids": ["ab".repeat(64)]}), &token)
        .await
        .problem(403, "forbidden");
    post(&orrery, "/api/v1/auth/revoke", json!({"token": token}), &token).await.expect(200);
    get(&orrery, ME, &token).await.problem(401, "unauthenticated");
}

#[actix_web::test]
async fn a_token_that_is_asked_for_without_a_word_lasts_a_quarter_of_an_hour() {
    let (orrery, admin) = first_start().await;
    let request = presenting(TestRequest::post(), &admin);
    let minted = orrery.send(request, "/api/v1/auth/token").await.expect(200);
    assert_eq!((&minted["expires_in"], &minted["role"]), (&json!(899), &json!("admin")));
    orrery.clock.advance(Duration::from_mins(15));
    get(&orrery, ME, text(&minted, "access_token")).await.problem(401, "unauthenticated");
}

#[actix_web::test]
async fn a_person_logs_in_and_changes_the_password() {
    let (orrery, admin) = first_start().await;
    let new = json!({"name": "alice", "password": PASSWORD, "role": "operator"});
    let made = post(&orrery, USERS, new.clone(), &admin).await;
    let person = made.expect(201);
    assert!(!made.text().contains(PASSWORD) && person.get("password").is_none());
    post(&orrery, USERS, new, &admin).await.problem(409, "user_name_taken");

    for (name, password) in [("alice", "wrong"), ("bob", PASSWORD)] {
        let refused = log_in(&orrery, name, password).await;
        refused.problem(401, "log_in_failed");
    }
    let minted = log_in(&orrery, "alice", PASSWORD).await;
    assert_eq!(minted.header("cache-control"), "no-store");
    let token = text(&minted.expect(200), "access_token").to_owned();
    assert_eq!(get(&orrery, ME, &token).await.expect(200)["principal"], "user:alice");

    let change = |present: &str| json!({"password": present, "new_password": "an entirely new one"});
    post(&orrery, "/api/v1/auth/password", change("wrong"), &token).await.problem(400, "password_refused");
    post(&orrery, "/api/v1/auth/password", change(PASSWORD), &admin).await.problem(400, "log_in_needed");
    post(&orrery, "/api/v1/auth/password", change(PASSWORD), &token).await.expect(200);
    get(&orrery, ME, &token).await.problem(401, "unauthenticated");
    log_in(&orrery, "alice", PASSWORD).await.problem(401, "log_in_failed");
    log_in(&orrery, "alice", "an entirely new one").await.expect(200);
}

#[actix_web::test]
async fn a_person_is_changed_and_removed_and_the_last_administrator_stays() {
    let (orrery, admin) = first_start().await;
    let new = json!({"name": "alice", "password": PASSWORD, "role": "viewer"});
    let id = text(&post(&orrery, USERS, new, &admin).await.expect(201), "id").to_owned();
    let one = format!("{USERS}/{id}");
    let token = text(&log_in(&orrery, "alice", PASSWORD).await.expect(200), "access_token").to_owned();
    let changed = put(&orrery, &one, json!({"role": "admin"}), &admin).await.expect(200);
    assert_eq!(changed["role"], "admin");
    assert_eq!(get(&orrery, &one, &admin).await.expect(200), changed);
    get(&orrery, ME, &token).await.problem(401, "unauthenticated");

    let keys = get(&orrery, KEYS, &admin).await.expect(200);
    let key = format!("{KEYS}/{}", text(&keys["items"][0], "id"));
    let token = text(&log_in(&orrery, "alice", PASSWORD).await.expect(200), "access_token").to_owned();
    delete(&orrery, &key, &token).await.expect(200);
    delete(&orrery, &one, &token).await.problem(409, "last_administrator");
    put(&orrery, &one, json!({"active": false}), &token).await.problem(409, "last_administrator");
    let people = get(&orrery, USERS, &token).await.expect(200);
    assert_eq!((&people["total"], &people["items"][0]["name"]), (&json!(1), &json!("alice")));
}

#[actix_web::test]
async fn what_is_not_there_is_said_not_to_be() {
    let (orrery, admin) = first_start().await;
    for (path, code) in [(KEYS, "api_key_not_found"), (USERS, "user_not_found")] {
        let one = format!("{path}/{NOWHERE}");
        get(&orrery, &one, &admin).await.problem(404, code);
        delete(&orrery, &one, &admin).await.problem(404, code);
    }
    put(&orrery, &format!("{USERS}/{NOWHERE}"), json!({"active": true}), &admin).await.problem(404, "user_not_found");
    post(&orrery, &format!("{KEYS}/{NOWHERE}/rotate"), json!({}), &admin).await.problem(404, "api_key_not_found");
    let taken = json!({"name": "admin", "role": "viewer"});
    post(&orrery, KEYS, taken, &admin).await.problem(409, "api_key_name_taken");
}

#[actix_web::test]
async fn credentials_that_were_bent_are_all_refused_alike() {
    let (orrery, admin) = first_start().await;
    let minted = post(&orrery, "/api/v1/auth/token", json!({}), &admin).await.expect(200);
    let token = text(&minted, "access_token");
    let other = Orrery::within(World { asks: true, ..World::default() });
    let foreign = other.access.ensure_admin_key.execute(None).await.expect("memory");
    let FirstKey::Made(foreign) = foreign else { panic!("{foreign:?}") };
    let flipped = |text: &str| {
        let last = if text.ends_with('A') { 'B' } else { 'A' };
        format!("{}{last}", &text[..text.len() - 1])
    };
    let half = Secret::new(&token[..token.len() / 2]);
    for bent in [
        flipped(&admin),
        flipped(token),
        admin[..admin.len() - 1].to_owned(),
        half.reveal().to_owned(),
        foreign.reveal().to_owned(),
        format!("{token}{token}"),
        "ork_".to_owned(),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.".to_owned(),
    ] {
        get(&orrery, ME, &bent).await.problem(401, "unauthenticated");
    }
}

#[actix_web::test]
async fn what_is_no_revocation_id_is_refused_at_its_place() {
    let orrery = Orrery::new();
    let good = "0a".repeat(64);
    for wrong in ["x".to_owned(), "0a".repeat(63), "0g".repeat(64), format!("{good}0"), format!(" {good}")] {
        let answer = orrery.post("/api/v1/auth/revoke", json!({"revocation_ids": [good, wrong]})).await;
        let mistakes = answer.mistakes();
        assert!(mistakes.iter().all(|(field, _)| field == "body.revocation_ids.1"), "{mistakes:?}");
        assert!(!mistakes.is_empty());
    }
    for right in [good.clone(), good.to_uppercase(), "0a".repeat(70)] {
        orrery.post("/api/v1/auth/revoke", json!({"revocation_ids": [right]})).await.expect(200);
    }
    let revoked =
        domain::ports::Accounts::revoked(&*orrery.store(), std::slice::from_ref(&good)).await.expect("memory");
    assert_eq!(revoked, [good]);
}
