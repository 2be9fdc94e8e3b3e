//! Workflow definitions as they are answered.

use std::collections::BTreeMap;

use domain::workflows::{Diagnostic, Severity, StepDocument, WorkflowDefinition, WorkflowDocument};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Stamp, shapes::FollowUp};

/// A workflow, or one version of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Workflow")]
pub(crate) struct WorkflowView {
    /// The id of this version. The newest version keeps the id with which the workflow was created.
    id: Uuid,
    /// The id of the newest version; equal to `id` if this is it.
    head_id: Uuid,
    name: String,
    description: Option<String>,
    /// The number of the version, from 1.
    version: u32,
    /// What the version changes against the one before.
    change_summary: Option<String>,
    workflow_data: WorkflowData,
    /// Whether the version may be executed: `active` and `deprecated` ones may. While the newest version is `inactive` or `deleted`,
    /// none is.
    #[schemars(extend("enum" = ["draft", "active", "deprecated", "archived", "inactive", "deleted"]))]
    status: &'static str,
    created_at: Stamp,
    updated_at: Stamp,
    created_by: Option<String>,
    updated_by: Option<String>,
}

/// What is to be said about a document.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WorkflowValidation")]
pub(crate) struct ValidationView {
    /// Whether it would be saved.
    valid: bool,
    /// All findings.
    diagnostics: Vec<DiagnosticView>,
}

/// A finding in a document.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Diagnostic")]
pub(crate) struct DiagnosticView {
    /// Where, as a JSON Pointer into the request's body.
    pointer: String,
    /// Which rule, stable for programs.
    code: &'static str,
    /// `error` keeps the document from being saved, `warning` does not.
    #[schemars(extend("enum" = ["error", "warning"]))]
    severity: &'static str,
    /// What is wrong, for people.
    message: String,
    /// What would mend it, where that is known.
    hint: Option<String>,
}

impl From<Diagnostic> for DiagnosticView {
    fn from(found: Diagnostic) -> Self {
        Self {
            pointer: found.pointer,
            code: found.code,
            severity: found.severity.as_str(),
            message: found.message,
            hint: found.hint,
        }
    }
}

impl From<Vec<Diagnostic>> for ValidationView {
    fn from(found: Vec<Diagnostic>) -> Self {
        Self {
            valid: found.iter().all(|found| found.severity != Severity::Error),
            diagnostics: found.into_iter().map(Into::into).collect(),
        }
    }
}

/// A workflow document.
#[derive(Debug, Serialize, JsonSchema)]
struct WorkflowData {
    /// `wf-{name}-{version}`, for old readers.
    workflow_id: String,
    name: String,
    /// The number of the version as a text, for old readers.
    version: String,
    /// The id of the step that runs first.
    start_step: String,
    /// The steps by id.
    steps: BTreeMap<String, StepView>,
    /// What the input of a run must fit: a JSON Schema. Absent where the workflow takes anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    input_schema: Option<Value>,
    /// What a run's output is made of. Absent where it is that of the last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// What follows a run that has completed. Absent where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<FollowUp>")]
    on_complete: Option<Value>,
    /// How many seconds a run may take. Absent where it may take any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32")]
    timeout_seconds: Option<Value>,
    /// How many attempts a run may repeat. Absent where the policies of its steps alone say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32")]
    max_retry_budget: Option<Value>,
}

/// A step. Members that do not apply to its type are absent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Step")]
struct StepView {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_name: Option<String>,
    /// The step that follows; null for the last one.
    next_step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_mapping: Option<Map<String, Value>>,
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

impl From<WorkflowDefinition> for WorkflowView {
    fn from(definition: WorkflowDefinition) -> Self {
        Self {
            id: definition.id.uuid(),
            head_id: definition.head.uuid(),
            name: definition.name.as_str().to_owned(),
            description: definition.description,
            version: definition.version,
            change_summary: definition.change_summary.map(|summary| summary.as_str().to_owned()),
            workflow_data: definition.document.into(),
            status: definition.status.as_str(),
            created_at: Stamp(definition.created_at),
            updated_at: Stamp(definition.updated_at),
            created_by: definition.created_by,
            updated_by: definition.updated_by,
        }
    }
}

impl From<WorkflowDocument> for WorkflowData {
    fn from(document: WorkflowDocument) -> Self {
        Self {
            workflow_id: document.workflow_id,
            name: document.name,
            version: document.version,
            start_step: document.start_step,
            steps: document.steps.into_iter().map(|(key, step)| (key, step.into())).collect(),
            input_schema: document.input_schema,
            output: document.output,
            on_complete: document.on_complete,
            timeout_seconds: document.limits.timeout_seconds,
            max_retry_budget: document.limits.max_retry_budget,
        }
    }
}

impl From<StepDocument> for StepView {
    fn from(step: StepDocument) -> Self {
        Self {
            id: step.id,
            r#type: step.kind,
            agent_name: step.agent_name,
            next_step: step.next_step,
            input_mapping: step.input_mapping,
            other: step.other,
        }
    }
}
