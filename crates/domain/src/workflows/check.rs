//! From a document to a plan, and everything that is to be said about it.

use std::collections::{BTreeMap, HashSet};

use sha2::{Digest, Sha256};

use super::{
    declared::{Declared, compile_at},
    diagnostic::Diagnostic,
    document::WorkflowDocument,
    findings::Findings,
    limits::MAX_STEPS,
    plan::Plan,
    reference::{InvalidReference, Template},
    steps::{self, Content},
    tree::{self, Tree},
    types, visibility,
    work::ChildWorkflow,
};
use crate::{
    ids::{PlanHash, StepId},
    ports::Schemas,
};

/// What an examination gives.
#[derive(Debug)]
pub struct Examined {
    /// The plan; there may be one although the document must not be saved, because the old executor runs such documents.
    pub plan: Option<Plan>,
    /// Everything that was found, not only the first.
    pub findings: Vec<Diagnostic>,
}

/// Compiles a document that was saved, or that another system made. What only should not be saved is no hindrance.
pub fn compile(document: &WorkflowDocument, schemas: &dyn Schemas) -> Result<Plan, Vec<Diagnostic>> {
    let examined = examine(document, schemas);
    examined.plan.ok_or(examined.findings)
}

/// Compiles a document and says all that is to be said about it without looking at agents.
pub fn examine(document: &WorkflowDocument, schemas: &dyn Schemas) -> Examined {
    examine_with(document, schemas, &Declared::default())
}

/// Compiles a document and says all that is to be said about it where agents declare this.
pub fn examine_with(document: &WorkflowDocument, schemas: &dyn Schemas, declared: &Declared) -> Examined {
    let mut findings = Findings::default();
    size(document, &mut findings);
    // The rest costs more with each step, and says nothing that matters while there are too many.
    if findings.is_fatal() {
        return Examined { plan: None, findings: findings.all() };
    }
    let contents = contents(document, schemas, &mut findings);
    let input_schema =
        document.input_schema.as_ref().and_then(|schema| compile_at(&["input_schema"], schema, schemas, &mut findings));
    links(document, &mut findings);
    itself(document, &contents, &mut findings);
    let end = end(document, &mut findings);
    let plan = tree::grow(document, &contents, &end, &mut findings).and_then(|tree| {
        unreachable(document, &tree, &mut findings);
        let bindings = visibility::bind(&tree, &mut findings);
        if !bindings.is_cut {
            types::check(&tree, &bindings, declared, schemas, &mut findings);
        }
        // What was said so far may have hidden a step; a plan without it would be another one.
        if findings.is_fatal() {
            None
        } else {
            tree.into_plan(hash(document), document.name.clone(), bindings, input_schema)
        }
    });
    Examined { plan, findings: findings.all() }
}

fn size(document: &WorkflowDocument, findings: &mut Findings) {
    let count = document.steps.len();
    if count == 0 {
        findings.error(&["steps"], "no_steps", "a workflow needs at least one step".into());
    } else if count > MAX_STEPS {
        findings.error(&["steps"], "too_many_steps", format!("{count} steps are more than the limit of {MAX_STEPS}"));
    }
}

/// What can be said about each step without looking at others.
fn contents(
    document: &WorkflowDocument,
    schemas: &dyn Schemas,
    findings: &mut Findings,
) -> BTreeMap<String, (StepId, Content)> {
    let mut contents = BTreeMap::new();
    for (key, step) in &document.steps {
        if step.id != *key {
            let message = format!("the id '{}' differs from the step's key '{key}'", step.id);
            findings.error(&["steps", key, "id"], "id_mismatch", message);
        }
        let id = StepId::parse(key)
            .map_err(|e| findings.error(&["steps", key], "invalid_step_id", format!("step id '{key}': {e}")))
            .ok();
        if matches!(key.as_str(), "workflow" | "loop" | "steps") {
            let message = format!("'{key}' has a meaning in references and cannot be a step id");
            findings.error(&["steps", key], "reserved_step_id", message);
        }
        if let (Some(content), Some(id)) = (steps::read(key, step, schemas, findings), id) {
            contents.insert(key.clone(), (id, content));
        }
    }
    contents
}

/// What stands behind the last step and makes the run's output. Its id is never seen.
fn end(document: &WorkflowDocument, findings: &mut Findings) -> (StepId, Content) {
    let template = document.output.as_ref().and_then(|output| {
        let said = |problems: Vec<InvalidReference>| {
            for problem in problems {
                findings.error(&["output"], "invalid_reference", problem.to_string());
            }
        };
        Template::parse(output).map_err(said).ok()
    });
    (StepId::end(), Content::End(template))
}

/// A workflow that runs itself would never end. Longer ways round are found where other workflows can be read.
fn itself(document: &WorkflowDocument, contents: &BTreeMap<String, (StepId, Content)>, findings: &mut Findings) {
    for (key, (_, content)) in contents {
        if let Content::Child { target, .. } = content
            && matches!(&target.workflow, ChildWorkflow::Named(name) if name.as_str() == document.name)
        {
            let message = format!("step '{key}' runs the workflow that it is part of");
            findings.error(&["steps", key], "workflow_in_itself", message);
        }
    }
}

/// Whatever names a step names one that is there, and no chain of them bites its tail.
fn links(document: &WorkflowDocument, findings: &mut Findings) {
    let steps = &document.steps;
    if !steps.contains_key(&document.start_step) {
        let message = format!("there is no step '{}'", document.start_step);
        findings.error(&["start_step"], "unknown_step", message);
    }
    let mut finished = HashSet::new();
    for (key, step) in steps {
        if let Some(next) = step.next_step.as_deref().filter(|next| !steps.contains_key(*next)) {
            let message = format!("step '{key}' is followed by '{next}', which does not exist");
            findings.error(&["steps", key, "next_step"], "unknown_step", message);
        }
        for (place, named) in steps::named(step) {
            if !steps.contains_key(&named) {
                let at: Vec<&str> = ["steps", key].into_iter().chain(place.iter().map(String::as_str)).collect();
                let message = format!("step '{key}' names '{named}', which does not exist");
                findings.error(&at, "unknown_step", message);
            }
        }
        let mut trail: Vec<&str> = Vec::new();
        let mut at = Some(key.as_str());
        while let Some(here) = at.filter(|here| !finished.contains(here)) {
            if let Some(start) = trail.iter().position(|seen| *seen == here) {
                let cycle: Vec<&str> = trail[start..].iter().copied().chain([here]).collect();
                let message = format!("the steps follow each other in a cycle: {}", cycle.join(" -> "));
                findings.error(&["steps", trail[trail.len() - 1], "next_step"], "cycle", message);
                break;
            }
            trail.push(here);
            at = steps.get(here).and_then(|step| step.next_step.as_deref());
        }
        finished.extend(trail);
    }
}

fn unreachable(document: &WorkflowDocument, tree: &Tree<'_>, findings: &mut Findings) {
    let reached = tree.keys();
    for key in document.steps.keys().filter(|key| !reached.contains(key.as_str())) {
        let message = format!("step '{key}' is never reached from '{}'", document.start_step);
        findings.refuse(&["steps", key], "unreachable_step", message);
    }
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
    use serde_json::json;

    use super::*;
    use crate::{
        ports::NoSchemas,
        workflows::{Severity, StepDocument},
    };

    fn document(start: &str, steps: serde_json::Value) -> WorkflowDocument {
        let steps: BTreeMap<String, StepDocument> = serde_json::from_value(steps).expect("steps");
        WorkflowDocument::new("w", 1, start.into(), steps)
    }

    fn codes(document: &WorkflowDocument) -> Vec<(String, &'static str)> {
        let found =
            examine(document, &NoSchemas).findings.into_iter().filter(|found| found.severity == Severity::Error);
        found.map(|found| (found.pointer, found.code)).collect()
    }

    #[test]
    fn steps_stand_in_the_order_in_which_they_run() {
        let plan = compile(&document("c", json!({
            "a": {"id": "a", "agent_name": "X", "next_step": "b", "input_mapping": {"v": "${c.output.v}"}},
            "b": {"id": "b", "agent_name": "X", "next_step": null, "input_mapping": {"v": "${a.output.v}", "w": "${c.output}"}},
            "c": {"id": "c", "agent_name": "X", "next_step": "a", "input_mapping": {}},
        })), &NoSchemas).expect("sound");
        let ids: Vec<_> = plan.steps().map(|s| s.id.as_str()).collect();
        assert_eq!(ids, ["c", "a", "b"]);
        let b = plan.at(&StepId::parse("b").expect("id").top_level()).expect("b");
        assert_eq!(b.releases().iter().map(crate::ids::StepPath::as_str).collect::<Vec<_>>(), ["c", "a"]);
        assert!(b.output_is_read(), "the last step's output is the run's");
        let path = |id: &str| StepId::parse(id).expect("id").top_level();
        assert!(plan.needs(&path("a"), &path("b")) && plan.needs(&path("c"), &path("b")));
        assert!(plan.needs(&path("b"), &path("b")));
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
        let found = compile(&document, &NoSchemas).expect_err("a cycle");
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
        let found = compile(&WorkflowDocument::new("w", 1, "s0".into(), steps), &NoSchemas).expect_err("too many");
        assert_eq!((found.len(), found[0].code), (1, "too_many_steps"));
    }
}
