//! The rules of webhooks.

use std::{collections::BTreeSet, time::Duration};

use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use crate::{
    Timestamp,
    ids::{DeliveryId, FeedPlace, RunId, WebhookId, WorkflowRef},
    runs::{RunChange, RunStatus},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_750_000_000 + second, 0).expect("a time")
}

fn change(workflow: &str, name: &str, status: RunStatus) -> RunChange {
    RunChange {
        place: FeedPlace::new(7),
        at: at(0),
        run: RunId::parse("run-1").expect("an id"),
        workflow: WorkflowRef::from_text(workflow),
        workflow_name: name.to_owned(),
        status,
    }
}

fn secret(byte: &str) -> SigningSecret {
    SigningSecret::of_base64(&byte.repeat(32)).expect("a secret")
}

fn webhook() -> Webhook {
    Webhook {
        id: WebhookId::new(Uuid::from_u128(1)),
        name: WebhookName::parse("CI").expect("a name"),
        url: WebhookUrl::parse("https://example.com/hook").expect("a URL"),
        description: None,
        statuses: BTreeSet::new(),
        workflows: BTreeSet::new(),
        secret: secret("A"),
        previous: None,
        disabled: None,
        since: at(0),
        failing_since: None,
        revision: 1,
        created_at: at(0),
        created_by: "key:a".to_owned(),
        updated_at: at(0),
    }
}

fn delivery() -> DeliveryId {
    DeliveryId::of(WebhookId::new(Uuid::from_u128(1)), FeedPlace::new(7))
}

#[test]
fn a_webhook_without_filters_is_told_everything() {
    for status in
        [RunStatus::Pending, RunStatus::Running, RunStatus::Completed, RunStatus::Failed, RunStatus::Cancelled]
    {
        assert!(webhook().wants(&change("w", "name", status)));
    }
}

#[test]
fn a_webhook_is_told_only_what_it_names() {
    let named = |names: &[&str]| Webhook {
        statuses: BTreeSet::from([RunStatus::Failed]),
        workflows: names.iter().map(|name| (*name).to_owned()).collect(),
        ..webhook()
    };
    assert!(named(&[]).wants(&change("w", "name", RunStatus::Failed)));
    assert!(named(&["other", "name"]).wants(&change("w", "name", RunStatus::Failed)));
    assert!(named(&["w"]).wants(&change("w", "name", RunStatus::Failed)));
    assert!(!named(&["other"]).wants(&change("w", "name", RunStatus::Failed)));
    assert!(!named(&["name"]).wants(&change("w", "name", RunStatus::Completed)));
}

#[test]
fn a_disabled_webhook_is_told_nothing() {
    let disabled = Webhook { disabled: Some((DisabledWhy::Asked, at(0))), ..webhook() };
    assert!(!disabled.wants(&change("w", "name", RunStatus::Failed)));
}

#[test]
fn a_webhook_is_told_nothing_of_what_was_before_it() {
    let later = Webhook { since: at(1), ..webhook() };
    assert!(!later.wants(&change("w", "name", RunStatus::Failed)));
    assert!(webhook().wants(&change("w", "name", RunStatus::Failed)), "the same moment is after it");
}

#[test]
fn messages_are_signed_with_the_secret_before_until_its_time_is_over() {
    let previous = Some(PreviousSecret { secret: secret("B"), until: at(10) });
    let rotated = Webhook { previous, ..webhook() };
    assert_eq!(rotated.secrets(at(9)).cloned().collect::<Vec<_>>(), [secret("A"), secret("B")]);
    assert_eq!(rotated.secrets(at(10)).cloned().collect::<Vec<_>>(), [secret("A")]);
}

#[test]
fn a_secret_is_the_base64_of_24_to_64_bytes() {
    for bytes in [24, 25, 26, 32, 64] {
        let digits = "A".repeat((bytes * 4_usize).div_ceil(3));
        let padding = "=".repeat((3 - bytes % 3) % 3);
        let text = format!("whsec_{digits}{padding}");
        assert_eq!(SigningSecret::parse(&text).map(|secret| secret.text().reveal().to_owned()), Ok(text));
    }
    let short = format!("whsec_{}", "A".repeat(28));
    let long = format!("whsec_{}==", "A".repeat(90));
    let bare = "A".repeat(32);
    let strange = format!("whsec_{}*", "A".repeat(31));
    let unpadded = format!("whsec_{}", "A".repeat(34));
    let left_over = format!("whsec_{}B==", "A".repeat(33));
    for wrong in [&short, &long, &bare, &strange, &unpadded, &left_over] {
        assert_eq!(SigningSecret::parse(wrong), Err(InvalidSecret), "{wrong}");
    }
    assert!(!format!("{:?}", webhook()).contains("AAAA"), "no secret is shown");
}

#[test]
fn a_message_tells_what_has_happened_in_the_same_bytes_each_time() {
    let message = WebhookMessage::of_change(delivery(), &change("w-1", "order", RunStatus::Completed));
    let again = WebhookMessage::of_change(delivery(), &change("w-1", "order", RunStatus::Completed));
    assert_eq!(message, again);
    assert!(message.id.starts_with("msg_"));
    let wanted = r#"{"data":{"run_id":"run-1","status":"COMPLETED","workflow_id":"w-1","workflow_name":"order"},"timestamp":"2025-06-15T15:06:40.000000Z","type":"run.completed"}"#;
    assert_eq!(message.body, wanted);
}

#[test]
fn there_is_one_delivery_of_a_change_to_a_webhook() {
    let of =
        |webhook: u128, place: u64| DeliveryId::of(WebhookId::new(Uuid::from_u128(webhook)), FeedPlace::new(place));
    assert_eq!(of(1, 7), delivery());
    assert_ne!(of(1, 8), delivery());
    assert_ne!(of(2, 7), delivery());
}

#[test]
fn attempts_are_spread_over_three_days_and_then_given_up() {
    let schedule = RetrySchedule::default();
    let waits: Vec<Duration> = (1..).map_while(|attempt| schedule.wait_after(delivery(), attempt)).collect();
    assert_eq!(waits.len(), ATTEMPTS as usize - 1);
    let hours = |hours: f64| Duration::from_secs_f64(hours * 3600.0);
    let table = [5.0 / 3600.0, 1.0 / 12.0, 0.5, 2.0, 5.0, 10.0, 14.0, 20.0, 24.0].map(hours);
    for (wait, wanted) in waits.iter().zip(table) {
        assert!((wanted.mul_f64(0.899)..=wanted.mul_f64(1.101)).contains(wait), "{wait:?} for {wanted:?}");
    }
    assert_eq!(schedule.wait_after(delivery(), 0), None);
    let other = DeliveryId::new(Uuid::from_u128(9));
    assert_ne!(schedule.wait_after(other, 1), schedule.wait_after(delivery(), 1), "not all come back at once");
}

fn judged(answer: &Answer, number: u32, failing_since: Option<Timestamp>, now: Timestamp) -> Verdict {
    let attempt = Attempt::of(answer, now, 3);
    Patience::default().judge(delivery(), number, answer, attempt, failing_since, now)
}

fn status(status: u16) -> Answer {
    Answer::Status { status, retry_after: None, body: String::new() }
}

#[test]
fn any_status_of_success_is_an_arrival() {
    for code in [200, 202, 204, 299] {
        let verdict = judged(&status(code), 1, Some(at(0)), at(9_999_999));
        let settled = &verdict.settled;
        assert_eq!((settled.state, settled.due_at, verdict.disables), (DeliveryState::Delivered, None, None));
        assert_eq!(settled.attempt.error, None);
    }
}

#[test]
fn what_fails_is_attempted_again_and_a_redirect_is_a_failure() {
    for answer in [status(500), status(404), status(302), status(199), Answer::Nothing(NotSent("timed out".to_owned()))]
    {
        let verdict = judged(&answer, 1, None, at(0));
        assert_eq!((verdict.settled.state, verdict.disables), (DeliveryState::Pending, None), "{answer:?}");
        assert!(verdict.settled.attempt.error.is_some());
        let wait = verdict.settled.due_at.expect("it is attempted again") - at(0);
        assert!((4_500..=5_500).contains(&wait.num_milliseconds()), "{wait}");
    }
}

#[test]
fn a_delivery_is_given_up_after_its_last_attempt() {
    let verdict = judged(&status(500), ATTEMPTS, None, at(0));
    assert_eq!((verdict.settled.state, verdict.settled.due_at), (DeliveryState::Failed, None));
}

#[test]
fn a_receiver_may_ask_for_more_time_but_not_for_ever() {
    for (asked, waits) in [(60, 60), (10_000_000, 24 * 3600)] {
        let answer = Answer::Status { status: 429, retry_after: Some(Duration::from_secs(asked)), body: String::new() };
        let due = judged(&answer, 1, None, at(0)).settled.due_at.expect("it is attempted again");
        assert_eq!(due, at(waits));
    }
}

#[test]
fn a_webhook_is_disabled_when_its_receiver_is_gone_or_nothing_has_arrived_for_five_days() {
    let gone = judged(&status(410), 1, None, at(0));
    assert_eq!((gone.settled.state, gone.disables), (DeliveryState::Failed, Some(DisabledWhy::Gone)));
    let five_days = TimeDelta::days(5);
    let before = judged(&status(500), 3, Some(at(0)), at(0) + five_days - TimeDelta::seconds(1));
    assert_eq!(before.disables, None);
    let after = judged(&status(500), 3, Some(at(0)), at(0) + five_days);
    assert_eq!(after.disables, Some(DisabledWhy::Failing));
}
