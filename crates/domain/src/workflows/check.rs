//! From a document to a plan, and everything that is to be said about it.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    declared::{Declared, compile_at},
    diagnostic::{Diagnostic, each_once},
    document::WorkflowDocument,
    findings::Findings,
    follow_up,
    limits::MAX_STEPS,
    plan::Plan,
    reference::Template,
    steps::{self, Content},
    tree::{self, RunDeclarations, Tree},
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
    let declarations = declarations(document, schemas, &mut findings);
    links(document, &mut findings);
    itself(document, &contents, &mut findings);
    let end = end(document, &mut findings);
    let tree = tree::grow(document, &contents, &end, &mut findings);
    unreachable(document, &mut findings);
    let placed = tree.as_ref().map(Tree::keys).unwrap_or_default();
    visibility::unplaced(document, &contents, &placed, &mut findings);
    let plan = tree.and_then(|tree| {
        let bindings = visibility::bind(&tree, &mut findings);
        if !bindings.is_cut {
            types::check(&tree, &bindings, declared, schemas, &mut findings);
        }
        // What was said so far may have hidden a step; a plan without it would be another one.
        if findings.is_fatal() {
            None
        } else {
            tree.into_plan(hash(document), document.name.clone(), bindings, declarations)
        }
    });
    let findings = findings.all().into_iter().map(|found| as_written(document, found)).collect();
    Examined { plan, findings: each_once(findings) }
}

/// The place of a finding as the document has it: who looks at what a step means no longer knows in which of several ways it
/// was said.
fn as_written(document: &WorkflowDocument, found: Diagnostic) -> Diagnostic {
    let mut parts: Vec<&str> = found.pointer.split('/').skip(1).collect();
    let ["steps", key, config, member, ..] = parts[..] else { return found };
    let key = key.replace("~1", "/").replace("~0", "~");
    let Some(others) = document.steps.get(&key).map(|step| &step.other) else { return found };
    let said = |name: &str| match others.get(config) {
        Some(settings) => settings.get(name),
        None => others.get(name),
    };
    if config == "condition" && others.get(config).is_some_and(Value::is_string) {
        parts.truncate(3);
    } else if config.ends_with("_config") {
        if member == "data" && said("data").is_none_or(Value::is_null) && said("data_source").is_some() {
            parts[3] = "data_source";
        }
        let number = parts.get(4).filter(|_| member == "assertions" && parts.len() == 5);
        let assertion = number.and_then(|number| said(member)?.get(number.parse::<usize>().ok()?));
        if assertion.is_some_and(Value::is_object) {
            parts.push("expression");
        }
        if !others.contains_key(config) {
            parts.remove(2);
        }
    }
    let pointer = parts.iter().fold(String::new(), |path, part| path + "/" + part);
    Diagnostic { pointer, ..found }
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
            findings.hint(format!("write \"id\": \"{key}\""));
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

/// What the document says about its runs as a whole.
fn declarations(document: &WorkflowDocument, schemas: &dyn Schemas, findings: &mut Findings) -> RunDeclarations {
    let schema = document.input_schema.as_ref();
    let input_schema = schema.and_then(|schema| compile_at(&["input_schema"], schema, schemas, findings));
    let mut number = |name: &str, value: Option<&Value>, least: u64| {
        let value = value?;
        let number = value.as_u64().filter(|number| *number >= least).and_then(|number| u32::try_from(number).ok());
        if number.is_none() {
            findings.error(&[name], "not_a_count", format!("'{name}' must be a whole number from {least}"));
        }
        number
    };
    let timeout_seconds = number("timeout_seconds", document.limits.timeout_seconds.as_ref(), 1);
    let retry_budget = number("max_retry_budget", document.limits.max_retry_budget.as_ref(), 0);
    let follow_ups = follow_up::read(document, findings);
    RunDeclarations { input_schema, timeout_seconds, retry_budget, follow_ups }
}

/// What stands behind the last step and makes the run's output. Its id is never seen.
fn end(document: &WorkflowDocument, findings: &mut Findings) -> (StepId, Content) {
    let template = document.output.as_ref().map(|output| {
        let (template, problems) = Template::parse_readable(output);
        for problem in problems {
            findings.error(&["output"], "invalid_reference", problem.to_string());
        }
        template
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
        findings.hint_at_step(&document.start_step, document);
    }
    let mut finished = HashSet::new();
    for (key, step) in steps {
        if let Some(next) = step.next_step.as_deref().filter(|next| !steps.contains_key(*next)) {
            let message = format!("step '{key}' is followed by '{next}', which does not exist");
            findings.error(&["steps", key, "next_step"], "unknown_step", message);
            findings.hint_at_step(next, document);
        }
        for (place, named) in steps::named(step) {
            if !steps.contains_key(&named) {
                let at: Vec<&str> = ["steps", key].into_iter().chain(place.iter().map(String::as_str)).collect();
                let message = format!("step '{key}' names '{named}', which does not exist");
                findings.error(&at, "unknown_step", message);
                findings.hint_at_step(&named, document);
            }
        }
        let mut trail: Vec<&str> = Vec::new();
        let mut at = Some(key.as_str());
        while let Some(here) = at.filter(|here| !finished.contains(here)) {
            if let Some(start) = trail.iter().position(|seen| *seen == here) {
                let cycle: Vec<&str> = trail[start..].iter().copied().chain([here]).collect();
                let message = format!("the steps follow each other in a cycle: {}", cycle.join(" -> "));
                findings.error(&["steps", trail[trail.len() - 1], "next_step"], "cycle", message);
                findings.hint("leave one next_step out; a step of type 'loop' repeats others");
                break;
            }
            trail.push(here);
            at = steps.get(here).and_then(|step| step.next_step.as_deref());
        }
        finished.extend(trail);
    }
}

fn unreachable(document: &WorkflowDocument, findings: &mut Findings) {
    // Without a beginning nothing is reached, which has been said.
    if !document.steps.contains_key(&document.start_step) {
        return;
    }
    let reached = reached(document);
    for key in document.steps.keys().filter(|key| !reached.contains(key.as_str())) {
        let message = format!("step '{key}' is never reached from '{}'", document.start_step);
        findings.refuse(&["steps", key], "unreachable_step", message);
        findings.hint("name it in a next_step or in a block that is reached, or leave it out");
    }
}

/// The steps that are reached, or would be if everything around them were sound: a step that has no place in the tree because of
/// another mistake is no mistake of its own.
fn reached(document: &WorkflowDocument) -> HashSet<&str> {
    let mut reached = HashSet::new();
    let mut ahead = Vec::new();
    let mut main = HashSet::new();
    let mut at = document.steps.get_key_value(&document.start_step);
    while let Some((key, step)) = at.filter(|(key, _)| main.insert(key.as_str())) {
        ahead.push((key.as_str(), step));
        at = step.next_step.as_ref().and_then(|next| document.steps.get_key_value(next));
    }
    while let Some((key, step)) = ahead.pop() {
        if reached.insert(key) {
            // Inside of blocks the block says what follows.
            let members = steps::named(step).into_iter().filter_map(|(_, id)| document.steps.get_key_value(&id));
            ahead.extend(members.map(|(key, step)| (key.as_str(), step)));
        }
    }
    reached
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
    fn a_finding_points_to_where_the_document_says_it() {
        let found = codes(&document(
            "a",
            json!({
                "a": {"id": "a", "type": "wait_for_event", "event": "e", "filter": "${ghost.output} == 1", "next_step": "b"},
                "b": {"id": "b", "type": "validate", "next_step": "c", "validate_config": {
                    "data_source": "${ghost.output}", "assertions": [{"expression": "${ghost.output} == 1"}]}},
                "c": {"id": "c", "type": "conditional", "condition": "${ghost.output} == 1", "if_true_step": "d"},
                "d": {"id": "d", "type": "validate", "data": "${ghost.output}", "assertions": ["${ghost.output} == 1"]},
            }),
        ));
        let places: Vec<_> = found.iter().map(|(at, _)| at.as_str()).collect();
        for expected in [
            "/steps/a/filter",
            "/steps/b/validate_config/data_source",
            "/steps/b/validate_config/assertions/0/expression",
            "/steps/c/condition",
            "/steps/d/data",
            "/steps/d/assertions/0",
        ] {
            assert!(places.contains(&expected), "{expected} is not in {places:?}");
        }
        assert!(found.iter().all(|(_, code)| *code == "unknown_step"), "{found:?}");
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
