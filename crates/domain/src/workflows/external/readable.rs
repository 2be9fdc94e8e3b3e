//! What the old executor accepts and then fails at, whatever the agents answer (contract 5.2, 5.3 and 5.5).

use std::collections::HashSet;

use serde_json::Value;

use super::accepted::{CODE, dropped_by_external};
use crate::workflows::{
    diagnostic::{Diagnostic, pointer},
    document::{StepDocument, WorkflowDocument},
    path::Segment,
    reference::{Reference, Source, Template},
    steps::named,
};

/// Accepted as types, and run as if they were agent steps.
const TAKEN_FOR_AGENTS: [&str; 3] = ["sub_workflow", "wait_for_event", "validate"];

/// Everything in a document that the old executor cannot run. Empty for a document that it can run.
pub fn unfit_for_external(document: &WorkflowDocument) -> Vec<Diagnostic> {
    let mut found = dropped_by_external(document);
    if document.on_complete.is_some() {
        let message = "the existing executor starts no runs that follow".to_owned();
        found.push(Diagnostic::error(pointer(["on_complete"]), CODE, message));
    }
    found.extend(unreadable(document));
    found
}

/// Everything in a document that makes a step of it fail there.
fn unreadable(document: &WorkflowDocument) -> Vec<Diagnostic> {
    let hidden = hidden(document);
    let mut found = Vec::new();
    for (key, step) in &document.steps {
        let kind = step.kind.as_deref().unwrap_or("agent");
        if TAKEN_FOR_AGENTS.contains(&kind) {
            let message = format!("the existing executor runs steps of type '{kind}' as if they called an agent");
            found.push(Diagnostic::error(pointer(["steps", key, "type"]), CODE, message));
        }
        for (field, value) in step.input_mapping.iter().flatten() {
            let Ok(template) = Template::parse(value) else { continue };
            for reference in template.references() {
                let problem = unreadable_in_mapping(reference).or_else(|| unpublished(reference, &hidden));
                if let Some(problem) = problem {
                    let at = pointer(["steps", key, "input_mapping", field]);
                    found.push(Diagnostic::error(at, CODE, cannot_read(&reference.raw, problem)));
                }
            }
        }
        found.extend(collection(key, step));
    }
    found
}

fn cannot_read(raw: &str, problem: &str) -> String {
    format!("the existing executor cannot read '${{{raw}}}': {problem}")
}

fn unreadable_in_mapping(reference: &Reference) -> Option<&'static str> {
    if reference.raw.starts_with("steps.") {
        return Some("it takes 'steps' for the id of a step");
    }
    match &reference.source {
        Source::Input | Source::Output(_) if reference.path.is_empty() => Some("it names no member"),
        Source::Input | Source::Output(_) => reference.raw.contains('[').then_some("it looks into an array"),
        Source::Given => Some("it knows no filters and assertions"),
        Source::RunOutput => Some("it knows no output of the run"),
        Source::Loop(_) => (!reference.path.is_empty()).then_some("it looks into the loop's item"),
        // A document with it has no plan.
        Source::Unread => None,
    }
}

/// What a step of a loop answers is not published there, neither inside of the loop nor after it.
fn unpublished(reference: &Reference, hidden: &HashSet<String>) -> Option<&'static str> {
    let Source::Output(step) = &reference.source else { return None };
    hidden.contains(step.as_str()).then_some("outputs of the steps of a loop are not kept")
}

/// The steps that stand in bodies of loops, and nowhere else.
fn hidden(document: &WorkflowDocument) -> HashSet<String> {
    let mut published = HashSet::new();
    let mut next = Some(&document.start_step);
    while let Some(id) = next.filter(|id| published.insert((*id).clone())) {
        next = document.steps.get(id).and_then(|step| step.next_step.as_ref());
    }
    let mut hidden = HashSet::new();
    for step in document.steps.values() {
        let is_loop = step.kind.as_deref() == Some("loop");
        let into = if is_loop { &mut hidden } else { &mut published };
        into.extend(named(step).into_iter().map(|(_, id)| id));
    }
    hidden.retain(|id| !published.contains(id));
    hidden
}

/// One member of the run's input or of an output, and nothing deeper. What follows the reference is ignored.
fn collection(key: &str, step: &StepDocument) -> Option<Diagnostic> {
    let config = step.other.get("loop_config").filter(|_| step.kind.as_deref() == Some("loop"))?;
    let text = config.get("collection").and_then(Value::as_str)?;
    let raw = text.strip_prefix("${").and_then(|rest| rest.split_once('}')).map_or(text, |(raw, _)| raw);
    let problem = match Reference::parse(raw).ok().map(|reference| (reference.source, reference.path)) {
        Some((Source::Given | Source::RunOutput, _)) => "it knows no filters and assertions",
        Some((Source::Loop(_), _)) => "a loop cannot go over the item of another",
        Some((_, path)) if raw.starts_with("steps.") || path.is_empty() => "it names no member",
        Some((_, path)) if raw.contains('[') || !matches!(path.as_slice(), [Segment::Key(_)]) => {
            "the list of a loop must be a member of the run's input or of an output, and no deeper"
        }
        Some(_) => return None,
        None => "it is no reference",
    };
    let at = pointer(["steps", key, "loop_config", "collection"]);
    Some(Diagnostic::error(at, CODE, cannot_read(raw, problem)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places(steps: &Value) -> Vec<String> {
        let plan = json!({"start_step": "a", "steps": steps});
        let document = WorkflowDocument::read_leniently(&plan).expect("a plan");
        unreadable(&document).into_iter().map(|found| found.pointer).collect()
    }

    fn mapped(mapping: &Value) -> Vec<String> {
        places(&json!({"a": {"agent_name": "A", "input_mapping": mapping}}))
    }

    fn looped(collection: &str) -> Vec<String> {
        places(&json!({
            "a": {"type": "loop", "loop_config": {"collection": collection, "loop_body": ["b"]}},
            "b": {"agent_name": "B", "input_mapping": {"item": "${loop.item}", "n": "${loop.index}"}},
        }))
    }

    #[test]
    fn what_the_old_executor_cannot_resolve_is_named_with_its_place() {
        let mapping = json!({
            "whole": "${workflow.input}", "index": "see ${a.output.list[0]}", "prefix": "${steps.a.output.b}",
            "quoted": "${a.output[\"b.c\"]}", "item": "${loop.item.name}", "fine": "${workflow.input.a.b}", "text": "plain",
        });
        let mut places = mapped(&mapping);
        places.sort();
        let expected =
            ["index", "item", "prefix", "quoted", "whole"].map(|field| format!("/steps/a/input_mapping/{field}"));
        assert_eq!(places, expected);
    }

    #[test]
    fn a_document_of_the_old_system_is_fit() {
        assert_eq!(mapped(&json!({"source": "${workflow.input.src}"})), [""; 0]);
        for fine in ["${workflow.input.list}", "${a.output.items} and what follows"] {
            assert_eq!(looped(fine), [""; 0], "{fine}");
        }
    }

    #[test]
    fn a_collection_is_a_member_of_the_input_or_of_an_output() {
        for collection in [
            "${loop.item.list}",
            "${loop.item}",
            "${workflow.input}",
            "${a.output.data.items}",
            "${a.output.lists[0]}",
            "${steps.a.output.list}",
            "items",
        ] {
            assert_eq!(looped(collection), ["/steps/a/loop_config/collection"], "{collection}");
        }
    }

    #[test]
    fn outputs_of_a_loops_steps_cannot_be_read_but_those_of_members_of_its_blocks_can() {
        let found = places(&json!({
            "a": {"type": "loop", "loop_config": {"collection": "${workflow.input.l}", "loop_body": ["b", "c", "p"]},
                  "next_step": "z"},
            "b": {"agent_name": "B", "input_mapping": {}},
            "c": {"agent_name": "B", "input_mapping": {"before": "${b.output.text}"}},
            "p": {"type": "parallel", "parallel_steps": ["q", "r"]},
            "q": {"agent_name": "B", "input_mapping": {}},
            "r": {"agent_name": "B", "input_mapping": {}},
            "z": {"agent_name": "B", "input_mapping": {"q": "${q.output.text}", "all": "${a.output.iterations}"}},
        }));
        assert_eq!(found, ["/steps/c/input_mapping/before"]);
    }

    #[test]
    fn types_that_it_takes_for_agent_steps_are_refused() {
        for kind in TAKEN_FOR_AGENTS {
            assert_eq!(places(&json!({"a": {"type": kind, "agent_name": "A"}})), ["/steps/a/type"]);
        }
    }
}
