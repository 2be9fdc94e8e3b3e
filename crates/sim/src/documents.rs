//! Random workflow documents: linear chains whose steps look into the input and into any earlier output.

use std::collections::BTreeMap;

use domain::workflows::StepDocument;
use fastrand::Rng;
use serde_json::{Map, Value, json};

/// A document: its first step and its steps.
pub(crate) struct Generated {
    pub(crate) start: String,
    pub(crate) steps: BTreeMap<String, StepDocument>,
}

/// The agents that documents may name.
pub(crate) const AGENTS: [&str; 4] = ["steady", "moody", "slow", "broken"];

pub(crate) fn generate(rng: &mut Rng) -> Generated {
    let count = rng.usize(1..=6);
    let mut ids: Vec<String> = (0..count).map(|n| format!("s{n}")).collect();
    rng.shuffle(&mut ids);
    let step = |rng: &mut Rng, at: usize| {
        // A broken agent fails its run; most runs should get further.
        let agent = if rng.u8(0..20) == 0 { AGENTS[3] } else { AGENTS[rng.usize(0..3)] };
        let document = StepDocument {
            id: ids[at].clone(),
            kind: None,
            agent_name: Some(agent.to_owned()),
            next_step: ids.get(at + 1).cloned(),
            input_mapping: Some(mapping(rng, &ids[..at])),
            other: BTreeMap::new(),
        };
        (ids[at].clone(), document)
    };
    let steps = (0..count).map(|at| step(rng, at)).collect();
    Generated { start: ids[0].clone(), steps }
}

fn mapping(rng: &mut Rng, before: &[String]) -> Map<String, Value> {
    let field = |rng: &mut Rng, n: usize| {
        let value = match (rng.u8(0..6), before) {
            (0, _) => json!(rng.u32(..)),
            (1, _) | (_, []) => json!("${workflow.input.x}"),
            (2, _) => json!({"nested": ["${workflow.input.list[1]}", null]}),
            (3, before) => json!(format!("text ${{{}.output.x}}", rng.choice(before).map_or("", |id| id))),
            (_, before) => json!(format!("${{{}.output.x}}", rng.choice(before).map_or("", |id| id))),
        };
        (format!("f{n}"), value)
    };
    let count = rng.usize(0..4);
    (0..count).map(|n| field(rng, n)).collect()
}
