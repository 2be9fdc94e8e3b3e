//! Changes of the statuses of runs as those see them who follow all runs.

use application::runs::{ChangeFilter, FollowFrom, RunChanges};
use domain::{
    ids::{FeedPlace, WorkflowId},
    runs::RunChange,
};
use garde::Validate;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Stamp, runs::RunStatusName};
use crate::api::{Checked, EventPlace};

/// How a place begins, so that nobody takes it for the number of an event.
const PREFIX: char = 'c';

/// A place among the changes, as clients keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) FeedPlace);

impl Place {
    /// Its text.
    pub(crate) fn text(self) -> String {
        format!("{PREFIX}{:x}", self.0.get())
    }
}

impl EventPlace for Place {
    fn schema() -> Schema {
        json_schema!({"type": "string", "pattern": "^c[0-9a-f]{1,16}$"})
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| !digits.is_empty() && !digits.starts_with('+'));
        let place = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        // What no store could have given is none.
        let place = place.filter(|place| i64::try_from(*place).is_ok());
        place.map(|place| Self(FeedPlace::new(place))).ok_or("must be the id of a change that was told")
    }
}

/// Which changes are told, and from where on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangesQuery {
    /// The `id` of the last change that the client has; `start` for all that are kept; nothing for those from now on.
    #[schemars(regex(pattern = r"^(start|c[0-9a-f]{1,16})$"))]
    after: Option<String>,
    /// Only of runs of this workflow, by the id that was executed.
    workflow_id: Option<Uuid>,
    /// Only of runs of the workflow with this name.
    #[schemars(length(min = 1, max = 255))]
    workflow_name: Option<String>,
    /// Only changes to this status.
    status: Option<RunStatusName>,
    /// How many changes a page holds at most; a stream has no pages.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) limit: u32,
}

fn hundred() -> u32 {
    100
}

impl Validate for ChangesQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> garde::Path, report: &mut garde::Report) {
        if let Some(Err(message)) = self.after.as_deref().filter(|text| *text != "start").map(Place::parse) {
            report.append(parent().join("after"), garde::Error::new(message));
        }
    }
}

impl ChangesQuery {
    /// From where on: the header counts more, for it is newer than the address.
    pub(crate) fn from(&self, header: Option<Place>) -> FollowFrom {
        let place = header.or_else(|| Place::parse(self.after.as_deref()?).ok());
        match (place, self.after.as_deref()) {
            (Some(Place(place)), _) => FollowFrom::After(place),
            (None, Some("start")) => FollowFrom::Start,
            (None, _) => FollowFrom::Now,
        }
    }

    /// Which.
    pub(crate) fn filter(&self) -> ChangeFilter {
        ChangeFilter {
            workflow: self.workflow_id.map(WorkflowId::new),
            workflow_name: self.workflow_name.clone(),
            status: self.status.map(Into::into),
        }
    }
}

/// A change of a run's status. It tells that something has happened; read the run for what came of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunChange")]
pub(crate) struct RunChangeView {
    /// Its place among all changes: what to say to go on after it. Not to be interpreted.
    id: String,
    run_id: String,
    /// The workflow as it was addressed when the run was started.
    workflow_id: String,
    workflow_name: String,
    /// The status since then; a new run has its first one.
    #[schemars(extend("enum" = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]))]
    status: &'static str,
    /// When it was decided.
    at: Stamp,
}

impl From<RunChange> for RunChangeView {
    fn from(change: RunChange) -> Self {
        Self {
            id: Place(change.place).text(),
            run_id: change.run.to_string(),
            workflow_id: change.workflow.to_string(),
            workflow_name: change.workflow_name,
            status: change.status.as_str(),
            at: Stamp(change.at),
        }
    }
}

impl RunChangeView {
    /// Its place, as the `id` of an event of a stream.
    pub(crate) fn id(&self) -> String {
        self.id.clone()
    }

    /// An example.
    pub(crate) fn example() -> Value {
        json!({
            "id": "c2a", "run_id": "run-0190c0de-0000-7000-8000-000000000003",
            "workflow_id": "0190c0de-0000-7000-8000-000000000002", "workflow_name": "digest", "status": "COMPLETED",
            "at": "2026-01-31T12:00:00.412310Z",
        })
    }
}

/// Some changes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunChanges")]
pub(crate) struct RunChangesView {
    /// The changes, in order.
    items: Vec<RunChangeView>,
    /// What to ask for as `after` to go on. It may be later than the last change: what follows that was looked at and is not wanted.
    next_after: String,
    /// Whether there may be more by now.
    has_more: bool,
}

impl From<RunChanges> for RunChangesView {
    fn from(found: RunChanges) -> Self {
        Self {
            items: found.changes.into_iter().map(Into::into).collect(),
            next_after: Place(found.looked_at).text(),
            has_more: found.has_more,
        }
    }
}

impl RunChangesView {
    /// An example.
    pub(crate) fn example() -> Value {
        json!({"items": [RunChangeView::example()], "next_after": "c2a", "has_more": false})
    }
}

impl Checked for ChangesQuery {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_told_and_nothing_else_is_one() {
        for number in [0, 1, 42, i64::MAX as u64] {
            let place = Place(FeedPlace::new(number));
            assert_eq!(Place::parse(&place.text()), Ok(place));
        }
        for text in ["", "c", "42", "c+1", "c-1", "cg", "c8000000000000000", "start"] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }
}
