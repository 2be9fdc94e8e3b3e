//! The workflow document as it is sent and stored. Nothing is checked here; `compile` does that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A workflow document (contract 5.1): the stored `workflow_data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkflowDocument {
    /// `wf-{name}-{version}`, for old readers.
    pub workflow_id: String,
    /// The workflow's name.
    pub name: String,
    /// The version as a decimal text, for old readers.
    pub version: String,
    /// The id of the step that runs first.
    pub start_step: String,
    /// The steps by id.
    pub steps: BTreeMap<String, StepDocument>,
    /// What a run's input must be: a JSON Schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Value>,
    /// What a run's output is: any value, with references to the outputs of steps. Without it, the last step's output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What follows a run that has completed: a list of runs of other workflows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_complete: Option<Value>,
    /// What a run may use.
    #[serde(flatten)]
    pub limits: RunLimits,
}

/// What a run of a document may use: numbers, if the document is sound.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunLimits {
    /// How many seconds it may take, from its start or from its last resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<Value>,
    /// How many attempts may be repeated, of all steps together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retry_budget: Option<Value>,
}

/// A step of a document. Members that do not apply are omitted when written (contract 2.3, item 8), except `next_step`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StepDocument {
    /// The step's id; equals its key.
    pub id: String,
    /// The step's type; absent means `agent`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The agent that does the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<String>,
    /// The step that follows; null for the last.
    #[serde(default)]
    pub next_step: Option<String>,
    /// The step's input: an object whose members may hold references.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_mapping: Option<Map<String, Value>>,
    /// Members of other step types, kept so that the check can name them.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl WorkflowDocument {
    /// The document of a version, with the members that old readers expect.
    pub fn new(name: &str, version: u32, start_step: String, steps: BTreeMap<String, StepDocument>) -> Self {
        let steps = steps.into_iter().map(|(key, step)| (key, step.tidy())).collect();
        Self {
            workflow_id: format!("wf-{name}-{version}"),
            name: name.to_owned(),
            version: version.to_string(),
            start_step,
            steps,
            input_schema: None,
            output: None,
            on_complete: None,
            limits: RunLimits::default(),
        }
    }

    /// The same with what it demands of a run's input and makes a run's output of. Null says the same as nothing.
    pub fn declaring(self, input_schema: Option<Value>, output: Option<Value>) -> Self {
        let said = |value: Option<Value>| value.filter(|value| !value.is_null());
        Self { input_schema: said(input_schema), output: said(output), ..self }
    }

    /// The same with what follows its runs. Null and an empty list say the same as nothing.
    pub fn followed_by(self, on_complete: Option<Value>) -> Self {
        let says = |value: &Value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty());
        Self { on_complete: on_complete.filter(says), ..self }
    }

    /// The same with what a run may use. Null says the same as nothing.
    pub fn limited(self, limits: RunLimits) -> Self {
        let said = |value: Option<Value>| value.filter(|value| !value.is_null());
        let RunLimits { timeout_seconds, max_retry_budget } = limits;
        let limits = RunLimits { timeout_seconds: said(timeout_seconds), max_retry_budget: said(max_retry_budget) };
        Self { limits, ..self }
    }

    /// How many bytes it has as JSON.
    pub fn bytes(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |text| text.len())
    }
}

impl StepDocument {
    /// The explicit type, and no null members.
    fn tidy(mut self) -> Self {
        self.kind.get_or_insert_with(|| "agent".to_owned());
        self.other.retain(|_, value| !value.is_null());
        self
    }
}
