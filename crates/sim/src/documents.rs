//! Random workflow documents: blocks of every type in each other, whose steps look into the input, into outputs that they can
//! see, and into the iteration around them.

use std::collections::BTreeMap;

use domain::workflows::StepDocument;
use fastrand::Rng;
use serde_json::{Map, Value, json};

/// A document: its first step and its steps.
pub(crate) struct Generated {
    pub(crate) start: String,
    pub(crate) steps: BTreeMap<String, StepDocument>,
    /// What the run's output is made of.
    pub(crate) output: Option<Value>,
    /// What follows the run.
    pub(crate) on_complete: Vec<Value>,
}

/// The agents that documents may name.
pub(crate) const AGENTS: [&str; 5] = ["steady", "moody", "slow", "broken", "poisonous"];

/// How deep blocks lie in each other.
const DEPTH: u32 = 2;

/// The workflows that steps run and that follow runs: one that succeeds, one that runs another and waits for nothing, one that
/// fails, one that others follow.
pub(crate) fn children() -> Vec<(&'static str, Generated)> {
    let agent = |id: &str, agent: &str, next: Option<&str>, value: &str| {
        let mapping = json!({"v": value}).as_object().cloned();
        let (id, next_step) = (id.to_owned(), next.map(str::to_owned));
        StepDocument {
            id,
            agent_name: Some(agent.to_owned()),
            input_mapping: mapping,
            next_step,
            ..StepDocument::default()
        }
    };
    let one = |steps: Vec<StepDocument>| Generated {
        start: steps[0].id.clone(),
        steps: steps.into_iter().map(|step| (step.id.clone(), step)).collect(),
        output: None,
        on_complete: Vec::new(),
    };
    let input = "${workflow.input.v}";
    let run = StepDocument {
        id: "below".to_owned(),
        kind: Some("sub_workflow".to_owned()),
        input_mapping: json!({"v": input}).as_object().cloned(),
        next_step: Some("after".to_owned()),
        other: BTreeMap::from([("workflow_name".to_owned(), json!("plain"))]),
        ..StepDocument::default()
    };
    vec![
        (
            "plain",
            one(vec![agent("first", "moody", Some("last"), input), agent("last", "steady", None, "${first.output.x}")]),
        ),
        ("deep", one(vec![run, agent("after", "slow", None, "${below.output.x}")])),
        ("failing", one(vec![agent("first", "steady", Some("last"), input), agent("last", "broken", None, "x")])),
        ("followed", Generated { on_complete: followed_by(1), ..one(vec![agent("only", "moody", None, input)]) }),
    ]
}

/// What follows the run with this number: nothing, runs that are wanted, runs that are not, and runs that are followed themselves. Not by chance, which would make other worlds of all seeds.
pub(crate) fn followed_by(number: usize) -> Vec<Value> {
    let run = |name: &str, value: &str| json!({"workflow_name": name, "input_mapping": {"v": value}});
    let only = |condition: &str, mut run: Value| {
        run["condition"] = condition.into();
        run
    };
    match number % 3 {
        0 => Vec::new(),
        1 => vec![run("plain", "${workflow.output}"), run("failing", "of ${workflow.input.x}")],
        _ => vec![
            only("${workflow.input.x} < '8'", run("deep", "${workflow.input.x}")),
            run("followed", "${workflow.input.x}"),
        ],
    }
}

/// `number`: which run of its world it is for.
pub(crate) fn generate(rng: &mut Rng, number: usize) -> Generated {
    let mut author = Author { rng, steps: BTreeMap::new(), left: 14 };
    let count = author.rng.usize(1..=4);
    let (sequence, seen) = author.sequence_seen(count, 0, &Seen::default());
    for (at, id) in sequence.iter().enumerate() {
        if let Some(step) = author.steps.get_mut(id) {
            step.next_step = sequence.get(at + 1).cloned();
        }
    }
    let output = author.rng.bool().then(|| json!({"made": [author.value(&seen), author.value(&seen)]}));
    Generated { start: sequence[0].clone(), steps: author.steps, output, on_complete: followed_by(number) }
}

/// What a step can look into.
#[derive(Clone, Default)]
struct Seen {
    /// Agents' outputs, which have a text at `x`.
    leaves: Vec<String>,
    /// Blocks' outputs.
    blocks: Vec<String>,
    in_loop: bool,
}

struct Author<'r> {
    rng: &'r mut Rng,
    steps: BTreeMap<String, StepDocument>,
    /// How many more steps there may be.
    left: usize,
}

impl Author<'_> {
    /// Steps that follow each other; each sees those before it.
    fn sequence(&mut self, count: usize, depth: u32, seen: &Seen) -> Vec<String> {
        self.sequence_seen(count, depth, seen).0
    }

    /// The same, and what who follows them sees.
    fn sequence_seen(&mut self, count: usize, depth: u32, seen: &Seen) -> (Vec<String>, Seen) {
        let mut seen = seen.clone();
        let mut ids = Vec::new();
        for _ in 0..count {
            let (id, made) = self.step(depth, &seen);
            seen.leaves.extend(made.leaves);
            seen.blocks.extend(made.blocks);
            ids.push(id);
        }
        (ids, seen)
    }

    /// A step, and what others see of it afterwards.
    fn step(&mut self, depth: u32, seen: &Seen) -> (String, Seen) {
        self.left = self.left.saturating_sub(1);
        let id = format!("s{}", self.steps.len());
        // The id is taken before those of the steps inside.
        self.steps.insert(id.clone(), StepDocument::default());
        let kind = if depth == DEPTH || self.left < 4 { 0 } else { self.rng.u8(0..15) };
        let mut made = Seen::default();
        let (kind, other) = match kind {
            0..=5 => {
                self.agent(&id, seen);
                made.leaves.push(id.clone());
                return (id, made);
            }
            12 => {
                made.leaves.push(id.clone());
                let name = match self.rng.u8(0..12) {
                    0 => "failing",
                    1..=4 => "deep",
                    _ => "plain",
                };
                let value = self.value(seen);
                let mapping = json!({"v": value}).as_object().cloned();
                let other = BTreeMap::from([("workflow_name".to_owned(), json!(name))]);
                let kind = Some("sub_workflow".to_owned());
                let step =
                    StepDocument { id: id.clone(), kind, input_mapping: mapping, other, ..StepDocument::default() };
                self.steps.insert(id.clone(), step);
                return (id, made);
            }
            13 => ("wait_for_event", self.wait()),
            14 => ("validate", self.check(seen)),
            6 => ("delay", json!({"delay_config": {"seconds": self.rng.u32(0..90)}})),
            7 => ("parallel", self.parallel(depth, seen, &mut made)),
            8 => ("conditional", self.conditional(depth, seen)),
            9 | 10 => ("loop", self.repeated(depth, seen)),
            _ => ("fork_join", self.fork(depth, seen, &mut made)),
        };
        if kind != "delay" {
            made.blocks.push(id.clone());
        }
        let other = other.as_object().cloned().unwrap_or_default().into_iter().collect();
        let step = StepDocument { id: id.clone(), kind: Some(kind.to_owned()), other, ..StepDocument::default() };
        self.steps.insert(id.clone(), step);
        (id, made)
    }

    /// For what somebody will say, or for what nobody ever says.
    fn wait(&mut self) -> Value {
        match self.rng.u8(0..4) {
            0 => json!({"event_config": {"event": "never", "timeout_seconds": 20, "on_timeout": "continue"}}),
            1 => {
                json!({"event_config": {"event": "go", "filter": "${event.data.x} == 'go' and ${event.event} == 'go'"}})
            }
            _ => json!({"event_config": {"event": "go"}}),
        }
    }

    /// Agents' outputs are right, and the run's input is.
    fn check(&mut self, seen: &Seen) -> Value {
        let data = self
            .rng
            .choice(&seen.leaves)
            .map_or_else(|| "${workflow.input}".to_owned(), |id| format!("${{{id}.output}}"));
        let wanted = if self.rng.u8(0..8) == 0 { "number" } else { "string" };
        let mode = if self.rng.bool() { "strict" } else { "warn" };
        let schema = json!({"type": "object", "properties": {"x": {"type": wanted}}});
        json!({"validate_config": {"data": data, "schema": schema, "mode": mode, "assertions": ["${data.x} != null"]}})
    }

    fn agent(&mut self, id: &str, seen: &Seen) {
        // Broken and poisonous agents fail their runs; most runs should get further.
        let agent = AGENTS[if self.rng.u8(0..20) == 0 { self.rng.usize(3..5) } else { self.rng.usize(0..3) }];
        let document = StepDocument {
            id: id.to_owned(),
            agent_name: Some(agent.to_owned()),
            input_mapping: Some(self.mapping(seen)),
            ..StepDocument::default()
        };
        self.steps.insert(id.to_owned(), document);
    }

    fn parallel(&mut self, depth: u32, seen: &Seen, made: &mut Seen) -> Value {
        let members: Vec<String> = (0..self.rng.usize(2..=3))
            .map(|_| {
                let (id, inside) = self.step(depth + 1, seen);
                made.leaves.extend(inside.leaves);
                made.blocks.extend(inside.blocks);
                id
            })
            .collect();
        let mut block = json!({"parallel_steps": members});
        if self.rng.bool() {
            block["max_parallelism"] = self.rng.u32(1..=3).into();
        }
        block
    }

    fn conditional(&mut self, depth: u32, seen: &Seen) -> Value {
        let asked = if seen.in_loop && self.rng.bool() {
            "${loop.index} < 1".to_owned()
        } else {
            let read = self.rng.choice(&seen.leaves).map(|id| format!("{id}.output.x"));
            format!("${{{}}} < '7'", read.unwrap_or_else(|| "workflow.input.x".to_owned()))
        };
        let mut block = json!({"condition": {"expression": asked}});
        let sides = self.rng.u8(1..4);
        for (bit, side) in [(1, "if_true_step"), (2, "if_false_step")] {
            if sides & bit != 0 {
                block[side] = self.step(depth + 1, seen).0.into();
            }
        }
        block
    }

    fn repeated(&mut self, depth: u32, seen: &Seen) -> Value {
        let inside = Seen { in_loop: true, ..seen.clone() };
        let count = self.rng.usize(1..=2);
        let body = self.sequence(count, depth + 1, &inside);
        let mode = if self.rng.bool() { "parallel" } else { "sequential" };
        let on_error = ["stop", "continue", "collect"][self.rng.usize(0..3)];
        let mut config = json!({
            "collection": "${workflow.input.list}", "loop_body": body, "execution_mode": mode, "on_error": on_error,
        });
        if self.rng.bool() {
            config["max_parallelism"] = self.rng.u32(1..=2).into();
        }
        if self.rng.u8(0..4) == 0 {
            config["max_iterations"] = 1.into();
        }
        json!({"loop_config": config})
    }

    fn fork(&mut self, depth: u32, seen: &Seen, made: &mut Seen) -> Value {
        let names = ["left", "middle", "right"];
        let (policy, needed) =
            [("all", None), ("any", None), ("majority", None), ("n_of_m", Some(1))][self.rng.usize(0..4)];
        let mut branches = Map::new();
        for name in &names[..self.rng.usize(2..=3)] {
            let count = self.rng.usize(1..=2);
            let steps = self.sequence(count, depth + 1, seen);
            if policy == "all" {
                // Only agents: what is inside of their blocks may be out of sight.
                let agents = steps.iter().filter(|id| self.steps[*id].agent_name.is_some());
                made.leaves.extend(agents.cloned());
            }
            branches.insert((*name).to_owned(), json!({"steps": steps}));
        }
        let mut config = json!({"branches": branches, "join_policy": policy});
        if let Some(needed) = needed {
            config["n_required"] = needed.into();
        }
        json!({"fork_join_config": config})
    }

    fn mapping(&mut self, seen: &Seen) -> Map<String, Value> {
        let count = self.rng.usize(0..4);
        (0..count).map(|n| (format!("f{n}"), self.value(seen))).collect()
    }

    fn value(&mut self, seen: &Seen) -> Value {
        let leaf = self.rng.choice(&seen.leaves).cloned();
        let block = self.rng.choice(&seen.blocks).cloned();
        match (self.rng.u8(0..8), leaf, block) {
            (0, ..) => json!(self.rng.u32(..)),
            (1, ..) if seen.in_loop => json!(["${loop.item}", "${loop.index}", "${loop.total}"]),
            (2, ..) => json!({"nested": ["${workflow.input.list[1]}", null]}),
            (3 | 4, _, Some(block)) => json!(format!("${{{block}.output}}")),
            (5, Some(leaf), _) => json!(format!("text ${{{leaf}.output.x}}")),
            (6.., Some(leaf), _) => json!(format!("${{{leaf}.output.x}}")),
            _ => json!("${workflow.input.x}"),
        }
    }
}
