//! What is asked about dead letters.

use application::{
    access::Named,
    dead_letters::{MAX_REPLAYS, ReplayManner, Selection},
};
use domain::{
    agents::AgentName,
    ids::{DeadLetterId, RunId, WorkflowId},
    runs::{DeadLetterFilter, DeadLetterStatus},
};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    cursor::Places,
    lists::{self, Direction, ListQuery, Which},
};
use crate::api::Moment;

/// Names one dead letter.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub(crate) struct DeadLetterPath {
    /// The entry's id.
    dlq_id: Uuid,
}

impl DeadLetterPath {
    pub(crate) fn id(&self) -> DeadLetterId {
        DeadLetterId::new(self.dlq_id)
    }
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum DeadLetterStatusName {
    PendingReplay,
    Replayed,
}

impl From<DeadLetterStatusName> for DeadLetterStatus {
    fn from(name: DeadLetterStatusName) -> Self {
        match name {
            DeadLetterStatusName::PendingReplay => Self::PendingReplay,
            DeadLetterStatusName::Replayed => Self::Replayed,
        }
    }
}

/// Which dead letters are listed.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeadLetterQuery {
    /// Only those of runs of this workflow, by the id that was executed.
    workflow_id: Option<Uuid>,
    /// Only those of this agent.
    #[schemars(length(min = 1, max = 255))]
    agent_name: Option<String>,
    /// Only those whose step failed first in this run.
    #[schemars(length(min = 1, max = 255))]
    run_id: Option<String>,
    /// Only this status.
    status: Option<DeadLetterStatusName>,
    /// Only those that failed last at this time or later. A time without a zone is UTC.
    failed_after: Option<Moment>,
    /// Only those that failed last at this time or earlier. A time without a zone is UTC.
    failed_before: Option<Moment>,
    /// The direction of the sorting, which is by the last failure.
    #[serde(default)]
    pub(crate) sort_order: Direction,
    /// The number of the page, from 1; the first one without it. A late page costs more than an early one, and items that are
    /// added meanwhile shift it: whoever reads a list to its end goes by `cursor`.
    #[schemars(range(min = 1, max = 1_000_000))]
    page: Option<u32>,
    /// The `next_cursor` of a page, to read the one that follows; the other parameters but `page_size` must be the same, and there
    /// must be no `page`.
    #[schemars(length(min = 1, max = 2800))]
    cursor: Option<String>,
    /// How many items a page holds.
    #[serde(default = "lists::twenty")]
    #[schemars(range(min = 1, max = 100))]
    page_size: u32,
}

impl DeadLetterQuery {
    pub(crate) fn filter(&self) -> DeadLetterFilter {
        let &Self { workflow_id, status, failed_after, failed_before, .. } = self;
        let (agent_name, run_id) = (self.agent_name.clone(), self.run_id.clone());
        ReplayFilter { workflow_id, agent_name, run_id, status, failed_after, failed_before }.filter()
    }
}

impl Validate for DeadLetterQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        names_are_sound(self.agent_name.as_deref(), self.run_id.as_deref(), parent, report);
        lists::check_range(FAILED, self.failed_after, self.failed_before, parent, report);
        self.check_page(parent, report);
    }
}

impl ListQuery for DeadLetterQuery {
    const LIST: &'static str = "dead letters";

    fn places(&self) -> Places {
        Places::ByTime
    }

    fn which(&self) -> Which<'_> {
        Which { cursor: self.cursor.as_deref(), page: self.page, page_size: self.page_size }
    }
}

/// The names of the members that are a range of times.
const FAILED: [&str; 2] = ["failed_after", "failed_before"];

/// Which dead letters are to be replayed; at least one member is needed, so that nobody means all of them by mistake.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayFilter {
    /// Only those of runs of this workflow, by the id that was executed.
    workflow_id: Option<Uuid>,
    /// Only those of this agent.
    #[schemars(length(min = 1, max = 255))]
    agent_name: Option<String>,
    /// Only those whose step failed first in this run.
    #[schemars(length(min = 1, max = 255))]
    run_id: Option<String>,
    /// Only this status; without it, `pending_replay`.
    status: Option<DeadLetterStatusName>,
    /// Only those that failed last at this time or later. A time without a zone is UTC.
    failed_after: Option<Moment>,
    /// Only those that failed last at this time or earlier. A time without a zone is UTC.
    failed_before: Option<Moment>,
}

impl ReplayFilter {
    fn is_empty(&self) -> bool {
        let Self { workflow_id, agent_name, run_id, status, failed_after, failed_before } = self;
        workflow_id.is_none()
            && agent_name.is_none()
            && run_id.is_none()
            && status.is_none()
            && failed_after.is_none()
            && failed_before.is_none()
    }

    fn filter(self) -> DeadLetterFilter {
        DeadLetterFilter {
            workflow: self.workflow_id.map(WorkflowId::new),
            agent: self.agent_name.and_then(|name| AgentName::parse(&name).ok()),
            run: self.run_id.and_then(|id| RunId::parse(&id).ok()),
            status: self.status.map(Into::into),
            failed_after: self.failed_after.map(|at| at.0),
            failed_before: self.failed_before.map(|at| at.0),
        }
    }
}

/// What the schemas cannot say about names.
fn names_are_sound(agent: Option<&str>, run: Option<&str>, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
    if agent.is_some_and(|name| AgentName::parse(name).is_err()) {
        let message = "must not be blank or contain control characters";
        report.append(parent().join("agent_name"), garde::Error::new(message));
    }
    if run.is_some_and(|id| RunId::parse(id).is_err()) {
        report.append(parent().join("run_id"), garde::Error::new("must not contain control characters"));
    }
}

/// How a dead letter is to be replayed.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct ReplayDeadLetter {
    /// Whether the version that failed is executed, instead of the one that is active now.
    #[serde(default)]
    same_version: bool,
    /// Whether it is replayed even if it was replayed before.
    #[serde(default)]
    force: bool,
}

impl ReplayDeadLetter {
    pub(crate) fn manner(&self) -> ReplayManner {
        ReplayManner { same_version: self.same_version, force: self.force }
    }
}

fn hundred() -> usize {
    100
}

/// Which dead letters are to be replayed, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkReplay {
    /// These.
    #[schemars(length(min = 1, max = 1000))]
    dlq_ids: Option<Vec<Uuid>>,
    /// Those that this lets through, the oldest first. Either this or `dlq_ids` is needed.
    filter: Option<ReplayFilter>,
    /// How many are replayed at most.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) limit: usize,
    /// Whether it is only found out what would become of each.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Whether the versions that failed are executed, instead of those that are active now.
    #[serde(default)]
    same_version: bool,
    /// Whether entries are replayed even if they were replayed before.
    #[serde(default)]
    force: bool,
}

const _: () = assert!(MAX_REPLAYS == 1000, "the schemas say so");

impl Validate for BulkReplay {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        match (&self.dlq_ids, &self.filter) {
            (None, None) => report.append(parent().join("filter"), garde::Error::new("is required without dlq_ids")),
            (Some(_), Some(_)) => {
                report.append(parent().join("filter"), garde::Error::new("must not come together with dlq_ids"));
            }
            (Some(_), None) => {}
            (None, Some(filter)) => {
                let mut parent = || parent().join("filter");
                if filter.is_empty() {
                    report.append(parent(), garde::Error::new("needs at least one member"));
                }
                names_are_sound(filter.agent_name.as_deref(), filter.run_id.as_deref(), &mut parent, report);
                lists::check_range(FAILED, filter.failed_after, filter.failed_before, &mut parent, report);
            }
        }
    }
}

impl BulkReplay {
    pub(crate) fn manner(&self) -> ReplayManner {
        ReplayManner { same_version: self.same_version, force: self.force }
    }

    pub(crate) fn selection(self) -> Selection {
        match self.dlq_ids {
            Some(ids) => Selection::Ids(ids.into_iter().map(DeadLetterId::new).collect()),
            None => Selection::Filter(self.filter.unwrap_or_default().filter()),
        }
    }
}

impl crate::api::Checked for DeadLetterPath {}
impl crate::api::Checked for DeadLetterQuery {}
impl crate::api::Checked for ReplayDeadLetter {}
impl crate::api::Checked for BulkReplay {
    /// Each entry, or the workflow or run of the filter: whatever else that says only makes it find less.
    fn names(&self) -> Vec<Named> {
        if let Some(ids) = &self.dlq_ids {
            return ids.iter().map(|id| Named::DeadLetter(DeadLetterId::new(*id))).collect();
        }
        let workflow = self.filter.as_ref().and_then(|filter| filter.workflow_id);
        let run = self.filter.as_ref().and_then(|filter| RunId::parse(filter.run_id.as_deref()?).ok());
        let workflow = workflow.map(|id| Named::Workflow(WorkflowId::new(id)));
        vec![workflow.or_else(|| run.map(Named::Run)).unwrap_or(Named::Anything)]
    }
}
