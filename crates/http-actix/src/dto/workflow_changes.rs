//! Changes of workflow definitions as they are sent.

use std::collections::BTreeMap;

use application::workflows::WorkflowChanges;
use domain::workflows::{ChangeSummary, Mention};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::Checked;

use super::{
    present,
    workflow_status::EditableStatus,
    workflows::{StepBody, documents},
};

/// What is to change about a workflow; members that are left out stay as they are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent keeps, null clears, a value replaces")]
pub(crate) struct UpdateWorkflow {
    /// What the workflow is for; null clears it.
    #[serde(default, deserialize_with = "present")]
    description: Option<Option<String>>,
    /// The id of the step that runs first. Makes a new version.
    #[serde(default)]
    #[schemars(with = "String")]
    start_step: Option<String>,
    /// The steps by id, all of them. Makes a new version.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, StepBody>")]
    steps: Option<BTreeMap<String, StepBody>>,
    /// What the input of a run must fit: a JSON Schema (2020-12); null clears it. Makes a new version.
    #[serde(default, deserialize_with = "present")]
    input_schema: Option<Option<Map<String, Value>>>,
    /// What a run's output is made of: any value, with references as in `input_mapping`; null clears it. Makes a new version.
    #[serde(default, deserialize_with = "present")]
    output: Option<Value>,
    /// What follows a run that has completed; null clears it. Makes a new version.
    #[serde(default, deserialize_with = "present")]
    on_complete: Option<Value>,
    /// How many seconds a run may take; null clears it. Makes a new version.
    #[serde(default, deserialize_with = "present")]
    timeout_seconds: Option<Value>,
    /// How many attempts a run may repeat; null clears it. Makes a new version.
    #[serde(default, deserialize_with = "present")]
    max_retry_budget: Option<Value>,
    /// With new content, the status of the new version, `active` if it is left out: `draft`, `active`, or `inactive`, which closes
    /// the whole workflow. Otherwise the new status of the newest version.
    #[serde(default)]
    #[schemars(with = "EditableStatus")]
    status: Option<EditableStatus>,
    /// What the new version changes.
    #[schemars(length(max = 1000))]
    change_summary: Option<String>,
}

impl Validate for UpdateWorkflow {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        let has_content = self.makes_version();
        if has_content && self.status.is_some_and(|status| !status.is_for_new_content()) {
            let message = "must be draft, active or inactive where new content is sent";
            report.append(parent().join("status"), garde::Error::new(message));
        }
        if !has_content && self.change_summary.is_some() {
            let message = "tells of new content: send it with what makes a new version";
            report.append(parent().join("change_summary"), garde::Error::new(message));
        }
    }
}

impl UpdateWorkflow {
    /// Whether there is content in it; what is the same as before makes a new version too.
    fn makes_version(&self) -> bool {
        self.start_step.is_some()
            || self.steps.is_some()
            || self.input_schema.is_some()
            || self.output.is_some()
            || self.on_complete.is_some()
            || self.timeout_seconds.is_some()
            || self.max_retry_budget.is_some()
    }

    pub(crate) fn command(self) -> WorkflowChanges {
        WorkflowChanges {
            description: self.description,
            start_step: self.start_step,
            steps: self.steps.map(documents),
            input_schema: self.input_schema.map(|schema| schema.map(Value::Object)),
            output: self.output.map(Some),
            on_complete: self.on_complete.map(Some),
            timeout_seconds: self.timeout_seconds.map(Some),
            max_retry_budget: self.max_retry_budget.map(Some),
            status: self.status.map(Into::into),
            change_summary: self.change_summary.as_deref().and_then(ChangeSummary::parse),
        }
    }
}

impl Checked for UpdateWorkflow {
    fn mentions(&self) -> Vec<Mention> {
        let mut mentions = self.steps.clone().map(documents).map_or_else(Vec::new, |steps| Mention::of_steps(&steps));
        mentions.extend(Mention::of_follow_ups(self.on_complete.as_ref()));
        mentions
    }
}
