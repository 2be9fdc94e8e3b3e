//! What the old executor accepts as a plan (contract 5.1). It logs and drops what it does not accept, and the run stays
//! PENDING for ever; so that is found out before.

use std::collections::BTreeSet;

use domain::workflows::{StepDocument, WorkflowDocument};
use serde_json::Value;

const TYPES: [&str; 8] =
    ["agent", "parallel", "conditional", "loop", "fork_join", "sub_workflow", "wait_for_event", "validate"];

/// The document without members that are null (it refuses null where it knows a default), and with every type set.
pub(super) fn without_nulls(document: &WorkflowDocument) -> WorkflowDocument {
    let mut document = document.clone();
    for step in document.steps.values_mut() {
        step.kind.get_or_insert_with(|| "agent".to_owned());
        step.other.retain(|_, value| !value.is_null());
        step.other.values_mut().for_each(remove_nulls);
    }
    document
}

fn remove_nulls(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
        members.values_mut().for_each(remove_nulls);
    }
}

/// Why the old executor would not accept a plan, in a sentence; none if it would. The members of steps that are no agent
/// steps are not looked into beyond being there.
pub fn refused_by_the_old_executor(document: &WorkflowDocument) -> Option<String> {
    let named = [
        ("workflow_id", &document.workflow_id),
        ("name", &document.name),
        ("version", &document.version),
        ("start_step", &document.start_step),
    ];
    if let Some((member, _)) = named.into_iter().find(|(_, text)| text.trim().is_empty()) {
        return Some(format!("the plan's {member} is blank"));
    }
    if !document.steps.contains_key(&document.start_step) {
        return Some("the plan's start_step is none of its steps".to_owned());
    }
    if let Some(reason) = document.steps.iter().find_map(|(key, step)| step_refused(document, key, step)) {
        return Some(reason);
    }
    if document.steps.values().all(|step| step.next_step.is_some()) {
        return Some("every step of the plan has a next_step".to_owned());
    }
    has_cycle(document).then(|| "the plan's steps run in a circle".to_owned())
}

fn step_refused(document: &WorkflowDocument, key: &str, step: &StepDocument) -> Option<String> {
    let refuse = |problem: &str| Some(format!("step '{key}' of the plan {problem}"));
    if step.id.trim().is_empty() || step.id.trim() != key {
        return refuse("has an id that is not its key");
    }
    if step.next_step.as_ref().is_some_and(|next| !document.steps.contains_key(next)) {
        return refuse("has a next_step that does not exist");
    }
    let kind = step.kind.as_deref().unwrap_or("agent");
    if !TYPES.contains(&kind) {
        return refuse("has a type that the executor does not know");
    }
    if kind == "agent" && step.agent_name.as_deref().unwrap_or_default().is_empty() {
        return refuse("names no agent");
    }
    let mut values = step.input_mapping.iter().flatten();
    if let Some((member, _)) = values.find(|(_, value)| !value.is_string()) {
        return refuse(&format!("maps '{member}' to something that is no text"));
    }
    let has = |name| step.other.contains_key(name);
    let wanted = match kind {
        "parallel" => (!has("parallel_steps")).then_some("parallel_steps"),
        "conditional" if !has("condition") => Some("condition"),
        "conditional" => (!has("if_true_step") && !has("if_false_step")).then_some("if_true_step or if_false_step"),
        "loop" => (!has("loop_config")).then_some("loop_config"),
        "fork_join" => (!has("fork_join_config")).then_some("fork_join_config"),
        _ => None,
    };
    wanted.and_then(|member| refuse(&format!("has no {member}")))
}

/// Along `next_step` from the first step; others are not looked at.
fn has_cycle(document: &WorkflowDocument) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = Some(&document.start_step);
    while let Some(id) = next {
        if !seen.insert(id) {
            return true;
        }
        next = document.steps.get(id).and_then(|step| step.next_step.as_ref());
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plan(steps: &Value) -> WorkflowDocument {
        let plan = json!({"workflow_id": "wf-x-1", "name": "x", "version": "1", "start_step": "a", "steps": steps});
        serde_json::from_value(plan).expect("a document")
    }

    fn agent(next: Option<&str>) -> Value {
        json!({"id": "a", "type": "agent", "agent_name": "A", "next_step": next, "input_mapping": {"x": "${y}"}})
    }

    #[test]
    fn a_plain_plan_is_accepted() {
        assert_eq!(refused_by_the_old_executor(&plan(&json!({"a": agent(None)}))), None);
    }

    #[test]
    fn what_would_be_dropped_is_refused_with_a_sentence() {
        for (steps, reason) in [
            (json!({}), "the plan's start_step is none of its steps"),
            (json!({"a": {"id": "b", "agent_name": "A"}}), "step 'a' of the plan has an id that is not its key"),
            (json!({"a": {"id": "a"}}), "step 'a' of the plan names no agent"),
            (
                json!({"a": {"id": "a", "type": "magic"}}),
                "step 'a' of the plan has a type that the executor does not know",
            ),
            (json!({"a": agent(Some("b"))}), "step 'a' of the plan has a next_step that does not exist"),
            (json!({"a": agent(Some("a"))}), "every step of the plan has a next_step"),
            (json!({"a": {"id": "a", "type": "loop"}}), "step 'a' of the plan has no loop_config"),
            (
                json!({"a": {"id": "a", "agent_name": "A", "input_mapping": {"n": 1}}}),
                "step 'a' of the plan maps 'n' to something that is no text",
            ),
        ] {
            assert_eq!(refused_by_the_old_executor(&plan(&steps)).as_deref(), Some(reason));
        }
    }

    #[test]
    fn a_circle_is_refused_only_on_the_way_from_the_first_step() {
        let off_the_way = json!({
            "a": agent(None),
            "b": {"id": "b", "agent_name": "B", "next_step": "c"},
            "c": {"id": "c", "agent_name": "C", "next_step": "b"},
        });
        assert_eq!(refused_by_the_old_executor(&plan(&off_the_way)), None);
        let on_the_way = json!({"a": agent(Some("b")), "b": {"id": "b", "agent_name": "B", "next_step": "a"},
            "c": {"id": "c", "agent_name": "C"}});
        let reason = refused_by_the_old_executor(&plan(&on_the_way));
        assert_eq!(reason.as_deref(), Some("the plan's steps run in a circle"));
    }

    #[test]
    fn nulls_are_left_out_however_deep_and_the_type_is_always_set() {
        let document =
            plan(&json!({"a": {"id": "a", "loop_config": {"on_error": null, "collection": "c"}, "x": null}}));
        let step = serde_json::to_value(&without_nulls(&document).steps["a"]).expect("JSON");
        assert_eq!(step, json!({"id": "a", "type": "agent", "next_step": null, "loop_config": {"collection": "c"}}));
    }
}
