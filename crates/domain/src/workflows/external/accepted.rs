//! What the old executor accepts as a plan (contract 5.1). It logs and drops what it does not accept, and the run stays
//! PENDING for ever; so that is found out before. Members that are null count as absent: they are not sent to it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::workflows::{
    diagnostic::{Diagnostic, pointer},
    document::{StepDocument, WorkflowDocument},
};

/// The code of every reason that refuses a start.
pub(super) const CODE: &str = "not_for_external_engine";

const TYPES: [&str; 8] =
    ["agent", "parallel", "conditional", "loop", "fork_join", "sub_workflow", "wait_for_event", "validate"];

/// Why the old executor would not accept a plan; empty if it would.
pub fn dropped_by_external(document: &WorkflowDocument) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (member, text) in [
        ("workflow_id", &document.workflow_id),
        ("name", &document.name),
        ("version", &document.version),
        ("start_step", &document.start_step),
    ] {
        if is_blank(text) {
            found.push(refusal(&[member], format!("the plan's {member} is blank")));
        }
    }
    structure(document, &mut found);
    for (key, step) in &document.steps {
        Check { key, step, found: &mut found }.run(document);
    }
    found
}

/// Blanks alone are no text there.
fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn refusal(at: &[&str], message: String) -> Diagnostic {
    Diagnostic::error(pointer(at.iter().copied()), CODE, message)
}

/// There is no rule that every step can be reached.
fn structure(document: &WorkflowDocument, found: &mut Vec<Diagnostic>) {
    if !document.steps.contains_key(&document.start_step) {
        found.push(refusal(&["start_step"], "the plan's start_step is none of its steps".to_owned()));
    } else if document.steps.values().all(|step| step.next_step.is_some()) {
        found.push(refusal(&["steps"], "every step of the plan has a next_step".to_owned()));
    } else if has_cycle(document) {
        found.push(refusal(&["steps"], "the plan's steps run in a circle".to_owned()));
    }
}

/// Along `next_step` from the first step; others are not looked at.
fn has_cycle(document: &WorkflowDocument) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = Some(&document.start_step);
    while let Some(id) = next {
        if !seen.insert(id) {
            return true;
        }
        next = document.steps.get(id).and_then(|step| step.next_step.as_ref());
    }
    false
}

/// The check of a step.
struct Check<'a, 'f> {
    key: &'a str,
    step: &'a StepDocument,
    found: &'f mut Vec<Diagnostic>,
}

impl<'a> Check<'a, '_> {
    fn refuse(&mut self, at: &[&str], problem: &str) {
        let at: Vec<&str> = ["steps", self.key].into_iter().chain(at.iter().copied()).collect();
        self.found.push(refusal(&at, format!("step '{}' of the plan {problem}", self.key)));
    }

    fn run(&mut self, document: &WorkflowDocument) {
        let step = self.step;
        if is_blank(&step.id) || step.id.trim() != self.key {
            self.refuse(&["id"], "has an id that is not its key");
        }
        if step.next_step.as_ref().is_some_and(|next| !document.steps.contains_key(next)) {
            self.refuse(&["next_step"], "has a next_step that does not exist");
        }
        for (field, value) in step.input_mapping.iter().flatten() {
            if !value.is_string() {
                self.refuse(&["input_mapping", field], &format!("maps '{field}' to something that is no text"));
            }
        }
        match step.kind.as_deref().unwrap_or("agent") {
            "agent" if step.agent_name.as_deref().unwrap_or_default().is_empty() => {
                self.refuse(&["agent_name"], "names no agent");
            }
            "parallel" => self.parallel(),
            "conditional" => self.conditional(),
            "loop" => self.repeated(),
            "fork_join" => self.fork_join(),
            known if TYPES.contains(&known) => {}
            unknown => self.refuse(&["type"], &format!("has the type '{unknown}', which the executor does not know")),
        }
    }

    fn parallel(&mut self) {
        let members = &self.step.other;
        self.list(&["parallel_steps"], members.get("parallel_steps"), 2);
        self.count(&["max_parallelism"], members.get("max_parallelism"));
    }

    fn conditional(&mut self) {
        let expression = self.member("condition").and_then(|condition| condition.get("expression"));
        if expression.and_then(Value::as_str).is_none_or(is_blank) {
            self.refuse(&["condition"], "has no condition with an expression");
        }
        // Not `then_step` and `else_step`, which the requirement texts have and the code has not.
        let sides = ["if_true_step", "if_false_step"].map(|side| self.member(side));
        if sides.iter().all(Option::is_none) {
            self.refuse(&[], "has no if_true_step or if_false_step");
        } else if sides.iter().flatten().any(|side| !side.is_string()) {
            self.refuse(&[], "has an if_true_step or if_false_step that is no text");
        }
    }

    fn repeated(&mut self) {
        let Some(config) = self.config("loop_config") else { return };
        if config.get("collection").and_then(Value::as_str).is_none_or(is_blank) {
            self.refuse(&["loop_config", "collection"], "has no collection");
        }
        self.list(&["loop_config", "loop_body"], config.get("loop_body"), 1);
        self.word(&["loop_config", "execution_mode"], config, &["sequential", "parallel"]);
        self.word(&["loop_config", "on_error"], config, &["stop", "continue", "collect"]);
        for member in ["max_parallelism", "max_iterations"] {
            self.count(&["loop_config", member], config.get(member));
        }
    }

    fn fork_join(&mut self) {
        let Some(config) = self.config("fork_join_config") else { return };
        let branches = config.get("branches").and_then(Value::as_object);
        if branches.is_none_or(|branches| branches.len() < 2) {
            self.refuse(&["fork_join_config", "branches"], "has less than two branches");
        }
        for (name, branch) in branches.into_iter().flatten() {
            let at = ["fork_join_config", "branches", name];
            self.list(&[&at[..], &["steps"]].concat(), branch.get("steps"), 1);
            self.count(&[&at[..], &["timeout_seconds"]].concat(), branch.get("timeout_seconds"));
        }
        self.word(&["fork_join_config", "join_policy"], config, &["all", "any", "majority", "n_of_m"]);
        for member in ["n_required", "branch_timeout_seconds"] {
            self.count(&["fork_join_config", member], config.get(member));
        }
        let required = present(config.get("n_required"));
        let most = branches.map_or(0, Map::len) as u64;
        let asks_for_many = config.get("join_policy").and_then(Value::as_str) == Some("n_of_m");
        if asks_for_many && required.and_then(counted).is_none_or(|required| required > most) {
            self.refuse(&["fork_join_config", "n_required"], "has no n_required that its branches can meet");
        }
    }

    fn member(&self, name: &str) -> Option<&'a Value> {
        present(self.step.other.get(name))
    }

    fn config(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        let config = self.step.other.get(name).and_then(Value::as_object);
        if config.is_none() {
            self.refuse(&[name], &format!("has no {name}"));
        }
        config
    }

    fn list(&mut self, at: &[&str], list: Option<&Value>, least: usize) {
        let list = list.and_then(Value::as_array);
        if list.is_none_or(|list| list.len() < least || !list.iter().all(Value::is_string)) {
            let name = at.last().copied().unwrap_or_default();
            self.refuse(at, &format!("has no {name} that are a list of ids, {least} at least"));
        }
    }

    fn count(&mut self, at: &[&str], value: Option<&Value>) {
        if present(value).is_some_and(|value| counted(value).is_none()) {
            let name = at.last().copied().unwrap_or_default();
            self.refuse(at, &format!("has a {name} that is no whole number from 1"));
        }
    }

    fn word(&mut self, at: &[&str], config: &Map<String, Value>, words: &[&str]) {
        let name = at.last().copied().unwrap_or_default();
        let Some(value) = present(config.get(name)) else { return };
        if value.as_str().is_none_or(|word| !words.contains(&word)) {
            self.refuse(at, &format!("has a {name} that is none of {}", words.join(", ")));
        }
    }
}

fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

/// A whole number from 1, also as an integral float or a numeric text.
fn counted(value: &Value) -> Option<u64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds were checked")]
    (number.fract() == 0.0 && (1.0..=9e15).contains(&number)).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(steps: &Value) -> WorkflowDocument {
        let plan = json!({"workflow_id": "wf-x-1", "name": "x", "version": "1", "start_step": "a", "steps": steps});
        serde_json::from_value(plan).expect("a document")
    }

    fn agent(next: Option<&str>) -> Value {
        json!({"id": "a", "type": "agent", "agent_name": "A", "next_step": next, "input_mapping": {"x": "${y}"}})
    }

    fn dropped(document: &WorkflowDocument) -> Vec<(String, String)> {
        dropped_by_external(document).into_iter().map(|found| (found.pointer, found.message)).collect()
    }

    /// The places in a step `a` of this type that would be found fault with.
    fn places(step: &Value) -> Vec<String> {
        let mut step = step.clone();
        step["id"] = "a".into();
        let found = dropped(&plan(&json!({ "a": step })));
        found.into_iter().map(|(pointer, _)| pointer.replace("/steps/a", "")).collect()
    }

    #[test]
    fn a_plain_plan_is_accepted() {
        assert_eq!(dropped(&plan(&json!({"a": agent(None)}))), []);
    }

    #[test]
    fn what_would_be_dropped_is_refused_with_a_sentence() {
        for (steps, reason) in [
            (json!({}), "the plan's start_step is none of its steps"),
            (json!({"a": {"id": "b", "agent_name": "A"}}), "step 'a' of the plan has an id that is not its key"),
            (json!({"a": {"id": "a"}}), "step 'a' of the plan names no agent"),
            (
                json!({"a": {"id": "a", "type": "delay", "delay_config": {"seconds": 1}}}),
                "step 'a' of the plan has the type 'delay', which the executor does not know",
            ),
            (
                json!({"a": agent(Some("b")), "c": agent(None)}),
                "step 'a' of the plan has a next_step that does not exist",
            ),
            (json!({"a": agent(Some("a"))}), "every step of the plan has a next_step"),
            (json!({"a": {"id": "a", "type": "loop"}}), "step 'a' of the plan has no loop_config"),
            (
                json!({"a": {"id": "a", "agent_name": "A", "input_mapping": {"n": 1}}}),
                "step 'a' of the plan maps 'n' to something that is no text",
            ),
        ] {
            let found = dropped(&plan(&steps));
            assert!(found.iter().any(|(_, message)| message == reason), "{reason}: {found:?}");
        }
    }

    #[test]
    fn a_circle_is_refused_only_on_the_way_from_the_first_step() {
        let off_the_way = json!({
            "a": agent(None),
            "b": {"id": "b", "agent_name": "B", "next_step": "c"},
            "c": {"id": "c", "agent_name": "C", "next_step": "b"},
        });
        assert_eq!(dropped(&plan(&off_the_way)), []);
        let on_the_way = json!({"a": agent(Some("b")), "b": {"id": "b", "agent_name": "B", "next_step": "a"},
            "c": {"id": "c", "agent_name": "C"}});
        let expected = [("/steps".to_owned(), "the plan's steps run in a circle".to_owned())];
        assert_eq!(dropped(&plan(&on_the_way)), expected);
    }

    #[test]
    fn blocks_as_the_contract_has_them_are_accepted() {
        for step in [
            json!({"type": "parallel", "parallel_steps": ["x", "y"], "max_parallelism": "2"}),
            json!({"type": "conditional", "condition": {"expression": "1 == 1"}, "if_false_step": "x"}),
            json!({"type": "loop", "loop_config": {"collection": "${workflow.input.l}", "loop_body": ["x"],
                   "execution_mode": "parallel", "max_iterations": 3.0, "on_error": null}}),
            json!({"type": "fork_join", "fork_join_config": {"join_policy": "n_of_m", "n_required": 2,
                   "branches": {"l": {"steps": ["x"], "timeout_seconds": 5}, "r": {"steps": ["y"]}}}}),
            json!({"type": "validate"}),
        ] {
            assert_eq!(places(&step), [""; 0], "{step}");
        }
    }

    #[test]
    fn blocks_that_would_be_dropped_are_refused_with_their_places() {
        for (step, expected) in [
            (json!({"type": "parallel", "parallel_steps": ["x"]}), &["/parallel_steps"][..]),
            (
                json!({"type": "parallel", "parallel_steps": ["x", 1], "max_parallelism": 0}),
                &["/parallel_steps", "/max_parallelism"],
            ),
            (json!({"type": "conditional", "condition": "1 == 1", "then_step": "x"}), &["/condition", ""]),
            (json!({"type": "conditional", "condition": {"expression": " "}, "if_true_step": 1}), &["/condition", ""]),
            (json!({"type": "loop", "collection": "${workflow.input.l}", "loop_body": ["x"]}), &["/loop_config"]),
            (
                json!({"type": "loop", "loop_config": {"loop_body": [], "execution_mode": "fast", "on_error": "ignore", "max_iterations": 1.5}}),
                &[
                    "/loop_config/collection",
                    "/loop_config/loop_body",
                    "/loop_config/execution_mode",
                    "/loop_config/on_error",
                    "/loop_config/max_iterations",
                ],
            ),
            (json!({"type": "fork-join", "branches": {}}), &["/type"]),
            (
                json!({"type": "fork_join", "fork_join_config": {"join_policy": "n_of_m", "n_required": 3,
                       "branches": {"l": {"steps": []}, "r": {"steps": ["y"], "timeout_seconds": "soon"}}}}),
                &[
                    "/fork_join_config/branches/l/steps",
                    "/fork_join_config/branches/r/timeout_seconds",
                    "/fork_join_config/n_required",
                ],
            ),
            (
                json!({"type": "fork_join", "fork_join_config": {"branches": {"l": {"steps": ["x"]}}, "join_policy": "most"}}),
                &["/fork_join_config/branches", "/fork_join_config/join_policy"],
            ),
        ] {
            assert_eq!(places(&step), expected, "{step}");
        }
    }
}
