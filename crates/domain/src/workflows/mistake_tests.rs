//! That one mistake hides no other, that none is said twice, and that each has a hint.

use serde_json::{Value, json};

use super::{Diagnostic, WorkflowDocument, examine};
use crate::ports::NoSchemas;

fn findings(start: &str, steps: Value, output: Option<Value>) -> Vec<Diagnostic> {
    let steps = serde_json::from_value(steps).expect("steps");
    let document = WorkflowDocument::new("w", 1, start.to_owned(), steps).declaring(None, output);
    examine(&document, &NoSchemas).findings
}

fn found(start: &str, steps: Value) -> Vec<(String, &'static str)> {
    let findings = findings(start, steps, None);
    findings.into_iter().map(|found| (found.pointer, found.code)).collect()
}

fn agent(id: &str, next: Option<&str>, input: impl Into<Value>) -> Value {
    json!({"id": id, "agent_name": "A", "input_mapping": input.into(), "next_step": next})
}

fn hint_of(code: &str, start: &str, steps: Value) -> String {
    let findings = findings(start, steps, None);
    let found = findings.iter().find(|found| found.code == code).unwrap_or_else(|| panic!("{findings:#?}"));
    found.hint.clone().unwrap_or_else(|| panic!("no hint: {found:#?}"))
}

#[test]
fn an_unreadable_reference_hides_no_other_of_its_step_and_of_the_output() {
    let input = json!({"bad": "${oops}", "ghost": "${ghost.output}", "both": "${b.output} ${oops}", "good": "${workflow.input}"});
    let steps = json!({"a": agent("a", Some("b"), input), "b": agent("b", None, json!({}))});
    let output = json!({"bad": "${oops}", "ghost": "${ghost.output}"});
    let findings = findings("a", steps, Some(output));
    let found: Vec<_> = findings.iter().map(|found| (found.pointer.as_str(), found.code)).collect();
    for expected in [
        ("/steps/a/input_mapping/bad", "invalid_reference"),
        ("/steps/a/input_mapping/ghost", "unknown_step"),
        ("/steps/a/input_mapping/both", "invalid_reference"),
        ("/steps/a/input_mapping/both", "reference_to_later_step"),
        ("/output", "invalid_reference"),
        ("/output", "unknown_step"),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {findings:#?}");
    }
    assert_eq!(found.len(), 6, "{findings:#?}");
}

#[test]
fn a_wrong_setting_of_a_block_hides_nothing_of_the_steps_in_it() {
    let bad = json!({"x": "${ghost.output}", "y": "${loop.item}"});
    let repeats = json!({"id": "r", "type": "loop", "loop_config": {
        "collection": "no reference", "loop_body": ["a"], "on_error": "shrug", "max_iterations": 0}});
    let found = found("r", json!({"r": repeats, "a": agent("a", None, bad)}));
    let expected = [
        ("/steps/r/loop_config/collection", "collection_missing"),
        ("/steps/r/loop_config/on_error", "unknown_word"),
        ("/steps/r/loop_config/max_iterations", "not_a_count"),
        ("/steps/a/input_mapping/x", "unknown_step"),
    ];
    assert_eq!(found, expected.map(|(at, code)| (at.to_owned(), code)));
}

#[test]
fn references_of_steps_without_a_place_are_looked_at_as_far_as_they_can_be() {
    let ghost = || json!({"x": "${ghost.output}", "y": "${a.output}"});
    let broken = json!({"id": "b", "input_mapping": ghost()});
    let of_block = json!({"id": "p", "type": "parallel", "parallel_steps": "inside", "next_step": null});
    let found = found(
        "nowhere",
        json!({"a": agent("a", None, ghost()), "b": broken, "p": of_block, "inside": agent("inside", None, ghost())}),
    );
    for step in ["a", "b", "inside"] {
        assert!(found.contains(&(format!("/steps/{step}/input_mapping/x"), "unknown_step")), "{step}: {found:#?}");
    }
    let about_references = found.iter().filter(|(at, _)| at.contains("input_mapping"));
    assert_eq!(about_references.count(), 3, "{found:#?}");
}

#[test]
fn the_references_of_a_step_that_is_never_reached_are_looked_at() {
    let found =
        found("a", json!({"a": agent("a", None, json!({})), "b": agent("b", None, json!({"x": "${ghost.output}"}))}));
    let expected = [("/steps/b", "unreachable_step"), ("/steps/b/input_mapping/x", "unknown_step")];
    assert_eq!(found, expected.map(|(at, code)| (at.to_owned(), code)));
}

#[test]
fn a_finding_is_said_once_wherever_its_step_stands() {
    let shared = json!({"id": "s", "agent_name": "A", "input_mapping": {"x": "${oops} ${oops}", "y": "${ghost.output} ${ghost.output}"}});
    let block = json!({"id": "c", "type": "conditional", "condition": "true", "then_step": "s", "else_step": "s"});
    let found = found("c", json!({"c": block, "s": shared}));
    let expected = [("/steps/s/input_mapping/x", "invalid_reference"), ("/steps/s/input_mapping/y", "unknown_step")];
    assert_eq!(found, expected.map(|(at, code)| (at.to_owned(), code)));
}

#[test]
fn what_lies_too_deep_is_not_called_unreachable() {
    let depth = super::MAX_NESTING + 2;
    let mut steps = serde_json::Map::new();
    for level in 0..depth {
        let (id, side) = (format!("c{level}"), format!("c{}", level + 1));
        steps.insert(id.clone(), json!({"id": id, "type": "conditional", "condition": "true", "then_step": side}));
    }
    steps.insert(format!("c{depth}"), agent(&format!("c{depth}"), None, json!({})));
    let found = found("c0", Value::Object(steps));
    assert_eq!(found, [(format!("/steps/c{}", super::MAX_NESTING), "nested_too_deep")]);
}

#[test]
fn a_block_names_each_of_its_steps_once() {
    let block = json!({"id": "p", "type": "parallel", "parallel_steps": ["b", "c", "b"]});
    let steps = json!({"p": block, "b": agent("b", None, json!({})), "c": agent("c", None, json!({}))});
    assert_eq!(found("p", steps.clone()), [("/steps/p/parallel_steps/2".to_owned(), "step_named_twice")]);
    assert!(hint_of("step_named_twice", "p", steps).contains("a step of its own"));
}

#[test]
fn hints_name_the_step_that_was_probably_meant() {
    let steps = |next: &str, reference: &str| {
        json!({"fetch": agent("fetch", Some(next), json!({})),
            "review": agent("review", None, json!({"x": format!("${{{reference}.output}}")}))})
    };
    assert_eq!(hint_of("unknown_step", "fetch", steps("reviwe", "fetch")), "did you mean 'review'?");
    assert_eq!(hint_of("unknown_step", "fetch", steps("review", "fetched")), "did you mean 'fetch'?");
    assert_eq!(hint_of("unknown_step", "Fetch", steps("review", "fetch")), "did you mean 'fetch'?");
    assert!(hint_of("unknown_step", "fetch", steps("summary", "fetch")).starts_with("add the step"));
}

#[test]
fn the_other_mistakes_of_structure_have_hints_too() {
    let ring = json!({"a": agent("a", Some("b"), json!({})), "b": agent("b", Some("a"), json!({}))});
    assert!(hint_of("cycle", "a", ring).contains("loop"));
    let apart = json!({"a": agent("a", None, json!({})), "b": agent("b", None, json!({}))});
    assert!(hint_of("unreachable_step", "a", apart).contains("next_step"));
    assert_eq!(hint_of("id_mismatch", "a", json!({"a": agent("b", None, json!({}))})), "write \"id\": \"a\"");
    let asks = |condition: &str| json!({"c": {"id": "c", "type": "conditional", "condition": condition, "then_step": "a"}, "a": agent("a", None, json!({}))});
    assert!(hint_of("invalid_condition", "c", asks("workflow.input.x ===")).contains("${"));
    let fork = |needed: Value| {
        let branches = json!({"x": {"steps": ["a"]}, "y": {"steps": ["b"]}});
        let config = json!({"branches": branches, "join_policy": "n_of_m", "n_required": needed});
        json!({"f": {"id": "f", "type": "fork_join", "fork_join_config": config},
            "a": agent("a", None, json!({})), "b": agent("b", None, json!({}))})
    };
    assert_eq!(hint_of("n_required", "f", fork(json!(3))), "write a number from 1 to 2");
    assert!(hint_of("n_required", "f", fork(Value::Null)).contains("majority"));
}
