//! Workflow documents as they are written down: plans of the old system with its synonyms (contract 5.1), or as the API has them.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Flaw, Origin, Read, WantedWorkflow};
use crate::source::Located;

/// What the API takes of a document, beside its steps.
const MEMBERS: [&str; 9] = [
    "name",
    "description",
    "start_step",
    "input_schema",
    "output",
    "timeout_seconds",
    "max_retry_budget",
    "on_complete",
    "change_summary",
];

/// What the old documents have and the server makes anew.
const MADE_ANEW: [&str; 2] = ["workflow_id", "version"];

/// What the API takes of a step.
const STEP_MEMBERS: [&str; 20] = [
    "id",
    "type",
    "agent_name",
    "next_step",
    "input_mapping",
    "parallel_steps",
    "max_parallelism",
    "condition",
    "if_true_step",
    "if_false_step",
    "loop_config",
    "fork_join_config",
    "delay_config",
    "workflow_name",
    "workflow_id",
    "workflow_version",
    "timeout_seconds",
    "retry_strategy",
    "event_config",
    "validate_config",
];

const LOOP_MEMBERS: [&str; 6] =
    ["collection", "loop_body", "execution_mode", "max_parallelism", "max_iterations", "on_error"];
const FORK_MEMBERS: [&str; 4] = ["branches", "join_policy", "n_required", "branch_timeout_seconds"];

/// A plan of the old system. What its executor ignores is left out and told; what it calls otherwise is renamed.
pub(super) fn old_workflow(file: &Path, located: &Located, strip_steps: bool, read: &mut Read) {
    let Some((plan, origin)) = document(file, located, read) else { return };
    let mut notes = Vec::new();
    let mut body = Map::new();
    for (name, value) in plan.iter().filter(|(name, _)| *name != "steps") {
        if MEMBERS.contains(&name.as_str()) {
            if !value.is_null() {
                body.insert(name.clone(), value.clone());
            }
        } else if !MADE_ANEW.contains(&name.as_str()) {
            notes.push(format!("'{name}' is left out: it means nothing here"));
        }
    }
    let steps = plan.get("steps").and_then(Value::as_object).cloned().unwrap_or_default();
    let steps = steps.into_iter().map(|(key, step)| {
        let step = old_step(&key, step, &mut notes);
        (key, step)
    });
    let steps: Map<String, Value> = steps.collect();
    body.insert("steps".to_owned(), if strip_steps { stripped(Value::Object(steps)) } else { Value::Object(steps) });
    body.entry("change_summary").or_insert_with(|| {
        let version = plan.get("version").map(|version| format!(", version {}", bare(version))).unwrap_or_default();
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let summary = format!("imported from {name}{version}");
        json!(summary.chars().filter(|c| !c.is_control()).take(1000).collect::<String>())
    });
    finish(body, origin, notes, read);
}

/// A document as the API has it, or as it is answered there. What the API does not know is for the server to refuse.
pub(super) fn workflow(file: &Path, located: &Located, read: &mut Read) {
    let Some((plan, origin)) = document(file, located, read) else { return };
    let body = plan.into_iter().filter(|(name, _)| !MADE_ANEW.contains(&name.as_str())).collect();
    finish(body, origin, Vec::new(), read);
}

fn finish(body: Map<String, Value>, origin: Origin, notes: Vec<String>, read: &mut Read) {
    match body.get("name") {
        Some(Value::String(name)) if !name.trim().is_empty() => {
            let name = name.clone();
            read.workflows.push(WantedWorkflow { name, body, origin, notes });
        }
        Some(Value::Null) | None => read.flaws.push(origin.flaw("", "the workflow has no name", None)),
        Some(_) => read.flaws.push(origin.flaw("/name", "the name must be a text that is not blank", None)),
    }
}

/// The members of a document; none if it is no workflow at all.
fn document(file: &Path, located: &Located, read: &mut Read) -> Option<(Map<String, Value>, Origin)> {
    let origin = Origin { file: file.to_owned(), located: located.clone(), ..Origin::default() };
    let Some(plan) = located.value.as_object() else {
        read.flaws.push(origin.flaw("", "a workflow is an object with name, start_step and steps", None));
        return None;
    };
    if !matches!(plan.get("steps"), Some(Value::Object(_))) {
        let at = if plan.contains_key("steps") { "/steps" } else { "" };
        let flaw: Flaw = origin.flaw(at, "a workflow has an object of its steps by their ids, under 'steps'", None);
        read.flaws.push(flaw);
        return None;
    }
    Some((plan.clone(), origin))
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn old_step(key: &str, step: Value, notes: &mut Vec<String>) -> Value {
    let Value::Object(step) = step else { return step };
    let is_null = |value: &Value| value.is_null();
    let mut settled = Map::new();
    let kind = step.get("type").and_then(Value::as_str).unwrap_or("agent").replace("fork-join", "fork_join");
    let (mut of_loop, mut of_fork) = (Map::new(), Map::new());
    for (name, value) in &step {
        if is_null(value) && name != "next_step" {
            continue;
        }
        match name.as_str() {
            "type" => {
                let spelled = value.as_str().map_or_else(|| value.clone(), |_| json!(kind));
                settled.insert("type".to_owned(), spelled);
            }
            "then_step" => {
                settled.entry("if_true_step").or_insert_with(|| value.clone());
            }
            "else_step" => {
                settled.entry("if_false_step").or_insert_with(|| value.clone());
            }
            inner if kind == "loop" && LOOP_MEMBERS.contains(&inner) => {
                of_loop.insert(inner.to_owned(), value.clone());
            }
            inner if kind == "fork_join" && FORK_MEMBERS.contains(&inner) => {
                of_fork.insert(inner.to_owned(), value.clone());
            }
            known if STEP_MEMBERS.contains(&known) => {
                settled.insert(known.to_owned(), value.clone());
            }
            other => notes.push(format!("'{other}' of step '{key}' is left out: it means nothing here")),
        }
    }
    for (config, members) in [("loop_config", of_loop), ("fork_join_config", of_fork)] {
        if members.is_empty() {
            continue;
        }
        // Whoever writes both means the config.
        match settled.entry(config).or_insert_with(|| json!({})) {
            Value::Object(inner) => members.into_iter().for_each(|(name, value)| {
                inner.entry(name).or_insert(value);
            }),
            _ => notes.push(format!("'{config}' of step '{key}' is no object")),
        }
    }
    Value::Object(settled)
}

/// The same with `${steps.x.output}` written as `${x.output}`, in every text.
fn stripped(value: Value) -> Value {
    match value {
        Value::String(text) => json!(text.replace("${steps.", "${")),
        Value::Array(items) => Value::Array(items.into_iter().map(stripped).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, stripped(value))).collect())
        }
        other => other,
    }
}

/// Whether a value is a workflow rather than something else that lies in the folder.
pub(super) fn is_workflow(value: &Value) -> bool {
    value.get("steps").is_some() || value.get("start_step").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::json as parse;

    fn imported(document: &Value, strip: bool) -> WantedWorkflow {
        let mut read = Read::default();
        let located = parse(&serde_json::to_string_pretty(document).expect("JSON")).expect("JSON");
        old_workflow(Path::new("dir/report.json"), &located, strip, &mut read);
        assert!(read.flaws.is_empty(), "{:?}", read.flaws);
        read.workflows.pop().expect("a workflow")
    }

    #[test]
    fn synonyms_are_put_into_the_words_of_the_api() {
        let workflow = imported(
            &json!({"workflow_id": "wf-1", "name": "report", "version": "0.3", "start_step": "c", "owner": "x", "steps": {
                "c": {"id": "c", "type": "conditional", "condition": {"expression": "1 == 1"}, "then_step": "l", "else_step": null, "description": "d"},
                "l": {"id": "l", "type": "loop", "collection": "${workflow.input.x}", "loop_body": ["a"], "max_parallelism": 2},
                "f": {"id": "f", "type": "fork-join", "branches": {"x": {"steps": ["a"]}}, "join_policy": "any", "agent_name": null},
                "a": {"id": "a", "agent_name": "A", "input_mapping": {"y": "${steps.c.output.z}"}},
            }}),
            true,
        );
        let steps = &workflow.body["steps"];
        assert_eq!(
            steps["c"],
            json!({"id": "c", "type": "conditional", "condition": {"expression": "1 == 1"}, "if_true_step": "l"})
        );
        assert_eq!(
            steps["l"]["loop_config"],
            json!({"collection": "${workflow.input.x}", "loop_body": ["a"], "max_parallelism": 2})
        );
        assert_eq!(
            steps["f"],
            json!({"id": "f", "type": "fork_join", "fork_join_config": {"branches": {"x": {"steps": ["a"]}}, "join_policy": "any"}})
        );
        assert_eq!(steps["a"]["input_mapping"]["y"], json!("${c.output.z}"));
        assert_eq!(workflow.body["change_summary"], json!("imported from report.json, version 0.3"));
        assert!(workflow.body.get("workflow_id").is_none() && workflow.body.get("version").is_none());
        assert_eq!(
            workflow.notes,
            [
                "'owner' is left out: it means nothing here",
                "'description' of step 'c' is left out: it means nothing here"
            ]
        );
    }

    #[test]
    fn references_stay_as_they_are_unless_somebody_wants_otherwise() {
        let step = json!({"id": "a", "agent_name": "A", "input_mapping": {"y": "${steps.c.output.z}"}});
        let workflow = imported(&json!({"name": "n", "start_step": "a", "steps": {"a": step}}), false);
        assert_eq!(workflow.body["steps"]["a"], step);
        let flaw = workflow.origin.flaw("/steps/a/agent_name", "is unknown", None);
        assert!(flaw.place.is_some_and(|place| place.line > 3), "{flaw:?}");
    }

    #[test]
    fn what_is_no_workflow_is_refused_in_one_piece() {
        for (text, pointer) in
            [("[]", ""), ("{\"name\": \"a\"}", ""), ("{\"steps\": []}", "/steps"), ("{\"steps\": {}}", "")]
        {
            let mut read = Read::default();
            old_workflow(Path::new("x.json"), &parse(text).expect("JSON"), false, &mut read);
            assert_eq!(read.flaws.len(), 1, "{text}");
            assert_eq!(read.flaws[0].pointer, pointer, "{text}");
        }
    }
}
