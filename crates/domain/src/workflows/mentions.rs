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
        let agent = step.agent_name.as_ref().map(|name| mention("agent_name", Mentioned::Agent(name.clone())));
        let workflows = Mentioned::workflows(|member| step.other.get(member));
        agent.into_iter().chain(workflows.map(|(member, what)| mention(member, what))).collect()
    }

    /// Everything that is named by what follows the runs.
    pub fn of_follow_ups(on_complete: Option<&Value>) -> Vec<Self> {
        let items = on_complete.and_then(Value::as_array).into_iter().flatten();
        let of_item = |(number, item): (usize, &Value)| {
            let found = Mentioned::workflows(|member| item.get(member));
            found
                .map(|(member, what)| Self { pointer: format!("/on_complete/{number}/{member}"), what })
                .collect::<Vec<_>>()
        };
        items.enumerate().flat_map(of_item).collect()
    }
}

impl Mentioned {
    /// The workflows that some members name.
    fn workflows<'a>(member: impl Fn(&'static str) -> Option<&'a Value>) -> impl Iterator<Item = (&'static str, Self)> {
        let text = |name| member(name).and_then(Value::as_str);
        let name = text("workflow_name").map(|name| ("workflow_name", Self::Workflow(name.to_owned())));
        // The old system's texts call the name an id.
        let id = text("workflow_id").map(|text| {
            let id = text.parse().map(Self::WorkflowId);
            ("workflow_id", id.unwrap_or_else(|_| Self::Workflow(text.to_owned())))
        });
        name.into_iter().chain(id)
    }
}

impl WorkflowDocument {
    /// Everything that the document names beyond itself.
    pub fn mentions(&self) -> Vec<Mention> {
        let mut mentions = Mention::of_steps(&self.steps);
        mentions.extend(Mention::of_follow_ups(self.on_complete.as_ref()));
        mentions
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
