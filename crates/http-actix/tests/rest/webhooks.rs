//! Webhooks over HTTP. What is sent when is tested elsewhere; here receivers only say what came.

use std::sync::{Arc, Mutex};

use actix_web::test::TestRequest;
use adapters_auth::StandardSigner;
use adapters_memory::MemoryStore;
use application::{Ports, webhooks::WebhookPorts};
use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{FeedPlace, WebhookId},
    ports::{DeliveryClaim, RunFeed, SignedMessage, WebhookQueue, WebhookSender, WebhookSigner},
    webhooks::{Answer, Attempt, Delivery, DeliveryState, Settled, SigningSecret, WebhookUrl},
};
use serde_json::{Value, json};

use crate::support::{Orrery, World};

const WEBHOOKS: &str = "/api/v1/webhooks";
const NOWHERE: &str = "0190c0de-0000-7000-8000-0000000000ff";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Receives everything and answers the same each time: 204, unless another status is set.
#[derive(Default)]
pub(crate) struct Receiver {
    status: Mutex<Option<u16>>,
    came: Mutex<Vec<(String, SignedMessage)>>,
}

impl Receiver {
    fn came(&self) -> Vec<(String, SignedMessage)> {
        self.came.lock().expect("no panic").clone()
    }
}

#[async_trait]
impl WebhookSender for Receiver {
    async fn send(&self, to: &WebhookUrl, message: &SignedMessage) -> Answer {
        self.came.lock().expect("no panic").push((to.as_str().to_owned(), message.clone()));
        let status = self.status.lock().expect("no panic").unwrap_or(204);
        Answer::Status { status, retry_after: None, body: String::new() }
    }
}

/// The ports of webhooks over a memory store.
pub(crate) fn ports(ports: &Ports, store: &Arc<MemoryStore>, receiver: Arc<Receiver>) -> WebhookPorts {
    WebhookPorts {
        webhooks: store.clone(),
        queue: store.clone(),
        transactions: store.clone(),
        signer: StandardSigner::new(),
        sender: receiver,
        clock: ports.clock.clone(),
        ids: ports.ids.clone(),
        networks: ports.agent_networks.clone(),
    }
}

/// Puts the first change of a run into the queue of a webhook, and answers the delivery's id.
pub(crate) async fn deliver(store: &MemoryStore, webhook: &Value) -> String {
    let id: WebhookId = webhook["id"].as_str().expect("an id").parse().expect("a UUID");
    let slice = store.after(FeedPlace::default(), 1).await.expect("memory");
    let change = slice.changes.into_iter().next().expect("a run was started");
    let delivery = Delivery::of(id, change, Timestamp::UNIX_EPOCH);
    let seen = store.filled().await.expect("memory");
    assert!(store.fill(seen, delivery.change.place, std::slice::from_ref(&delivery)).await.expect("memory"));
    delivery.id.to_string()
}

fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().unwrap_or_else(|| panic!("no text {member} in {body:#}"))
}

async fn made(orrery: &Orrery, name: &str) -> Value {
    orrery.post(WEBHOOKS, json!({"name": name, "url": "https://receiver.example/hook"})).await.expect(201)
}

fn path(issued: &Value) -> String {
    format!("{WEBHOOKS}/{}", text(&issued["webhook"], "id"))
}

/// A POST that says nothing more.
async fn asked(orrery: &Orrery, path: &str) -> crate::support::Answer {
    orrery.send(TestRequest::post(), path).await
}

fn receiving() -> (Orrery, Arc<Receiver>) {
    let receiver = Arc::new(Receiver::default());
    (Orrery::within(World { receiver: receiver.clone(), ..World::default() }), receiver)
}

#[actix_web::test]
async fn a_secret_is_told_once_and_never_again() {
    let orrery = Orrery::new();
    let new = json!({
        "name": "chat", "url": "HTTPS://Receiver.Example/hook?a=b", "description": "for all",
        "statuses": ["FAILED", "CANCELLED"], "workflows": ["digest"],
    });
    let answer = orrery.post(WEBHOOKS, new).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let issued = answer.expect(201);
    assert!(answer.header("location").ends_with(text(&issued["webhook"], "id")));
    assert_eq!(text(&issued, "secret").len(), "whsec_".len() + 44, "32 bytes");
    assert_eq!(issued["webhook"]["url"], "https://receiver.example/hook?a=b");
    assert_eq!(issued["webhook"]["statuses"], json!(["FAILED", "CANCELLED"]));
    let one = orrery.get(&path(&issued)).await;
    assert_eq!(one.expect(200), issued["webhook"]);
    let listed = orrery.get(WEBHOOKS).await;
    assert_eq!(listed.expect(200)["items"], json!([issued["webhook"]]));
    let log = orrery.get("/api/v1/audit-logs?entity_type=webhook").await;
    for answer in [one, listed, log] {
        assert!(!answer.text().contains("whsec_"), "{}", answer.text());
    }
}

#[actix_web::test]
async fn a_secret_may_be_given() {
    let orrery = Orrery::new();
    let new = json!({"name": "chat", "url": "http://receiver/", "secret": SECRET});
    assert_eq!(text(&orrery.post(WEBHOOKS, new).await.expect(201), "secret"), SECRET);
}

#[actix_web::test]
async fn all_mistakes_are_told_at_once_with_their_places() {
    let orrery = Orrery::new();
    let wrong = json!({
        "name": " ", "url": "ftp://receiver/", "statuses": ["DONE"], "workflows": [""], "secret": "whsec_short", "colour": 1,
    });
    let problem = orrery.post(WEBHOOKS, wrong).await.problem(422, "validation_failed");
    let errors = problem["errors"].as_array().expect("a list");
    let places: Vec<&str> = errors.iter().map(|error| text(error, "pointer")).collect();
    for place in ["/statuses/0", "/colour"] {
        assert!(places.contains(&place), "{place} in {places:?}");
    }
    let wrong = json!({"name": " ", "url": "ftp://receiver/", "workflows": [""], "secret": "whsec_short"});
    let problem = orrery.post(WEBHOOKS, wrong).await.problem(422, "validation_failed");
    let errors = problem["errors"].as_array().expect("a list");
    let mut places: Vec<&str> = errors.iter().map(|error| text(error, "pointer")).collect();
    places.sort_unstable();
    assert_eq!(places, ["/name", "/secret", "/url", "/workflows/0"]);
    assert!(!problem.to_string().contains("whsec_short"), "a secret is not repeated");
}

#[actix_web::test]
async fn a_url_that_leads_where_nobody_is_called_is_refused() {
    for url in ["http://169.254.169.254/latest", "http://[fe80::1]/", "http://metadata.google.internal/"] {
        let orrery = Orrery::new();
        let problem = orrery.post(WEBHOOKS, json!({"name": "x", "url": url})).await.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/url", "{url}");
    }
    let networks = "public-only".parse().expect("networks");
    let orrery = Orrery::within(World { networks, ..World::default() });
    let near = json!({"name": "x", "url": "http://10.0.0.1/"});
    let problem = orrery.post(WEBHOOKS, near.clone()).await.problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/url");
    let issued = made(&orrery, "x").await;
    orrery.put(&path(&issued), near).await.problem(422, "validation_failed");
}

#[actix_web::test]
async fn a_name_is_unique() {
    let orrery = Orrery::new();
    made(&orrery, "a").await;
    let other = made(&orrery, "b").await;
    let taken = json!({"name": "a", "url": "https://receiver.example/"});
    let problem = orrery.post(WEBHOOKS, taken.clone()).await.problem(409, "webhook_name_taken");
    assert_eq!(problem["errors"][0]["pointer"], "/name");
    orrery.put(&path(&other), taken).await.problem(409, "webhook_name_taken");
}

#[actix_web::test]
async fn a_webhook_is_changed_as_a_whole_and_deleted() {
    let orrery = Orrery::new();
    let issued = made(&orrery, "a").await;
    let change = json!({"name": "b", "url": "https://other.example/", "statuses": ["COMPLETED"]});
    let changed = orrery.put(&path(&issued), change).await.expect(200);
    assert_eq!(
        (&changed["name"], &changed["statuses"], &changed["revision"]),
        (&json!("b"), &json!(["COMPLETED"]), &json!(2))
    );
    orrery.delete(&path(&issued)).await.expect(200);
    for answer in [
        orrery.get(&path(&issued)).await,
        orrery.delete(&path(&issued)).await,
        orrery.put(&path(&issued), json!({"name": "b", "url": "https://other.example/"})).await,
        orrery.post(&format!("{}/rotate-secret", path(&issued)), json!({})).await,
        asked(&orrery, &format!("{}/enable", path(&issued))).await,
        asked(&orrery, &format!("{}/disable", path(&issued))).await,
        asked(&orrery, &format!("{}/test", path(&issued))).await,
        orrery.get(&format!("{}/deliveries", path(&issued))).await,
        asked(&orrery, &format!("{}/deliveries/{NOWHERE}/redeliver", path(&issued))).await,
    ] {
        answer.problem(404, "webhook_not_found");
    }
}

#[actix_web::test]
async fn after_a_rotation_messages_carry_both_signatures_for_a_while() {
    let (orrery, receiver) = receiving();
    let issued = made(&orrery, "a").await;
    let rotated = orrery.post(&format!("{}/rotate-secret", path(&issued)), json!({"grace_seconds": 60})).await;
    assert_eq!(rotated.header("cache-control"), "no-store");
    let rotated = rotated.expect(200);
    assert_ne!(rotated["secret"], issued["secret"]);
    assert!(rotated["webhook"]["previous_secret_until"].is_string());
    let test = format!("{}/test", path(&issued));
    asked(&orrery, &test).await.expect(200);
    orrery.clock.advance(std::time::Duration::from_mins(1));
    asked(&orrery, &test).await.expect(200);
    let came = receiver.came();
    let signature = |issued: &Value, (_, message): &(String, SignedMessage)| {
        let secret = SigningSecret::parse(text(issued, "secret")).expect("a secret");
        StandardSigner.sign(&secret, &message.id, message.sent_at, &message.body)
    };
    let both = format!("{} {}", signature(&rotated, &came[0]), signature(&issued, &came[0]));
    assert_eq!(came[0].1.signatures, both);
    assert_eq!(came[1].1.signatures, signature(&rotated, &came[1]));
}

#[actix_web::test]
async fn a_test_is_sent_at_once_and_answers_what_came_back() {
    let (orrery, receiver) = receiving();
    let issued = made(&orrery, "a").await;
    asked(&orrery, &format!("{}/disable", path(&issued))).await.expect(200);
    let tested = asked(&orrery, &format!("{}/test", path(&issued))).await.expect(200);
    assert_eq!((&tested["delivered"], &tested["status"], &tested["error"]), (&json!(true), &json!(204), &Value::Null));
    let (url, message) = receiver.came().remove(0);
    assert_eq!((url.as_str(), message.id.as_str()), ("https://receiver.example/hook", text(&tested, "message_id")));
    let body: Value = serde_json::from_str(&message.body).expect("JSON");
    assert_eq!(body["type"], "webhook.test");
    *receiver.status.lock().expect("no panic") = Some(302);
    let tested = asked(&orrery, &format!("{}/test", path(&issued))).await.expect(200);
    assert_eq!((&tested["delivered"], &tested["status"]), (&json!(false), &json!(302)));
    assert!(text(&tested, "error").contains("redirects are not followed"));
}

#[actix_web::test]
async fn a_webhook_is_disabled_and_enabled() {
    let orrery = Orrery::new();
    let issued = made(&orrery, "a").await;
    let [disable, enable] = ["disable", "enable"].map(|what| format!("{}/{what}", path(&issued)));
    let disabled = asked(&orrery, &disable).await.expect(200);
    assert_eq!((&disabled["enabled"], &disabled["disabled_reason"]), (&json!(false), &json!("asked")));
    assert_eq!(asked(&orrery, &disable).await.expect(200), disabled, "once more changes nothing");
    let enabled = asked(&orrery, &enable).await.expect(200);
    assert_eq!((&enabled["enabled"], &enabled["disabled_reason"]), (&json!(true), &Value::Null));
    assert_eq!(asked(&orrery, &enable).await.expect(200), enabled);
}

#[actix_web::test]
async fn deliveries_are_listed_with_the_log_of_their_attempts_and_made_anew() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let run = orrery.run(&workflow).await;
    let issued = made(&orrery, "a").await;
    let store = orrery.store();
    let id = deliver(&store, &issued["webhook"]).await;
    let now = Timestamp::from_timestamp(1_800_000_000, 0).expect("a time");
    let claim = DeliveryClaim { limit: 1, per_webhook: 1, under_way: &[], now, until: now };
    let claimed = store.claim(claim).await.expect("memory").remove(0);
    let attempt = Attempt { at: now, duration_ms: 7, status: Some(500), error: Some("no".to_owned()) };
    let delivery = claimed.delivery.id;
    let settled = Settled { delivery, number: 1, attempt, at: now, state: DeliveryState::Failed, due_at: None };
    assert!(store.settle(&settled).await.expect("memory"));
    let deliveries = format!("{}/deliveries", path(&issued));
    let page = orrery.get(&deliveries).await.expect(200);
    let shown = &page["items"][0];
    assert_eq!((text(shown, "id"), text(shown, "run_id"), text(shown, "state")), (&*id, &*run, "failed"));
    assert_eq!(text(shown, "message_id"), format!("msg_{}", id.replace('-', "")));
    assert_eq!((&shown["log"][0]["status"], &shown["log"][0]["error"]), (&json!(500), &json!("no")));
    assert_eq!(orrery.get(&format!("{deliveries}?state=pending")).await.expect(200)["total"], 0);
    assert_eq!(orrery.get(&format!("{deliveries}?state=failed")).await.expect(200)["total"], 1);
    orrery.get(&format!("{deliveries}?state=lost")).await.problem(422, "validation_failed");
    let again = asked(&orrery, &format!("{deliveries}/{id}/redeliver")).await.expect(202);
    assert_eq!((&again["state"], &again["attempts"]), (&json!("pending"), &json!(0)));
    asked(&orrery, &format!("{deliveries}/{NOWHERE}/redeliver")).await.problem(404, "delivery_not_found");
    let other = made(&orrery, "other").await;
    let of_other = format!("{}/deliveries/{id}/redeliver", path(&other));
    asked(&orrery, &of_other).await.problem(404, "delivery_not_found");
}

#[actix_web::test]
async fn everything_is_told_in_the_audit_log() {
    let orrery = Orrery::new();
    let issued = made(&orrery, "a").await;
    orrery.put(&path(&issued), json!({"name": "b", "url": "https://receiver.example/hook"})).await.expect(200);
    for what in ["rotate-secret", "disable", "enable", "test"] {
        asked(&orrery, &format!("{}/{what}", path(&issued))).await.expect(200);
    }
    orrery.delete(&path(&issued)).await.expect(200);
    let log = orrery.get("/api/v1/audit-logs?entity_type=webhook").await.expect(200);
    let actions: Vec<&str> = log["items"].as_array().expect("rows").iter().map(|row| text(row, "action")).collect();
    assert_eq!(actions, ["delete", "test", "enable", "disable", "rotate", "update", "create"]);
    assert_eq!(log["items"][4]["changes"]["secret"], json!({"before": "***", "after": "***"}));
}
