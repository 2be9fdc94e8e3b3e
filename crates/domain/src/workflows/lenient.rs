//! Reading plans of foreign producers as leniently as the old executor does (contract 5.1): what it ignores is ignored, what
//! it supplies is supplied, so that no document stops running because of who executes it. Documents that come through the
//! REST API are read strictly, elsewhere.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    document::{RunLimits, StepDocument, WorkflowDocument},
    steps::named,
};

impl WorkflowDocument {
    /// Reads a plan from the bus or from an old row: the steps that are reached from the first, each with the members that
    /// its type knows. Answers in a sentence what makes it no plan at all.
    pub fn read_leniently(plan: &Value) -> Result<Self, String> {
        let plan = plan.as_object().ok_or("the workflow plan is not an object")?;
        let start = text(plan, "start_step").ok_or("the workflow plan has no start_step")?;
        let steps = plan.get("steps").and_then(Value::as_object).ok_or("the workflow plan has no steps")?;
        let name = text(plan, "name").or_else(|| text(plan, "workflow_id")).unwrap_or_else(|| "unnamed".to_owned());
        let version = text(plan, "version").unwrap_or_else(|| "1".to_owned());
        let workflow_id = text(plan, "workflow_id").unwrap_or_else(|| format!("wf-{name}-{version}"));
        let steps = reached(&start, steps)?;
        let limits = RunLimits::default();
        Ok(Self {
            workflow_id,
            name,
            version,
            start_step: start,
            steps,
            input_schema: None,
            output: None,
            on_complete: None,
            limits,
        })
    }
}

/// A text, or a number in its place.
fn text(object: &Map<String, Value>, member: &str) -> Option<String> {
    match object.get(member)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The steps on the main path and in its blocks; the old executor never looks at others.
fn reached(start: &str, steps: &Map<String, Value>) -> Result<BTreeMap<String, StepDocument>, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![start.to_owned()];
    while let Some(key) = open.pop() {
        // What a step names and what is not there, the plan's own check finds, and the run fails with that reason.
        let Some(step) = steps.get(&key).filter(|_| !found.contains_key(&key)) else { continue };
        let step = step.as_object().ok_or_else(|| format!("step '{key}' of the workflow plan is not an object"))?;
        let step = read_step(&key, step);
        open.extend(step.next_step.clone());
        open.extend(named(&step).into_iter().map(|(_, id)| id));
        found.insert(key, step);
    }
    Ok(found)
}

fn read_step(key: &str, step: &Map<String, Value>) -> StepDocument {
    let kind = text(step, "type").unwrap_or_else(|| "agent".to_owned());
    let is_agent = kind == "agent";
    // Members of other types are kept, so that the check can say which type is meant.
    let ours = ["id", "type", "agent_name", "next_step", "input_mapping"];
    let others =
        step.iter().filter(|(member, value)| !is_agent && !ours.contains(&member.as_str()) && !value.is_null());
    StepDocument {
        id: key.to_owned(),
        agent_name: text(step, "agent_name"),
        next_step: text(step, "next_step"),
        input_mapping: step.get("input_mapping").and_then(Value::as_object).cloned(),
        other: others.map(|(member, value)| (member.clone(), value.clone())).collect(),
        kind: Some(kind),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{ports::NoSchemas, workflows::compile};

    #[test]
    fn what_the_old_executor_ignores_is_ignored() {
        let plan = json!({
            "workflow_id": "wf-x", "name": "x", "version": "0.3", "start_step": "a", "made_by": "somebody", "steps": {
                "a": {"id": "a", "agent_name": "A", "next_step": "b", "input_mapping": {}, "description": "first",
                      "branches": null},
                "b": {"id": "other", "type": "agent", "agent_name": "B", "input_mapping": {"n": 1}},
                "never": {"id": "never", "agent_name": "C", "next_step": "never", "input_mapping": {}},
            },
        });
        let document = WorkflowDocument::read_leniently(&plan).expect("it is a plan");
        let plan = compile(&document, &NoSchemas).expect("it can be executed");
        assert_eq!(plan.steps().map(|step| step.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((document.version.as_str(), document.workflow_id.as_str()), ("0.3", "wf-x"));
    }

    #[test]
    fn what_is_missing_is_supplied() {
        let plan = json!({"start_step": "a", "steps": {"a": {"agent_name": "A", "input_mapping": {}}}});
        let document = WorkflowDocument::read_leniently(&plan).expect("it is a plan");
        assert_eq!((document.name.as_str(), document.workflow_id.as_str()), ("unnamed", "wf-unnamed-1"));
    }

    #[test]
    fn what_is_no_plan_is_refused_with_a_sentence() {
        for (plan, why) in [
            (json!(null), "the workflow plan is not an object"),
            (json!({"steps": {}}), "the workflow plan has no start_step"),
            (json!({"start_step": "a"}), "the workflow plan has no steps"),
            (json!({"start_step": "a", "steps": {"a": 1}}), "step 'a' of the workflow plan is not an object"),
        ] {
            assert_eq!(WorkflowDocument::read_leniently(&plan).expect_err("it is no plan"), why);
        }
    }

    #[test]
    fn a_cycle_and_a_missing_step_are_left_to_the_check() {
        for next in ["a", "gone"] {
            let plan =
                json!({"start_step": "a", "steps": {"a": {"agent_name": "A", "input_mapping": {}, "next_step": next}}});
            let document = WorkflowDocument::read_leniently(&plan).expect("it is a plan");
            assert!(compile(&document, &NoSchemas).is_err());
        }
    }

    #[test]
    fn a_step_of_another_type_keeps_its_members() {
        let plan = json!({"start_step": "a", "steps": {"a": {"type": "loop", "collection": "${x}", "max": null}}});
        let document = WorkflowDocument::read_leniently(&plan).expect("it is a plan");
        assert_eq!(document.steps["a"].other.keys().collect::<Vec<_>>(), ["collection"]);
    }
}
