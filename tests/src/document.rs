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

/// A workflow with a step of every type, whose last step gets the outputs of all blocks. It calls the agents `echo` and
/// `broken`, which always fails.
pub fn every_step_type(name: &str) -> Value {
    let agent =
        |id: &str, agent: &str, text: &str| json!({"id": id, "agent_name": agent, "input_mapping": {"text": text}});
    let steps = json!({
        "gather": {"id": "gather", "type": "parallel", "parallel_steps": ["left", "right"], "next_step": "decide"},
        "left": agent("left", "echo", "${workflow.input.text} left"),
        "right": agent("right", "echo", "${workflow.input.text} right"),
        "decide": {
            "id": "decide", "type": "conditional", "next_step": "each",
            "condition": {"expression": "'left' in ${left.output.text} and ${workflow.input.items[-1].n} >= 3"},
            "if_true_step": "agree", "if_false_step": "object",
        },
        "agree": agent("agree", "echo", "agreed"),
        "object": agent("object", "echo", "objected"),
        "each": {
            "id": "each", "type": "loop", "next_step": "try",
            "loop_config": {
                "collection": "${workflow.input.items}", "loop_body": ["say", "repeat"],
                "execution_mode": "parallel", "max_parallelism": 2,
            },
        },
        "say": agent("say", "echo", "${loop.item.n} of ${loop.total}"),
        "repeat": agent("repeat", "echo", "${say.output.text}, number ${loop.index}"),
        "try": {
            "id": "try", "type": "loop", "next_step": "race",
            "loop_config": {"collection": "${workflow.input.items}", "loop_body": ["attempt"], "on_error": "continue"},
        },
        "attempt": {
            "id": "attempt", "type": "conditional", "condition": {"expression": "${loop.is_first}"},
            "then_step": "fails", "else_step": "works",
        },
        "fails": agent("fails", "broken", "x"),
        "works": agent("works", "echo", "${loop.index}"),
        "race": {
            "id": "race", "type": "fork_join", "next_step": "wait",
            "fork_join_config": {
                "branches": {
                    "good": {"steps": ["one", "two"], "timeout_seconds": 60},
                    "bad": {"steps": ["lost"]},
                },
                "join_policy": "any",
            },
        },
        "one": agent("one", "echo", "one"),
        "two": agent("two", "echo", "${one.output.text} two"),
        "lost": agent("lost", "broken", "x"),
        "wait": {"id": "wait", "type": "delay", "delay_config": {"seconds": 0.05}, "next_step": "last"},
        "last": {
            "id": "last", "agent_name": "echo", "next_step": null,
            "input_mapping": {
                "text": "${agree.output.text} after ${each.output.total_count}",
                "gather": "${gather.output}", "decide": "${decide.output}", "each": "${each.output}",
                "try": "${try.output}", "race": "${race.output}",
            },
        },
    });
    json!({"name": name, "start_step": "gather", "steps": steps})
}

/// What the last step of [`every_step_type`] gets in a run on `{"text": "hello", "items": [{"n": 1}, {"n": 2}, {"n": 3}]}`, with
/// the texts of agents' answers in their place.
pub fn every_output() -> Value {
    let tried = |text: &str| {
        json!({
            "condition_result": false, "branch_taken": "else", "branch_step_id": "works", "branch_output": text,
        })
    };
    json!({
        "text": "agreed after 3",
        "gather": {"left": "hello left", "right": "hello right"},
        "decide": {
            "condition_result": true, "branch_taken": "then", "branch_step_id": "agree", "branch_output": "agreed",
        },
        "each": {
            "iterations": ["1 of 3, number 0", "2 of 3, number 1", "3 of 3, number 2"], "total_count": 3,
        },
        "try": {"iterations": [null, tried("1"), tried("2")], "total_count": 3, "failed_count": 1},
        "race": {"good": "one two", "bad": null},
    })
}

/// A value with the texts of agents' answers in their place: the rest of an answer has ids of its own.
pub fn texts(value: &Value) -> Value {
    match value {
        Value::Object(answer) if answer.contains_key("artifacts") => answer["text"].clone(),
        Value::Object(members) => members.iter().map(|(key, member)| (key.clone(), texts(member))).collect(),
        Value::Array(items) => items.iter().map(texts).collect(),
        other => other.clone(),
    }
}
