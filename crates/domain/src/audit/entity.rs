//! What is changed: a kind of thing and its id.

use std::{fmt, sync::Arc};

use uuid::Uuid;

use crate::{
    access::{ApiKey, User},
    agents::Agent,
    ids::{DeadLetterId, RunId},
    schedules::Schedule,
    webhooks::Webhook,
    workflows::WorkflowDefinition,
};

/// The namespace of ids that are no UUID; a random constant.
const NAMESPACE: Uuid = Uuid::from_u128(0x1b3f_6a52_c9d8_4e07_b1a4_52e6_07fd_938c);

/// A kind of thing; the first three words are the old system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityKind {
    /// An agent.
    Agent,
    /// A workflow, whichever of its versions.
    Workflow,
    /// A run.
    Run,
    /// An entry among the dead letters.
    DeadLetter,
    /// An API key.
    ApiKey,
    /// A person.
    User,
    /// A token, by one of its revocation ids.
    Token,
    /// A webhook.
    Webhook,
    /// A schedule.
    Schedule,
}

impl EntityKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Agent,
        Self::Workflow,
        Self::Run,
        Self::DeadLetter,
        Self::ApiKey,
        Self::User,
        Self::Token,
        Self::Webhook,
        Self::Schedule,
    ];

    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Workflow => "workflow",
            Self::Run => "run",
            Self::DeadLetter => "dead_letter",
            Self::ApiKey => "api_key",
            Self::User => "user",
            Self::Token => "token",
            Self::Webhook => "webhook",
            Self::Schedule => "schedule",
        }
    }

    /// Reads [`EntityKind::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The id of a thing, as the API spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityId(Arc<str>);

impl EntityId {
    /// The most characters.
    pub const MAX_CHARS: usize = 255;

    /// Takes any id; one that is too long is cut.
    pub fn new(id: &str) -> Self {
        Self(id.chars().filter(|c| *c != '\0').take(Self::MAX_CHARS).collect::<String>().into())
    }

    /// What was stored for a thing, given its UUID: the old system kept nothing else.
    pub fn of_old(kind: &str, id: Uuid) -> Self {
        Self(if kind == EntityKind::Run.as_str() { format!("run-{id}").into() } else { id.to_string().into() })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the column `entity_id` holds: the UUID, that of a run without its `run-`, and a derived one for any other text.
    pub fn uuid(&self) -> Uuid {
        let bare = self.0.strip_prefix("run-").unwrap_or(&self.0);
        // Only the usual form: others would be one UUID written in several ways.
        let usual = Uuid::parse_str(bare).ok().filter(|id| id.to_string() == bare);
        usual.unwrap_or_else(|| Uuid::new_v5(&NAMESPACE, self.0.as_bytes()))
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its kind.
    pub kind: EntityKind,
    /// Its id.
    pub id: EntityId,
    /// What people call it; of a run, the name of its workflow.
    pub name: Option<String>,
}

impl Entity {
    /// A thing of this kind.
    pub fn new(kind: EntityKind, id: &str, name: Option<&str>) -> Self {
        Self { kind, id: EntityId::new(id), name: name.map(str::to_owned) }
    }

    /// An agent.
    pub fn agent(agent: &Agent) -> Self {
        Self::new(EntityKind::Agent, &agent.id.to_string(), Some(agent.name.as_str()))
    }

    /// The workflow to which a version belongs.
    pub fn workflow(version: &WorkflowDefinition) -> Self {
        Self::new(EntityKind::Workflow, &version.head.to_string(), Some(version.name.as_str()))
    }

    /// A run.
    pub fn run(run: &RunId, workflow_name: Option<&str>) -> Self {
        Self::new(EntityKind::Run, run.as_str(), workflow_name)
    }

    /// A schedule.
    pub fn schedule(schedule: &Schedule) -> Self {
        Self::new(EntityKind::Schedule, &schedule.id.to_string(), Some(schedule.name.as_str()))
    }

    /// An entry among the dead letters.
    pub fn dead_letter(id: DeadLetterId) -> Self {
        Self::new(EntityKind::DeadLetter, &id.to_string(), None)
    }

    /// An API key.
    pub fn api_key(key: &ApiKey) -> Self {
        Self::new(EntityKind::ApiKey, &key.id.to_string(), Some(key.name.as_str()))
    }

    /// A person.
    pub fn user(user: &User) -> Self {
        Self::new(EntityKind::User, &user.id.to_string(), Some(user.name.as_str()))
    }

    /// Somebody who is none of the users, by the name that was tried.
    pub fn unknown_user(name: &str) -> Self {
        Self::new(EntityKind::User, name, Some(name))
    }

    /// A webhook.
    pub fn webhook(webhook: &Webhook) -> Self {
        Self::new(EntityKind::Webhook, &webhook.id.to_string(), Some(webhook.name.as_str()))
    }

    /// A token, by one of its revocation ids.
    pub fn token(revocation_id: &str) -> Self {
        Self::new(EntityKind::Token, revocation_id, None)
    }
}
