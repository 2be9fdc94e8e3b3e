//! Workflow documents for tests.

use serde_json::{Map, Value, json};

/// A workflow of steps in sequence, given as pairs of step and agent. The first step gets the run's `text`, each other one
/// the output of the step before.
pub fn workflow(name: &str, steps: &[(&str, &str)]) -> Value {
    let mut members = Map::new();
    for (index, (id, agent)) in steps.iter().enumerate() {
        let text = match index.checked_sub(1) {
            None => "${workflow.input.text}".to_owned(),
            Some(before) => format!("${{{}.output.text}}", steps[before].0),
        };
        let next = steps.get(index + 1).map(|(next, _)| *next);
        let step = json!({
            "id": id, "type": "agent", "agent_name": agent, "next_step": next, "input_mapping": {"text": text},
        });
        members.insert((*id).to_owned(), step);
    }
    json!({"name": name, "start_step": steps[0].0, "steps": members})
}
