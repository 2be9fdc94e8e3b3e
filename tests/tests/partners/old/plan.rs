//! The plan that the old executor accepts: contract 5.1, as far as agent steps, parallel steps and loops go. What it does not
//! accept it logs and drops, and the run stays PENDING for ever.

use std::collections::HashSet;

use serde_json::{Map, Value};

const TYPES: [&str; 8] =
    ["agent", "parallel", "conditional", "loop", "fork_join", "sub_workflow", "wait_for_event", "validate"];

/// An accepted plan.
#[derive(Clone, Debug)]
pub(crate) struct OldPlan {
    pub(crate) workflow_id: String,
    pub(crate) name: String,
    pub(crate) start_step: String,
    steps: Map<String, Value>,
}

impl OldPlan {
    /// Reads a plan as the strict model does; unknown members are ignored.
    pub(crate) fn accept(plan: &Value) -> Result<Self, String> {
        let text = |member: &str| {
            let text = plan[member].as_str().filter(|text| !text.trim().is_empty());
            text.map(str::to_owned).ok_or_else(|| format!("{member} is not a non-blank string"))
        };
        let steps =
            plan["steps"].as_object().filter(|steps| !steps.is_empty()).ok_or("steps is no non-empty object")?;
        let accepted = Self {
            workflow_id: text("workflow_id")?,
            name: text("name")?,
            start_step: text("start_step")?,
            steps: steps.clone(),
        };
        text("version")?;
        steps.iter().try_for_each(|(key, step)| check_step(key, step))?;
        accepted.check_structure()?;
        Ok(accepted)
    }

    pub(crate) fn step(&self, id: &str) -> &Value {
        &self.steps[id]
    }

    pub(crate) fn next(&self, id: &str) -> Option<String> {
        self.steps[id]["next_step"].as_str().map(str::to_owned)
    }

    fn check_structure(&self) -> Result<(), String> {
        if !self.steps.contains_key(&self.start_step) {
            return Err("start_step does not exist".to_owned());
        }
        let mut ends = false;
        for (key, step) in &self.steps {
            match &step["next_step"] {
                Value::Null => ends = true,
                Value::String(next) if self.steps.contains_key(next) => {}
                _ => return Err(format!("next_step of {key} does not exist")),
            }
        }
        if !ends {
            return Err("no step without next_step".to_owned());
        }
        let (mut seen, mut next) = (HashSet::new(), Some(self.start_step.clone()));
        while let Some(id) = next {
            next = self.next(&id);
            if !seen.insert(id) {
                return Err("a cycle".to_owned());
            }
        }
        Ok(())
    }
}

fn check_step(key: &str, step: &Value) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("step {key}: {why}"));
    if step["id"].as_str().map(str::trim).is_none_or(|id| id.is_empty() || id != key) {
        return refuse("id is not its key");
    }
    // An explicit null is refused; only absence means agent.
    let kind = step.get("type").map_or(Some("agent"), Value::as_str);
    let Some(kind) = kind.filter(|kind| TYPES.contains(kind)) else { return refuse("type") };
    match kind {
        "agent" => {}
        "parallel" => {
            let members =
                step["parallel_steps"].as_array().is_some_and(|ids| ids.len() > 1 && ids.iter().all(Value::is_string));
            return if members { Ok(()) } else { refuse("parallel_steps") };
        }
        "loop" => return check_loop(&step["loop_config"]).or_else(|why| refuse(&why)),
        _ => return refuse("this stand-in does not walk such steps"),
    }
    if step["agent_name"].as_str().is_none_or(str::is_empty) {
        return refuse("agent_name");
    }
    match &step["input_mapping"] {
        Value::Null => Ok(()),
        Value::Object(mapping) if mapping.values().all(Value::is_string) => Ok(()),
        _ => refuse("input_mapping holds something that is no string"),
    }
}

fn check_loop(config: &Value) -> Result<(), String> {
    let word = |member: &str, words: &[&str]| {
        let found = config.get(member).is_none_or(|word| word.as_str().is_some_and(|word| words.contains(&word)));
        if found { Ok(()) } else { Err(member.to_owned()) }
    };
    if config["collection"].as_str().is_none_or(|collection| collection.trim().is_empty()) {
        return Err("collection".to_owned());
    }
    if config["loop_body"].as_array().is_none_or(|ids| ids.is_empty() || !ids.iter().all(Value::is_string)) {
        return Err("loop_body".to_owned());
    }
    word("execution_mode", &["sequential", "parallel"])?;
    word("on_error", &["stop", "continue", "collect"])
}
