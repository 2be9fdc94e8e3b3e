//! A second, naive implementation of what a linear run gives: no events, no retries, no references parsed ahead. What the
//! engine gives in the end must be equal to this.

use std::collections::BTreeMap;

use domain::{runs::RunStatus, workflows::StepDocument};
use serde_json::{Map, Value};

use crate::agents::answer;

/// What a run should come to.
#[derive(Debug, PartialEq)]
pub(crate) struct Expected {
    pub(crate) status: RunStatus,
    pub(crate) outputs: BTreeMap<String, Value>,
}

pub(crate) fn interpret(start: &str, steps: &BTreeMap<String, StepDocument>, input: &Value) -> Expected {
    let mut outputs = BTreeMap::new();
    let mut at = Some(start.to_owned());
    while let Some(step) = at.as_ref().and_then(|id| steps.get(id)) {
        let mapping = step.input_mapping.clone().unwrap_or_default();
        let input: Map<String, Value> = mapping.into_iter().map(|(k, v)| (k, replace(&v, input, &outputs))).collect();
        match answer(step.agent_name.as_deref().unwrap_or_default(), &Value::Object(input)) {
            Some(output) => outputs.insert(step.id.clone(), output),
            None => return Expected { status: RunStatus::Failed, outputs },
        };
        at.clone_from(&step.next_step);
    }
    Expected { status: RunStatus::Completed, outputs }
}

fn replace(value: &Value, input: &Value, outputs: &BTreeMap<String, Value>) -> Value {
    match value {
        Value::String(text) => replace_text(text, input, outputs),
        Value::Array(items) => items.iter().map(|item| replace(item, input, outputs)).collect(),
        Value::Object(members) => members.iter().map(|(k, v)| (k.clone(), replace(v, input, outputs))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn replace_text(text: &str, input: &Value, outputs: &BTreeMap<String, Value>) -> Value {
    let Some((before, rest)) = text.split_once("${") else { return Value::String(text.to_owned()) };
    let (reference, _) = rest.split_once('}').expect("generated references are closed");
    let value = match reference {
        "workflow.input.x" => input["x"].clone(),
        "workflow.input.list[1]" => input["list"][1].clone(),
        other => outputs[other.strip_suffix(".output.x").expect("a generated reference")]["x"].clone(),
    };
    match value {
        Value::String(value) if !before.is_empty() => Value::String(format!("{before}{value}")),
        value => value,
    }
}
