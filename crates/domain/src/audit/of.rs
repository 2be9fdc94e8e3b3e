//! The entries of each mutation there is: pure functions of what was and what is.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::{Action, AuditEntry, Changes, Entity, snapshot};
use crate::{
    Timestamp,
    access::{Actor, ApiKey, Refused, TokenGrant, User},
    agents::{Agent, AgentStatus},
    ids::{AuditId, RunId, StepPath},
    payload::Payload,
    runs::{AdoptRun, CancelRun, DeadLetterEntry, InboxMessage, Replay, Resumption, Run, RunStatus, StartRun},
    schedules::{Schedule, Tick},
    webhooks::{Delivery, Webhook},
    workflows::WorkflowDefinition,
};

impl AuditEntry {
    /// An agent is made, changed or deleted.
    pub fn of_agent(id: AuditId, by: &Actor, before: Option<&Agent>, after: &Agent) -> Self {
        let action = match before {
            None => Action::Create,
            Some(_) if after.status == AgentStatus::Deleted => Action::Delete,
            Some(_) => Action::Update,
        };
        let old = before.map(snapshot::agent).unwrap_or_default();
        let credentials = [before.and_then(snapshot::credentials), snapshot::credentials(after)];
        let changes =
            Changes::between(&old, &snapshot::agent(after)).secret("auth_config", credentials[0], credentials[1]);
        Self::new(id, after.updated_at, by, action, Entity::agent(after), changes)
    }

    /// A version of a workflow is made, or has another status or description. What its document changes is told by places.
    pub fn of_workflow(
        id: AuditId,
        by: &Actor,
        action: Action,
        before: Option<&WorkflowDefinition>,
        after: &WorkflowDefinition,
    ) -> Self {
        let old = before.map(snapshot::version).unwrap_or_default();
        let mut changes = Changes::between(&old, &snapshot::version(after));
        if let Some(before) = before.filter(|before| before.plan != after.plan) {
            changes = changes.document("document", &snapshot::document(before), &snapshot::document(after));
        }
        // Which version it is must be told, also where that does not change.
        if before.is_some_and(|before| before.version == after.version) {
            changes = changes.set("of_version", after.version);
        }
        Self::new(id, after.updated_at, by, action, Entity::workflow(after), changes)
    }

    /// A run is started.
    pub fn of_start(id: AuditId, by: &Actor, start: &StartRun) -> Self {
        // No more than what tells it from others: there are many.
        let changes = Changes::none()
            .set("workflow_id", start.workflow.to_string())
            .set("workflow_version", start.workflow_version);
        Self::new(id, start.at, by, Action::Execute, Entity::run(&start.run, Some(&start.workflow_name)), changes)
    }

    /// A run that somebody else asked for, or began, is taken.
    pub fn of_adoption(id: AuditId, by: &Actor, action: Action, before: Option<RunStatus>, adopt: &AdoptRun) -> Self {
        let changes = Changes::none()
            .changed("status", before.map(RunStatus::as_str), adopt.events(0).1.as_str())
            .set("workflow_id", adopt.workflow.as_str())
            .set("plan", adopt.plan.to_string());
        Self::new(id, adopt.at, by, action, Entity::run(&adopt.run, Some(&adopt.workflow_name)), changes)
    }

    /// A run is cancelled. That is done without knowing it, so what it was before is not told.
    pub fn of_cancel(id: AuditId, by: &Actor, cancel: &CancelRun) -> Self {
        let changes = Changes::none()
            .set("status", RunStatus::Cancelled.as_str())
            .set("reason", cancel.reason.as_deref().map_or(Value::Null, Value::from));
        // What a message of the bus says, which nobody has proven.
        let changes = if cancel.by == by.name { changes } else { changes.set("cancelled_by", cancel.by.as_str()) };
        Self::new(id, cancel.at, by, Action::Cancel, Entity::run(&cancel.run, None), changes)
    }

    /// A run that is over is to go on.
    pub fn of_resume(id: AuditId, by: &Actor, run: &Run, what: &Resumption, at: Timestamp) -> Self {
        let changes = Changes::none().changed("status", run.status.as_str(), RunStatus::Pending.as_str());
        let (action, changes) = match what {
            Resumption::Unfinished => (Action::Retry, changes),
            Resumption::From(rerun) => (Action::Rerun, changes.set("from_step", rerun.from.as_str())),
            Resumption::Skipping { path, output } => (Action::Skip, skipped(changes, path, output)),
        };
        Self::new(id, at, by, action, Entity::run(&run.id, Some(&run.workflow_name)), changes)
    }

    /// A person says something to a run, or tells it of an event. None for what only runs say to each other.
    pub fn of_message(
        id: AuditId,
        by: &Actor,
        run: &RunId,
        workflow_name: Option<&str>,
        message: &InboxMessage,
        at: Timestamp,
    ) -> Option<Self> {
        let none = Changes::none();
        let (action, changes) = match message {
            InboxMessage::Pause { .. } => (Action::Pause, none.set("paused", true)),
            InboxMessage::Unpause { .. } => (Action::Unpause, none.set("paused", false)),
            InboxMessage::Skip { path, output, .. } => (Action::Skip, skipped(none, path, output)),
            InboxMessage::Event { name, path, data, .. } => {
                let step = path.as_ref().map_or(Value::Null, |path| path.as_str().into());
                (Action::RaiseEvent, none.set("event", name.as_str()).set("step", step).data("data", data))
            }
            InboxMessage::CallReported { path, generation, round, .. } => {
                let call = none.set("step", path.as_str()).set("generation", *generation).set("round", *round);
                (Action::Report, call)
            }
            // How a call is getting on is no change, and the rest is what runs say to each other.
            InboxMessage::CallProgressed { .. } | InboxMessage::Cancel { .. } | InboxMessage::ChildEnded { .. } => {
                return None;
            }
        };
        Some(Self::new(id, at, by, action, Entity::run(run, workflow_name), changes))
    }

    /// A run is claimed to do the work of a dead letter.
    pub fn of_replay(id: AuditId, by: &Actor, entry: &DeadLetterEntry, replay: &Replay) -> Self {
        let before = entry.replay.as_ref().map(|before| before.run.to_string());
        let changes = Changes::none()
            .changed("status", entry.status.as_str(), crate::runs::DeadLetterStatus::Replayed.as_str())
            .changed("replayed_run_id", before, replay.run.as_str());
        Self::new(id, replay.at, by, Action::Replay, Entity::dead_letter(entry.last.id), changes)
    }

    /// Such a claim is taken back.
    pub fn of_give_back(id: AuditId, by: &Actor, entry: &DeadLetterEntry, replay: &Replay, at: Timestamp) -> Self {
        let before = entry.replay.as_ref().map(|before| before.run.to_string());
        let changes = Changes::none().changed("replayed_run_id", replay.run.as_str(), before);
        Self::new(id, at, by, Action::GiveBack, Entity::dead_letter(entry.last.id), changes)
    }

    /// A dead letter is removed.
    pub fn of_deleted_letter(id: AuditId, by: &Actor, entry: &DeadLetterEntry, at: Timestamp) -> Self {
        let changes = Changes::none()
            .changed("status", entry.status.as_str(), Value::Null)
            .changed("run_id", entry.run.as_str(), Value::Null)
            .changed("step", entry.last.path.as_str(), Value::Null)
            .changed("agent_name", entry.last.agent.as_str(), Value::Null);
        Self::new(id, at, by, Action::Delete, Entity::dead_letter(entry.last.id), changes)
    }

    /// An API key is made, changed, rotated or revoked.
    pub fn of_key(
        id: AuditId,
        by: &Actor,
        action: Action,
        before: Option<&ApiKey>,
        after: &ApiKey,
        at: Timestamp,
    ) -> Self {
        let old = before.map(snapshot::api_key).unwrap_or_default();
        let changes = Changes::between(&old, &snapshot::api_key(after));
        let changes = changes.secret("secret", before.map(|key| &key.digest), Some(&after.digest));
        Self::new(id, at, by, action, Entity::api_key(after), changes)
    }

    /// A user is made or changed; without an `after`, deleted.
    pub fn of_user(
        id: AuditId,
        by: &Actor,
        before: Option<&User>,
        after: Option<&User>,
        at: Timestamp,
    ) -> Option<Self> {
        let action = match (before, after) {
            (None, Some(_)) => Action::Create,
            (Some(_), Some(_)) => Action::Update,
            (Some(_), None) => Action::Delete,
            (None, None) => return None,
        };
        let of = |user: Option<&User>| user.map_or_else(Map::new, snapshot::user);
        let changes = Changes::between(&of(before), &of(after));
        let changes = changes.secret("password", before.map(|user| &user.password), after.map(|user| &user.password));
        Some(Self::new(id, at, by, action, Entity::user(after.or(before)?), changes))
    }

    /// A schedule is made, changed, paused or resumed; without an `after`, deleted.
    pub fn of_schedule(
        id: AuditId,
        by: &Actor,
        action: Action,
        before: Option<&Schedule>,
        after: Option<&Schedule>,
        at: Timestamp,
    ) -> Option<Self> {
        let of = |schedule: Option<&Schedule>| schedule.map_or_else(Map::new, snapshot::schedule);
        let mut changes = Changes::between(&of(before), &of(after));
        if let Some(after) = after.filter(|after| before.is_none_or(|before| before.input != after.input)) {
            changes = changes.data("input_data", &after.input);
        }
        Some(Self::new(id, at, by, action, Entity::schedule(after.or(before)?), changes))
    }

    /// Somebody has a schedule start a run now.
    pub fn of_trigger(id: AuditId, by: &Actor, schedule: &Schedule, tick: &Tick) -> Self {
        let changes = Changes::none().set("run_id", tick.id.run().as_str());
        Self::new(id, tick.at, by, Action::Execute, Entity::schedule(schedule), changes)
    }

    /// Somebody has logged in.
    pub fn of_log_in(id: AuditId, by: &Actor, user: &User, at: Timestamp) -> Self {
        Self::new(id, at, by, Action::LogIn, Entity::user(user), Changes::none())
    }

    /// Somebody was not let in under this name.
    pub fn of_refused_log_in(
        id: AuditId,
        by: &Actor,
        name: &str,
        user: Option<&User>,
        why: Refused,
        at: Timestamp,
    ) -> Self {
        let entity = user.map_or_else(|| Entity::unknown_user(name), Entity::user);
        Self::new(id, at, by, Action::RefuseLogIn, entity, Changes::none().set("reason", why.code()))
    }

    /// A token is minted for a key: what it grants, and until when. Its id is what it is revoked by.
    pub fn of_issued_token(id: AuditId, by: &Actor, revocation_id: &str, grant: &TokenGrant, at: Timestamp) -> Self {
        let names = |names: &Option<BTreeSet<String>>| names.as_ref().map_or(Value::Null, |names| json!(names));
        let changes = Changes::none()
            .set("role", grant.role.as_str())
            .set("workflows", names(&grant.scope.workflows))
            .set("agents", names(&grant.scope.agents))
            .set("hides_payloads", grant.hides_payloads)
            // Tokens end at whole seconds.
            .set("ttl_seconds", (grant.expires_at - at + TimeDelta::milliseconds(999)).num_seconds())
            .set("expires_at", grant.expires_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        Self::new(id, at, by, Action::IssueToken, Entity::token(revocation_id), changes)
    }

    /// A webhook is made, changed, rotated, enabled or disabled.
    pub fn of_webhook(id: AuditId, by: &Actor, action: Action, before: Option<&Webhook>, after: &Webhook) -> Self {
        let old = before.map(snapshot::webhook).unwrap_or_default();
        let changes = Changes::between(&old, &snapshot::webhook(after));
        let changes = changes.secret("secret", before.map(|webhook| &webhook.secret), Some(&after.secret));
        Self::new(id, after.updated_at, by, action, Entity::webhook(after), changes)
    }

    /// A webhook is deleted, and its deliveries with it.
    pub fn of_deleted_webhook(id: AuditId, by: &Actor, webhook: &Webhook, at: Timestamp) -> Self {
        let changes = Changes::between(&snapshot::webhook(webhook), &Map::new());
        let changes = changes.secret("secret", Some(&webhook.secret), None);
        Self::new(id, at, by, Action::Delete, Entity::webhook(webhook), changes)
    }

    /// A webhook is sent a message that tells nothing.
    pub fn of_webhook_test(id: AuditId, by: &Actor, webhook: &Webhook, message: &str, at: Timestamp) -> Self {
        let changes = Changes::none().set("message_id", message);
        Self::new(id, at, by, Action::Test, Entity::webhook(webhook), changes)
    }

    /// A message is sent to a webhook anew.
    pub fn of_redelivery(id: AuditId, by: &Actor, webhook: &Webhook, delivery: &Delivery, at: Timestamp) -> Self {
        let changes = Changes::none()
            .changed("state", delivery.state.as_str(), crate::webhooks::DeliveryState::Pending.as_str())
            .set("message_id", delivery.id.message());
        Self::new(id, at, by, Action::Redeliver, Entity::webhook(webhook), changes)
    }

    /// A token is revoked by one of its ids.
    pub fn of_revoked_token(id: AuditId, by: &Actor, revocation_id: &str, at: Timestamp) -> Self {
        Self::new(id, at, by, Action::Revoke, Entity::token(revocation_id), Changes::none())
    }
}

fn skipped(changes: Changes, path: &StepPath, output: &Payload) -> Changes {
    changes.set("step", path.as_str()).data("output", output)
}
