//! A second, naive implementation of what a run gives: no events, no retries, no references parsed ahead, one step after the
//! other. What the engine gives in the end must be equal to this.

use std::collections::BTreeMap;

use domain::{runs::RunStatus, workflows::StepDocument};
use serde_json::{Map, Value, json};

use crate::{
    agents::answer,
    documents::{Generated, children},
};

/// What a run should come to: its status, the outputs of its calls by their paths, and what follows it.
#[derive(Debug, PartialEq)]
pub(crate) struct Expected {
    pub(crate) status: RunStatus,
    pub(crate) outputs: BTreeMap<String, Value>,
    /// The run's output: what the document says, else that of its last step, where that is no block.
    pub(crate) output: Option<Value>,
    /// The runs that follow it, by their workflows' names, in the order of these.
    pub(crate) followers: Vec<(String, Expected)>,
}

pub(crate) fn interpret(document: &Generated, input: &Value) -> Expected {
    let (start, steps) = (document.start.as_str(), &document.steps);
    let mut main = Vec::new();
    let mut at = Some(start.to_owned());
    while let Some(step) = at.as_ref().and_then(|id| steps.get(id)) {
        main.push(step.id.clone());
        at.clone_from(&step.next_step);
    }
    let mut interpreter = Interpreter { steps, input, outputs: BTreeMap::new() };
    let (end, published) = interpreter.sequence(&main, "", &View::default());
    let status = if end.is_some() { RunStatus::Completed } else { RunStatus::Failed };
    let last = main.last().map(|id| &steps[id]);
    let kinds = [None, Some("agent"), Some("sub_workflow"), Some("wait_for_event"), Some("validate")];
    let has_output = last.is_some_and(|last| kinds.contains(&last.kind.as_deref()));
    let view = View { outputs: published, iteration: None };
    let output = match &document.output {
        Some(output) => end.map(|_| interpreter.replace(output, &view)),
        None => end.filter(|_| has_output),
    };
    let followers = if status == RunStatus::Completed {
        followers(&document.on_complete, input, output.as_ref())
    } else {
        Vec::new()
    };
    Expected { status, outputs: interpreter.outputs, output, followers }
}

/// What follows a run with this input and this output.
fn followers(on_complete: &[Value], input: &Value, output: Option<&Value>) -> Vec<(String, Expected)> {
    let mut followers: Vec<_> = on_complete
        .iter()
        .filter(|run| run.get("condition").is_none() || input["x"].as_str() < Some("8"))
        .filter_map(|run| {
            let name = run["workflow_name"].as_str().expect("a name");
            let (_, document) = children().into_iter().find(|(child, _)| *child == name)?;
            // A run without an `x` in its input is not followed by what would see it.
            let given = match run["input_mapping"]["v"].as_str().expect("a text") {
                "${workflow.output}" => output.cloned().unwrap_or_default(),
                text => text.replace("${workflow.input.x}", input["x"].as_str()?).into(),
            };
            Some((name.to_owned(), interpret(&document, &json!({"v": given}))))
        })
        .collect();
    followers.sort_by(|(left, _), (right, _)| left.cmp(right));
    followers
}

/// What a step sees.
#[derive(Clone, Default)]
struct View {
    outputs: BTreeMap<String, Value>,
    iteration: Option<(Value, usize, usize)>,
}

struct Interpreter<'a> {
    steps: &'a BTreeMap<String, StepDocument>,
    input: &'a Value,
    outputs: BTreeMap<String, Value>,
}

/// A value, or none after a failure; and the outputs that others see then.
type Done = (Option<Value>, BTreeMap<String, Value>);

impl Interpreter<'_> {
    fn sequence(&mut self, ids: &[String], prefix: &str, view: &View) -> Done {
        let mut view = view.clone();
        let mut published = BTreeMap::new();
        let mut last = Value::Null;
        for id in ids {
            let (value, seen) = self.step(id, &format!("{prefix}{id}"), &view);
            let Some(value) = value else { return (None, published) };
            view.outputs.extend(seen.clone());
            published.extend(seen);
            last = value;
        }
        (Some(last), published)
    }

    fn step(&mut self, id: &str, path: &str, view: &View) -> Done {
        let step = &self.steps[id];
        let (value, mut published) = match step.kind.as_deref() {
            None | Some("agent") => (self.agent(step, path, view), BTreeMap::new()),
            Some("delay") => return (Some(Value::Null), BTreeMap::new()),
            Some("sub_workflow") => (self.child(step, path, view), BTreeMap::new()),
            Some("wait_for_event") => (Some(self.wait(&step.other["event_config"], path)), BTreeMap::new()),
            Some("validate") => (self.check(&step.other["validate_config"], path, view), BTreeMap::new()),
            Some("parallel") => self.parallel(&step.other, path, view),
            Some("conditional") => self.conditional(&step.other, path, view),
            Some("loop") => (self.repeated(&step.other["loop_config"], path, view), BTreeMap::new()),
            Some("fork_join") => self.fork(&step.other["fork_join_config"], path, view),
            Some(other) => unreachable!("{other} is not generated"),
        };
        if let Some(value) = &value {
            published.insert(id.to_owned(), value.clone());
        }
        (value, published)
    }

    fn agent(&mut self, step: &StepDocument, path: &str, view: &View) -> Option<Value> {
        let mapping = step.input_mapping.clone().unwrap_or_default();
        let input: Map<String, Value> = mapping.into_iter().map(|(k, v)| (k, self.replace(&v, view))).collect();
        let output = answer(step.agent_name.as_deref().unwrap_or_default(), &Value::Object(input))?;
        self.outputs.insert(path.to_owned(), output.clone());
        Some(output)
    }

    fn child(&mut self, step: &StepDocument, path: &str, view: &View) -> Option<Value> {
        let mapping = step.input_mapping.clone().unwrap_or_default();
        let input: Map<String, Value> = mapping.into_iter().map(|(k, v)| (k, self.replace(&v, view))).collect();
        let name = step.other["workflow_name"].as_str().expect("a name");
        let (_, document) = children().into_iter().find(|(child, _)| *child == name).expect("a generated child");
        let output = interpret(&document, &Value::Object(input)).output?;
        self.outputs.insert(path.to_owned(), output.clone());
        Some(output)
    }

    fn wait(&mut self, config: &Value, path: &str) -> Value {
        let comes = config["event"] == "go";
        let data = if comes { json!({"x": "go"}) } else { Value::Null };
        let output = json!({"event": config["event"], "timed_out": !comes, "data": data});
        self.outputs.insert(path.to_owned(), output.clone());
        output
    }

    /// The value is always an object with a text at `x`.
    fn check(&mut self, config: &Value, path: &str, view: &View) -> Option<Value> {
        let data = self.replace(&config["data"], view);
        let wrong = config["schema"]["properties"]["x"]["type"] != "string";
        if wrong && config["mode"] == "strict" {
            return None;
        }
        let errors = if wrong {
            json!([{"pointer": "/x", "message": format!("{} is not of type \"number\"", data["x"])}])
        } else {
            json!([])
        };
        let output = json!({"valid": !wrong, "errors": errors});
        self.outputs.insert(path.to_owned(), output.clone());
        Some(output)
    }

    fn parallel(&mut self, step: &BTreeMap<String, Value>, path: &str, view: &View) -> Done {
        let (mut members, mut published, mut good) = (Map::new(), BTreeMap::new(), true);
        for (n, id) in texts(&step["parallel_steps"]).into_iter().enumerate() {
            let (value, seen) = self.step(&id, &format!("{path}.{n}/{id}"), view);
            good &= value.is_some();
            published.extend(seen);
            members.insert(id, value.unwrap_or_default());
        }
        (good.then_some(Value::Object(members)), published)
    }

    fn conditional(&mut self, step: &BTreeMap<String, Value>, path: &str, view: &View) -> Done {
        let asked = step["condition"]["expression"].as_str().expect("an expression");
        let (left, right) = asked.split_once(" < ").expect("a generated condition");
        let holds = match (self.replace(&json!(left), view), right.trim_matches('\'')) {
            (Value::String(left), right) => left.as_str() < right,
            (left, right) => left.as_u64() < right.parse().ok(),
        };
        let sides = [step.get("if_true_step"), step.get("if_false_step")];
        let (number, side) = if holds { (0, sides[0]) } else { (usize::from(sides[0].is_some()), sides[1]) };
        let mut output = json!({"condition_result": holds, "branch_taken": if holds { "then" } else { "else" }});
        output["branch_step_id"] = side.cloned().unwrap_or_default();
        let Some(id) = side.and_then(Value::as_str) else { return (Some(output), BTreeMap::new()) };
        let (value, published) = self.step(id, &format!("{path}.{number}/{id}"), view);
        let whole = value.map(|value| {
            output["branch_output"] = value;
            output
        });
        (whole, published)
    }

    fn repeated(&mut self, config: &Value, path: &str, view: &View) -> Option<Value> {
        let mut items = self.input["list"].as_array().cloned().unwrap_or_default();
        items
            .truncate(config["max_iterations"].as_u64().map_or(usize::MAX, |most| usize::try_from(most).expect("few")));
        let (body, total) = (texts(&config["loop_body"]), items.len());
        let (mut results, mut failed) = (Vec::new(), 0);
        for (n, item) in items.into_iter().enumerate() {
            let inside = View { iteration: Some((item, n, total)), ..view.clone() };
            let (value, _) = self.sequence(&body, &format!("{path}[{n}]/"), &inside);
            failed += usize::from(value.is_none());
            if value.is_none() && config["on_error"] == "stop" && config["execution_mode"] == "sequential" {
                return None;
            }
            results.push(value.unwrap_or_default());
        }
        if failed > 0 && config["on_error"] != "continue" {
            return None;
        }
        let mut output = json!({"iterations": results, "total_count": total});
        if failed > 0 {
            output["failed_count"] = failed.into();
        }
        Some(output)
    }

    fn fork(&mut self, config: &Value, path: &str, view: &View) -> Done {
        let (mut outputs, mut published, mut good) = (Map::new(), BTreeMap::new(), 0);
        let branches = config["branches"].as_object().expect("branches");
        for (n, (name, branch)) in branches.iter().enumerate() {
            let (value, seen) = self.sequence(&texts(&branch["steps"]), &format!("{path}.{n}/"), view);
            good += usize::from(value.is_some());
            published.extend(seen);
            outputs.insert(name.clone(), value.unwrap_or_default());
        }
        let joined = match config["join_policy"].as_str() {
            Some("all") => good == branches.len(),
            Some("majority") => good * 2 > branches.len(),
            _ => good > 0,
        };
        (joined.then_some(Value::Object(outputs)), published)
    }

    fn replace(&self, value: &Value, view: &View) -> Value {
        match value {
            Value::String(text) => self.replace_text(text, view),
            Value::Array(items) => items.iter().map(|item| self.replace(item, view)).collect(),
            Value::Object(members) => members.iter().map(|(k, v)| (k.clone(), self.replace(v, view))).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn replace_text(&self, text: &str, view: &View) -> Value {
        let Some((before, rest)) = text.split_once("${") else { return Value::String(text.to_owned()) };
        let (reference, _) = rest.split_once('}').expect("generated references are closed");
        let iteration = || view.iteration.clone().expect("generated inside of a loop");
        let value = match reference {
            "workflow.input" => self.input.clone(),
            "workflow.input.x" => self.input["x"].clone(),
            "workflow.input.v" => self.input["v"].clone(),
            "workflow.input.list[1]" => self.input["list"][1].clone(),
            "loop.item" => iteration().0,
            "loop.index" => iteration().1.into(),
            "loop.total" => iteration().2.into(),
            other => match other.strip_suffix(".output.x") {
                Some(step) => view.outputs[step]["x"].clone(),
                None => view.outputs[other.strip_suffix(".output").expect("a generated reference")].clone(),
            },
        };
        match value {
            Value::String(value) if !before.is_empty() => Value::String(format!("{before}{value}")),
            value => value,
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned)).collect()
}
