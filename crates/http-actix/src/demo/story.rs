//! The demo's agents and workflow: research, write, review.

use demo_agents::DemoAgents;
use serde_json::{Value, json};

/// The ids of the workflow's steps, in order.
pub(super) const STEPS: [&str; 3] = ["research", "write", "review"];

pub(super) fn agents(server: &DemoAgents) -> [Value; 3] {
    let agent = |name: &str, path: &str, description: &str| json!({"name": name, "url": server.url(path), "description": description});
    [
        agent("Researcher", "researcher", "Collects facts about a topic"),
        agent("Writer", "writer", "Makes a paragraph of facts"),
        agent("Reviewer", "reviewer", "Scores a paragraph and accepts it or sends it back"),
    ]
}

pub(super) fn workflow() -> Value {
    json!({
        "name": "research-note",
        "description": "Researches a topic, writes a note about it and has it reviewed",
        "start_step": "research",
        "steps": {
            "research": {
                "id": "research", "type": "agent", "agent_name": "Researcher", "next_step": "write",
                "input_mapping": {"topic": "${workflow.input.topic}"}
            },
            "write": {
                "id": "write", "type": "agent", "agent_name": "Writer", "next_step": "review",
                "input_mapping": {"topic": "${research.output.topic}", "facts": "${research.output.facts}"}
            },
            "review": {
                "id": "review", "type": "agent", "agent_name": "Reviewer", "next_step": null,
                "input_mapping": {"topic": "${workflow.input.topic}", "paragraph": "${write.output.paragraph}"}
            }
        }
    })
}

/// What a person wants to see of the run: the note and its verdict.
pub(super) fn result(steps: &Value, last: &Value) -> Value {
    let written = steps.as_array().and_then(|steps| steps.iter().find(|step| step["step_id"] == STEPS[1]));
    let note = written.map_or(&Value::Null, |step| &step["output_data"]);
    let review = &last["output_data"];
    json!({"title": note["title"], "paragraph": note["paragraph"], "score": review["score"], "verdict": review["verdict"]})
}
