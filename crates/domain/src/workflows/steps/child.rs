//! Steps of type `sub_workflow`.

use serde_json::Value;

use super::{Content, Reader};
use crate::{
    agents::AgentName,
    ids::WorkflowId,
    workflows::{
        definition::WorkflowName,
        work::{ChildTarget, ChildWorkflow},
    },
};

impl Reader<'_> {
    pub(super) fn child(&mut self) -> Option<Content> {
        let workflow = self.child_workflow();
        let version = self.child_version();
        let timeout_seconds = self.timeout();
        let input = match &self.step.input_mapping {
            Some(_) => self.mapping(),
            None => Some(Vec::new()),
        };
        let target = ChildTarget { workflow: workflow?, version: version? };
        let performer = performer(&target)?;
        Some(Content::Child { target, timeout_seconds: timeout_seconds?, performer, input: input? })
    }

    fn child_workflow(&mut self) -> Option<ChildWorkflow> {
        let (name, value) = match (self.member("workflow_name"), self.member("workflow_id")) {
            (Some(value), None) => ("workflow_name", value),
            (None, Some(value)) => ("workflow_id", value),
            (Some(_), Some(_)) => {
                let message = "'workflow_id' means the same as 'workflow_name', which is there too".to_owned();
                self.error(&["workflow_id"], "said_twice", message);
                return None;
            }
            (None, None) => {
                let message = format!("step '{}' needs a workflow_name or a workflow_id", self.key);
                self.error(&[], "workflow_missing", message);
                return None;
            }
        };
        let text = value.as_str().unwrap_or_default();
        // The old system's texts call the name an id.
        let id = (name == "workflow_id").then(|| text.parse::<WorkflowId>().ok()).flatten();
        let found = id.map(ChildWorkflow::Id).or_else(|| WorkflowName::parse(text).map(ChildWorkflow::Named));
        if found.is_none() {
            self.error(&[name], "invalid_workflow_name", format!("'{name}' must be the name of a workflow, or its id"));
        }
        found
    }

    /// A number, perhaps as a text, perhaps with a `v` before it.
    #[expect(clippy::option_option, reason = "a wrong number, none at all, and one are three things")]
    fn child_version(&mut self) -> Option<Option<u32>> {
        let Some(value) = self.member("workflow_version") else { return Some(None) };
        let stripped = match value {
            Value::String(text) => Value::String(text.trim().trim_start_matches(['v', 'V']).to_owned()),
            other => other.clone(),
        };
        self.count(&["workflow_version"], Some(&stripped), u32::MAX)
    }
}

fn performer(target: &ChildTarget) -> Option<AgentName> {
    let text: String = format!("workflow {target}").chars().take(255).collect();
    AgentName::parse(&text).ok()
}
