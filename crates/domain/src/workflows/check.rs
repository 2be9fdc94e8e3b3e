//! From a document to a plan, or to everything that is wrong with it.

use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::{
    diagnostic::{Diagnostic, pointer},
    document::{StepDocument, WorkflowDocument},
    plan::{Plan, PlanStep, StepIndex},
    reference::{Source, Template},
};
use crate::{
    agents::AgentName,
    ids::{PlanHash, StepId},
};

/// The most steps that a document may have.
const MAX_STEPS: usize = 1000;

/// Compiles a document. On failure every diagnostic is answered, not only the first.
pub fn compile(document: &WorkflowDocument) -> Result<Plan, Vec<Diagnostic>> {
    let mut check = Check { document, found: Vec::new() };
    check.size();
    // The rest costs more with each step, and says nothing that matters while there are too many.
    if !check.found.is_empty() {
        return Err(check.found);
    }
    let steps: BTreeMap<&str, CheckedStep> =
        document.steps.iter().filter_map(|(key, step)| Some((key.as_str(), check.step(key, step)?))).collect();
    check.links();
    let order = check.order();
    check.references(&order, &steps);
    if !check.found.is_empty() {
        return Err(check.found);
    }
    Ok(build(document, &order, steps))
}

struct Check<'a> {
    document: &'a WorkflowDocument,
    found: Vec<Diagnostic>,
}

struct CheckedStep {
    id: StepId,
    agent: AgentName,
    input: Vec<(String, Template)>,
}

impl<'a> Check<'a> {
    fn report(&mut self, at: &[&str], code: &'static str, message: String) {
        self.found.push(Diagnostic::error(pointer(at.iter().copied()), code, message));
    }

    fn hint(&mut self, hint: impl Into<String>) {
        if let Some(last) = self.found.pop() {
            self.found.push(last.hint(hint));
        }
    }

    fn size(&mut self) {
        let count = self.document.steps.len();
        if count == 0 {
            self.report(&["steps"], "no_steps", "a workflow needs at least one step".into());
        } else if count > MAX_STEPS {
            self.report(&["steps"], "too_many_steps", format!("{count} steps are more than the limit of {MAX_STEPS}"));
        }
    }

    /// What can be said about one step without looking at others.
    fn step(&mut self, key: &str, step: &StepDocument) -> Option<CheckedStep> {
        if step.id != key {
            self.report(
                &["steps", key, "id"],
                "id_mismatch",
                format!("the id '{}' differs from the step's key '{key}'", step.id),
            );
        }
        let id = StepId::parse(key)
            .map_err(|e| self.report(&["steps", key], "invalid_step_id", format!("step id '{key}': {e}")))
            .ok();
        if matches!(key, "workflow" | "loop") {
            self.report(
                &["steps", key],
                "reserved_step_id",
                format!("'{key}' has a meaning in references and cannot be a step id"),
            );
        }
        let kind = step.kind.as_deref().unwrap_or("agent");
        if kind != "agent" {
            self.report(
                &["steps", key, "type"],
                "unsupported_step_type",
                format!("step type '{kind}' is not supported"),
            );
            self.hint("this version runs steps of type 'agent'");
            return None;
        }
        for (member, value) in &step.other {
            if !value.is_null() {
                self.report(
                    &["steps", key, member],
                    "member_does_not_apply",
                    format!("'{member}' has no meaning in a step of type 'agent'"),
                );
            }
        }
        let agent = match step.agent_name.as_deref() {
            None => {
                self.report(
                    &["steps", key, "agent_name"],
                    "agent_name_missing",
                    format!("step '{key}' needs an agent_name"),
                );
                None
            }
            Some(name) => AgentName::parse(name)
                .map_err(|e| {
                    self.report(&["steps", key, "agent_name"], "invalid_agent_name", format!("agent_name: {e}"));
                })
                .ok(),
        };
        let input = self.mapping(key, step);
        Some(CheckedStep { id: id?, agent: agent?, input: input? })
    }

    fn mapping(&mut self, key: &str, step: &StepDocument) -> Option<Vec<(String, Template)>> {
        let Some(mapping) = &step.input_mapping else {
            self.report(
                &["steps", key, "input_mapping"],
                "input_mapping_missing",
                format!("step '{key}' needs an input_mapping"),
            );
            self.hint("use {} for a step without input");
            return None;
        };
        let mut input = Vec::with_capacity(mapping.len());
        for (field, parsed) in Template::parse_mapping(mapping) {
            match parsed {
                Ok(template) => input.push((field, template)),
                Err(problems) => {
                    for problem in problems {
                        self.report(&["steps", key, "input_mapping", &field], "invalid_reference", problem.to_string());
                    }
                }
            }
        }
        (input.len() == mapping.len()).then_some(input)
    }

    /// `start_step` and every `next_step` name steps, and no chain of them bites its tail.
    fn links(&mut self) {
        let steps = &self.document.steps;
        if !steps.contains_key(&self.document.start_step) {
            self.report(&["start_step"], "unknown_step", format!("there is no step '{}'", self.document.start_step));
        }
        let mut finished = HashSet::new();
        for (key, step) in steps {
            if let Some(next) = step.next_step.as_deref().filter(|next| !steps.contains_key(*next)) {
                self.report(
                    &["steps", key, "next_step"],
                    "unknown_step",
                    format!("step '{key}' is followed by '{next}', which does not exist"),
                );
            }
            let mut trail = Vec::new();
            let mut at = Some(key.as_str());
            while let Some(here) = at.filter(|here| !finished.contains(here)) {
                if let Some(start) = trail.iter().position(|seen| *seen == here) {
                    let cycle: Vec<&str> = trail[start..].iter().copied().chain([here]).collect();
                    let last = trail[trail.len() - 1];
                    self.report(
                        &["steps", last, "next_step"],
                        "cycle",
                        format!("the steps follow each other in a cycle: {}", cycle.join(" -> ")),
                    );
                    break;
                }
                trail.push(here);
                at = steps.get(here).and_then(|step| step.next_step.as_deref());
            }
            finished.extend(trail);
        }
    }

    /// The steps in the order in which they run; reports those that never do.
    fn order(&mut self) -> Vec<&'a str> {
        let steps = &self.document.steps;
        let mut order: Vec<&str> = Vec::new();
        let mut reached = HashSet::new();
        let mut at = steps.get_key_value(&self.document.start_step);
        while let Some((key, step)) = at.filter(|(key, _)| reached.insert(key.as_str())) {
            order.push(key);
            at = step.next_step.as_ref().and_then(|next| steps.get_key_value(next));
        }
        // With a wrong start every step would be unreachable; the start alone is the finding then.
        if !order.is_empty() {
            for key in steps.keys().filter(|key| !reached.contains(key.as_str())) {
                self.report(
                    &["steps", key],
                    "unreachable_step",
                    format!("step '{key}' is never reached from '{}'", self.document.start_step),
                );
            }
        }
        order
    }

    /// Every reference looks into a step that has run before.
    fn references(&mut self, order: &[&'a str], steps: &BTreeMap<&str, CheckedStep>) {
        let position: HashMap<&str, usize> = order.iter().enumerate().map(|(position, key)| (*key, position)).collect();
        for (key, step) in steps {
            let templates = step
                .input
                .iter()
                .flat_map(|(field, template)| template.references().into_iter().map(move |r| (field, r)));
            for (field, reference) in templates {
                let Source::Output(target) = &reference.source else { continue };
                let at = ["steps", key, "input_mapping", field];
                let raw = &reference.raw;
                match (position.get(target.as_str()), position.get(key)) {
                    (None, _) if !self.document.steps.contains_key(target.as_str()) => {
                        self.report(
                            &at,
                            "unknown_step",
                            format!("'${{{raw}}}' refers to step '{target}', which does not exist"),
                        );
                    }
                    (Some(there), Some(here)) if there >= here => {
                        let when = if there == here { "itself" } else { "a step that runs later" };
                        self.report(
                            &at,
                            "reference_to_later_step",
                            format!("'${{{raw}}}' in step '{key}' refers to {when}; its output cannot be there yet"),
                        );
                        self.hint("refer to the workflow's input or to a step that runs before");
                    }
                    // A step that is never reached has been reported as such.
                    (None, _) | (_, None) | (Some(_), Some(_)) => {}
                }
            }
        }
    }
}

fn build<'a>(document: &WorkflowDocument, order: &[&'a str], mut checked: BTreeMap<&'a str, CheckedStep>) -> Plan {
    let index = |position: usize| StepIndex(u32::try_from(position).unwrap_or(u32::MAX));
    let mut steps: Vec<PlanStep> = order
        .iter()
        .filter_map(|key| checked.remove(key))
        .enumerate()
        .map(|(position, step)| PlanStep {
            path: step.id.top_level(),
            id: step.id,
            agent: step.agent,
            next: (position + 1 < order.len()).then(|| index(position + 1)),
            input: step.input,
            output_is_read: false,
            releases: Vec::new(),
        })
        .collect();
    let by_path: HashMap<_, _> =
        steps.iter().enumerate().map(|(position, step)| (step.path.clone(), index(position))).collect();
    let mut last_reader = BTreeMap::new();
    for (position, step) in steps.iter().enumerate() {
        for source in step.reads() {
            if let Source::Output(target) = source {
                last_reader.insert(target.top_level(), position);
            }
        }
    }
    for (read, reader) in last_reader {
        if let Some(StepIndex(source)) = by_path.get(&read).copied() {
            steps[source as usize].output_is_read = true;
        }
        steps[reader].releases.push(read);
    }
    Plan { hash: hash(document), name: document.name.clone(), steps, by_path }
}

/// The hash that runs of a document are pinned to.
pub fn hash(document: &WorkflowDocument) -> PlanHash {
    // A document is a tree of maps with text keys: it always has a JSON form.
    let mut value = serde_json::to_value(document).unwrap_or_default();
    value.sort_all_objects();
    PlanHash::new(Sha256::digest(value.to_string()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(start: &str, steps: serde_json::Value) -> WorkflowDocument {
        let steps: BTreeMap<String, StepDocument> = serde_json::from_value(steps).expect("steps");
        WorkflowDocument::new("w", 1, start.into(), steps)
    }

    fn codes(document: &WorkflowDocument) -> Vec<(String, &'static str)> {
        compile(document).expect_err("a document with mistakes").into_iter().map(|d| (d.pointer, d.code)).collect()
    }

    #[test]
    fn steps_stand_in_the_order_in_which_they_run() {
        let plan = compile(&document("c", json!({
            "a": {"id": "a", "agent_name": "X", "next_step": "b", "input_mapping": {"v": "${c.output.v}"}},
            "b": {"id": "b", "agent_name": "X", "next_step": null, "input_mapping": {"v": "${a.output.v}", "w": "${c.output}"}},
            "c": {"id": "c", "agent_name": "X", "next_step": "a", "input_mapping": {}},
        }))).expect("sound");
        let ids: Vec<_> = plan.steps().map(|s| s.id.as_str()).collect();
        assert_eq!(ids, ["c", "a", "b"]);
        let b = plan.at(&StepId::parse("b").expect("id").top_level()).expect("b");
        assert_eq!(b.releases().iter().map(crate::ids::StepPath::as_str).collect::<Vec<_>>(), ["a", "c"]);
        assert!(!b.output_is_read());
        assert_eq!(plan.needed_from(&b.path).len(), 2);
    }

    #[test]
    fn all_mistakes_of_a_document_are_reported_at_once() {
        let found = codes(&document(
            "a",
            json!({
                "a": {"id": "a", "agent_name": "X", "next_step": "nowhere", "input_mapping": {"x": "${b.output.v}", "y": "${ghost.output}", "z": "${a.output}"}},
                "b": {"id": "B", "next_step": "c", "input_mapping": {}},
                "c": {"id": "c", "agent_name": "X", "next_step": "b"},
                "d": {"id": "d", "type": "teleport"},
                "e f": {"id": "e f", "agent_name": "", "input_mapping": {"a/b~c": "${oops}"}, "loop_config": {"x": 1}},
            }),
        ));
        for expected in [
            ("/steps/a/next_step", "unknown_step"),
            ("/steps/a/input_mapping/y", "unknown_step"),
            ("/steps/a/input_mapping/z", "reference_to_later_step"),
            ("/steps/b/id", "id_mismatch"),
            ("/steps/b/agent_name", "agent_name_missing"),
            ("/steps/c/input_mapping", "input_mapping_missing"),
            ("/steps/c/next_step", "cycle"),
            ("/steps/d/type", "unsupported_step_type"),
            ("/steps/e f", "invalid_step_id"),
            ("/steps/e f/agent_name", "invalid_agent_name"),
            ("/steps/e f/input_mapping/a~1b~0c", "invalid_reference"),
            ("/steps/e f/loop_config", "member_does_not_apply"),
            ("/steps/b", "unreachable_step"),
        ] {
            assert!(found.contains(&(expected.0.to_owned(), expected.1)), "{expected:?} in {found:#?}");
        }
    }

    #[test]
    fn a_cycle_through_the_start_is_named_once_with_its_steps() {
        let document = document(
            "a",
            json!({
                "a": {"id": "a", "agent_name": "X", "next_step": "b", "input_mapping": {}},
                "b": {"id": "b", "agent_name": "X", "next_step": "a", "input_mapping": {}},
            }),
        );
        let found = compile(&document).expect_err("a cycle");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "the steps follow each other in a cycle: a -> b -> a");
    }

    #[test]
    fn a_reference_to_a_later_step_is_refused() {
        let found = codes(&document(
            "a",
            json!({
                "a": {"id": "a", "agent_name": "X", "next_step": "b", "input_mapping": {"x": ["${b.output.v}"]}},
                "b": {"id": "b", "agent_name": "X", "input_mapping": {}},
            }),
        ));
        assert_eq!(found, [("/steps/a/input_mapping/x".to_owned(), "reference_to_later_step")]);
    }

    #[test]
    fn the_hash_depends_on_the_content_and_not_on_the_order_of_members() {
        let one = document("a", json!({"a": {"id": "a", "agent_name": "X", "input_mapping": {"p": 1, "q": 2}}}));
        let same = document(
            "a",
            json!({"a": {"input_mapping": {"q": 2, "p": 1}, "agent_name": "X", "id": "a", "type": "agent"}}),
        );
        let other = document("a", json!({"a": {"id": "a", "agent_name": "X", "input_mapping": {"p": 1, "q": 3}}}));
        assert_eq!(hash(&one), hash(&same));
        assert_ne!(hash(&one), hash(&other));
    }

    #[test]
    fn a_document_beyond_the_limit_is_refused_with_the_limit() {
        let steps: BTreeMap<String, StepDocument> = (0..=MAX_STEPS)
            .map(|n| {
                let next_step = (n < MAX_STEPS).then(|| format!("s{}", n + 1));
                (
                    format!("s{n}"),
                    StepDocument {
                        id: format!("s{n}"),
                        agent_name: Some("X".into()),
                        next_step,
                        input_mapping: Some(serde_json::Map::new()),
                        ..StepDocument::default()
                    },
                )
            })
            .collect();
        let found = compile(&WorkflowDocument::new("w", 1, "s0".into(), steps)).expect_err("too many");
        assert_eq!((found.len(), found[0].code), (1, "too_many_steps"));
    }
}
