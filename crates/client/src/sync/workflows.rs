//! Whether a workflow is as it is wanted. Its content is always compared as a whole, because a change of it is a new version; its
//! description and its status are changed in place.

use serde_json::{Map, Value, json};

use super::{
    difference::{Difference, differences},
    plan::Style,
};

/// What a document has beside its content.
const AROUND: [&str; 6] = ["workflow_id", "name", "version", "description", "status", "change_summary"];

/// What has to be changed about a workflow, and what to send for it.
#[derive(Debug, Default)]
pub(super) struct WorkflowChange {
    pub(super) differences: Vec<Difference>,
    pub(super) send: Map<String, Value>,
    /// Whether that makes a new version.
    pub(super) is_new_version: bool,
}

/// Compares a workflow, as it is answered, with what is said about it.
pub(super) fn compare(there: &Value, wanted: &Map<String, Value>, style: Style) -> WorkflowChange {
    let mut change = WorkflowChange::default();
    let before = content(there["workflow_data"].as_object().unwrap_or(&Map::new()));
    let after = content(wanted);
    let found = differences("", &Value::Object(before.clone()), &Value::Object(after.clone()));
    if !found.is_empty() {
        change.is_new_version = true;
        change.differences.extend(found);
        for name in before.keys().chain(after.keys()) {
            change.send.insert(name.clone(), wanted.get(name).cloned().unwrap_or(Value::Null));
        }
        if let Some(summary) = wanted.get("change_summary").filter(|summary| !summary.is_null()) {
            change.send.insert("change_summary".to_owned(), summary.clone());
        }
    }
    let described = wanted.get("description").or(style.whole.then_some(&Value::Null));
    for (name, value) in
        [("description", described), ("status", wanted.get("status").filter(|status| !status.is_null()))]
    {
        let Some(value) = value else { continue };
        let found = differences(&format!("/{name}"), &there[name], value);
        if !found.is_empty() {
            change.differences.extend(found);
            change.send.insert(name.to_owned(), value.clone());
        }
    }
    change
}

/// The content of a document, in one spelling.
fn content(document: &Map<String, Value>) -> Map<String, Value> {
    let said = document.iter().filter(|(name, value)| !AROUND.contains(&name.as_str()) && !value.is_null());
    let mut content: Map<String, Value> = said.map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(steps) = content.get_mut("steps").and_then(Value::as_object_mut) {
        steps.values_mut().for_each(settle);
    }
    content
}

/// A step in one spelling: its type is said, null members are not.
fn settle(step: &mut Value) {
    let Some(members) = step.as_object_mut() else { return };
    for (name, other) in [("then_step", "if_true_step"), ("else_step", "if_false_step")] {
        if let Some(value) = members.remove(name).filter(|value| !value.is_null()) {
            members.entry(other).or_insert(value);
        }
    }
    members.retain(|_, value| !value.is_null());
    let kind = members.entry("type").or_insert_with(|| json!("agent"));
    if *kind == json!("fork-join") {
        *kind = json!("fork_join");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there() -> Value {
        json!({
            "name": "w", "description": "d", "status": "active", "version": 3,
            "workflow_data": {"workflow_id": "wf-w-3", "name": "w", "version": "3", "start_step": "a", "output": "${a.output}", "steps": {
                "a": {"id": "a", "type": "agent", "agent_name": "A", "next_step": null, "input_mapping": {"x": 1}},
                "c": {"id": "c", "type": "conditional", "next_step": null, "then_step": "a"},
            }},
        })
    }

    fn change(wanted: &Value, whole: bool) -> WorkflowChange {
        let style = Style { whole, send_credentials: false };
        compare(&there(), wanted.as_object().expect("an object"), style)
    }

    #[test]
    fn what_says_the_same_in_other_words_is_no_change() {
        let wanted = json!({"name": "w", "start_step": "a", "output": "${a.output}", "change_summary": "later", "input_schema": null, "steps": {
            "a": {"id": "a", "agent_name": "A", "input_mapping": {"x": 1.0}, "loop_config": null},
            "c": {"id": "c", "type": "conditional", "if_true_step": "a"},
        }});
        let change = change(&wanted, false);
        assert!(change.differences.is_empty() && change.send.is_empty(), "{change:?}");
    }

    #[test]
    fn other_content_is_sent_as_a_whole_and_what_is_gone_is_cleared() {
        let wanted = json!({"name": "w", "start_step": "a", "change_summary": "why", "steps": {"a": {"id": "a", "agent_name": "B"}}});
        let change = change(&wanted, false);
        assert!(change.is_new_version);
        assert_eq!(change.send["output"], Value::Null);
        assert_eq!(change.send["change_summary"], json!("why"));
        assert_eq!(change.send["steps"], wanted["steps"]);
        let lines: Vec<String> = change.differences.iter().map(Difference::line).collect();
        assert!(lines.contains(&"~ /steps/a/agent_name: \"A\" → \"B\"".to_owned()), "{lines:?}");
    }

    #[test]
    fn a_description_is_changed_in_place() {
        let mut wanted = there()["workflow_data"].clone();
        let here = change(&wanted, true);
        assert_eq!(Value::Object(here.send), json!({"description": null}));
        assert!(!here.is_new_version);
        wanted["description"] = json!("other");
        wanted["status"] = json!("inactive");
        assert_eq!(Value::Object(change(&wanted, false).send), json!({"description": "other", "status": "inactive"}));
    }
}
