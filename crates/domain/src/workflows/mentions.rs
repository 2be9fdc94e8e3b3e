//! What a document names beyond itself: agents, and other workflows. Whoever is restricted may write no other names.
//!
//! It is read from the document as it was sent, before anything is known to be sound: a member that does not belong to the type of
//! its step names something as well.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::{StepDocument, WorkflowDocument};
use crate::ids::WorkflowId;

/// Something that a document names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Where, as a JSON Pointer into the document (RFC 6901).
    pub pointer: String,
    /// What.
    pub what: Mentioned,
}

/// An agent or a workflow, there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mentioned {
    /// An agent, by its name.
    Agent(String),
    /// A workflow, by its name.
    Workflow(String),
    /// A workflow, by its id or that of a version.
    WorkflowId(WorkflowId),
}

impl Mention {
    /// Everything that these steps name, in their order.
    pub fn of_steps(steps: &BTreeMap<String, StepDocument>) -> Vec<Self> {
        steps.iter().flat_map(|(key, step)| Self::of_step(key, step)).collect()
    }

    fn of_step(key: &str, step: &StepDocument) -> Vec<Self> {
        let mention = |member: &str, what| {
            let key = key.replace('~', "~0").replace('/', "~1");
            Self { pointer: format!("/steps/{key}/{member}"), what }
        };
        let text = |member: &str| step.other.get(member).and_then(Value::as_str);
        let agent = step.agent_name.as_ref().map(|name| mention("agent_name", Mentioned::Agent(name.clone())));
        let name = text("workflow_name").map(|name| mention("workflow_name", Mentioned::Workflow(name.to_owned())));
        // The old system's texts call the name an id.
        let id = text("workflow_id").map(|text| {
            let id = text.parse().map(Mentioned::WorkflowId);
            mention("workflow_id", id.unwrap_or_else(|_| Mentioned::Workflow(text.to_owned())))
        });
        [agent, name, id].into_iter().flatten().collect()
    }
}

impl WorkflowDocument {
    /// Everything that the document names beyond itself.
    pub fn mentions(&self) -> Vec<Mention> {
        Mention::of_steps(&self.steps)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn agents_and_workflows_are_named_with_their_places() {
        let id = "0190c0de-0000-7000-8000-0000000000ff";
        let steps = json!({
            "a": {"id": "a", "agent_name": "Fetcher"},
            "b/c": {"id": "b/c", "type": "sub_workflow", "workflow_name": "billing", "next_step": "d"},
            "d": {"id": "d", "type": "sub_workflow", "workflow_id": id},
            "e": {"id": "e", "type": "sub_workflow", "workflow_id": "payroll"},
            "f": {"id": "f", "type": "delay", "delay_config": {"seconds": 1}},
            "g": {"id": "g", "type": "delay", "workflow_name": "odd", "agent_name": "Odd"},
        });
        let steps: BTreeMap<String, StepDocument> = serde_json::from_value(steps).expect("steps");
        let document = WorkflowDocument::new("w", 1, "a".to_owned(), steps);
        let found = document.mentions();
        let found: Vec<_> = found.iter().map(|mention| (mention.pointer.as_str(), mention.what.clone())).collect();
        assert_eq!(
            found,
            [
                ("/steps/a/agent_name", Mentioned::Agent("Fetcher".to_owned())),
                ("/steps/b~1c/workflow_name", Mentioned::Workflow("billing".to_owned())),
                ("/steps/d/workflow_id", Mentioned::WorkflowId(id.parse().expect("an id"))),
                ("/steps/e/workflow_id", Mentioned::Workflow("payroll".to_owned())),
                ("/steps/g/agent_name", Mentioned::Agent("Odd".to_owned())),
                ("/steps/g/workflow_name", Mentioned::Workflow("odd".to_owned())),
            ]
        );
    }
}
