//! What is asked about the audit log, and what it tells.

use domain::audit::{Action, AuditCursor, AuditFilter, AuditPage, AuditRecord, EntityId, EntityKind};
use garde::{Path, Report, Validate};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use uuid::Uuid;

use super::{Stamp, lists};
use crate::api::Moment;

/// A word of the audit log.
#[derive(Debug)]
struct ActionName(Action);

#[derive(Debug)]
struct EntityKindName(EntityKind);

macro_rules! word {
    ($name:ident, $of:ident) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $of::parse(&String::deserialize(from)?).map(Self).ok_or_else(|| D::Error::custom("no such word"))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($of).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "enum": $of::ALL.map($of::as_str)})
            }
        }
    };
}

word!(ActionName, Action);
word!(EntityKindName, EntityKind);

/// Which rows of the audit log are listed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// Only what this user did, by the name that rows tell: `user:alice`, `key:ci`, `system`.
    #[schemars(length(min = 1, max = 255))]
    user: Option<String>,
    /// Only this action.
    action: Option<ActionName>,
    /// Only what was done to this kind of thing.
    entity_type: Option<EntityKindName>,
    /// Only what was done to the thing with this id.
    #[schemars(length(min = 1, max = 255))]
    entity_id: Option<String>,
    /// Only what was done at this time or later. A time without a zone is UTC.
    created_after: Option<Moment>,
    /// Only what was done at this time or earlier. A time without a zone is UTC.
    created_before: Option<Moment>,
    /// The `next_cursor` of a page, to read the one that follows; the other parameters but `page_size` must be the same.
    #[schemars(length(min = 1, max = 100))]
    cursor: Option<String>,
    /// How many rows a page holds.
    #[serde(default = "lists::twenty")]
    #[schemars(range(min = 1, max = 100))]
    pub(crate) page_size: u32,
}

impl Validate for AuditQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if self.cursor.is_some() && self.before().is_none() {
            report.append(
                parent().join("cursor"),
                garde::Error::new("is no `next_cursor` of a page; leave it out to begin at the first one"),
            );
        }
    }
}

impl AuditQuery {
    pub(crate) fn filter(&self) -> AuditFilter {
        AuditFilter {
            user: self.user.clone(),
            action: self.action.as_ref().map(|action| action.0.as_str().to_owned()),
            entity_kind: self.entity_type.as_ref().map(|kind| kind.0.as_str().to_owned()),
            entity_id: self.entity_id.as_deref().map(EntityId::new),
            since: self.created_after.map(|at| at.0),
            until: self.created_before.map(|at| at.0),
        }
    }

    /// Where the page begins.
    pub(crate) fn before(&self) -> Option<AuditCursor> {
        self.cursor.as_deref().and_then(AuditCursor::parse)
    }
}

/// That somebody did something.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditLogEntry")]
pub(crate) struct AuditRecordView {
    id: Uuid,
    /// What was done: `create`, `update`, `delete`, `execute`, `retry`, `cancel` and so on; other versions have other words.
    action: String,
    /// To what kind of thing: `agent`, `workflow`, `run` and so on.
    entity_type: String,
    /// To which.
    entity_id: String,
    /// What people called it; of a run, the name of its workflow.
    entity_name: Option<String>,
    /// Who did it: `user:alice`, `key:ci`, `system`; `kafka` where a message of the bus asked for it.
    user_id: Option<String>,
    /// The id of the key or token that was used; never a secret.
    credential_id: Option<String>,
    /// The id of the request, as `X-Correlation-ID` told it.
    request_id: Option<String>,
    /// The address of the client.
    client_address: Option<String>,
    /// What changed, by member: `before`, which is missing where something is new, and `after`, which is missing where it goes.
    /// Secrets are shown as `***`; data and large values by their size and SHA-256; documents by the places that changed.
    changes: Option<Value>,
    /// The same for all rows that one request for many things has made.
    bulk_id: Option<Uuid>,
    created_at: Stamp,
}

impl From<AuditRecord> for AuditRecordView {
    fn from(row: AuditRecord) -> Self {
        Self {
            id: row.id.uuid(),
            action: row.action,
            entity_type: row.entity_kind,
            entity_id: row.entity_id.to_string(),
            entity_name: row.entity_name,
            user_id: row.user,
            credential_id: row.credential,
            request_id: row.request,
            client_address: row.address,
            changes: row.changes,
            bulk_id: row.bulk.map(domain::ids::BulkId::uuid),
            created_at: Stamp(row.at),
        }
    }
}

/// A page of the audit log, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditLogPage")]
pub(crate) struct AuditPageView {
    /// The rows of this page.
    items: Vec<AuditRecordView>,
    /// Send it as `cursor`, with the same filter, to read the page that follows; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl From<AuditPage> for AuditPageView {
    fn from(page: AuditPage) -> Self {
        Self { items: page.rows.into_iter().map(Into::into).collect(), next_cursor: page.next.map(AuditCursor::text) }
    }
}

impl crate::api::Checked for AuditQuery {}
