//! Documents, references and conditions that nobody would write: whatever they are, they are read without a panic, in bounded
//! time and depth.

use std::collections::BTreeMap;

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::{Index, select},
};
use serde_json::{Map, Value, json};

use super::*;
use crate::{ids::StepId, ports::NoSchemas};

/// The members of all step types, and words that mean something in them.
const MEMBERS: [&str; 40] = [
    "id",
    "type",
    "agent_name",
    "next_step",
    "input_mapping",
    "parallel_steps",
    "max_parallelism",
    "condition",
    "expression",
    "if_true_step",
    "if_false_step",
    "then_step",
    "else_step",
    "loop_config",
    "collection",
    "loop_body",
    "execution_mode",
    "max_iterations",
    "on_error",
    "fork_join_config",
    "branches",
    "steps",
    "join_policy",
    "n_required",
    "timeout_seconds",
    "branch_timeout_seconds",
    "delay_config",
    "seconds",
    "until",
    "workflow_name",
    "workflow_version",
    "event_config",
    "event",
    "correlation",
    "filter",
    "on_timeout",
    "validate_config",
    "data",
    "schema",
    "assertions",
];

const WORDS: [&str; 44] = [
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "g",
    "h",
    "i",
    "agent",
    "parallel",
    "conditional",
    "loop",
    "fork_join",
    "fork-join",
    "delay",
    "sub_workflow",
    "wait_for_event",
    "validate",
    "sequential",
    "continue",
    "collect",
    "stop",
    "all",
    "any",
    "majority",
    "n_of_m",
    "fail",
    "warn",
    "strict",
    "${workflow.input}",
    "${workflow.input.l[0]}",
    "${a.output.x}",
    "${b.output}",
    "${loop.item}",
    "${loop.index}",
    "${steps.c.output[*]}",
    "x ${d.output.y} y",
    "${",
    "${}",
    "${data} > 1",
    "${event.data.n} in [1, 2]",
    "2030-01-01T00:00:00Z",
    "v2",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => select(&WORDS[..]).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(|number| json!(number)),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            btree_map(select(&MEMBERS[..]).prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A sound document with every type in it.
fn sound() -> Value {
    json!({"name": "w", "start_step": "a", "output": {"x": "${a.output}"}, "steps": {
        "a": {"id": "a", "type": "agent", "agent_name": "A", "next_step": "b", "input_mapping": {"t": "x ${workflow.input.t}"}},
        "b": {"id": "b", "type": "parallel", "parallel_steps": ["c", "d"], "max_parallelism": 2, "next_step": "e"},
        "c": {"id": "c", "type": "conditional", "condition": {"expression": "${a.output.n} > 3"}, "if_true_step": "g", "if_false_step": "h"},
        "d": {"id": "d", "type": "loop", "loop_config": {"collection": "${a.output.l}", "loop_body": ["g", "i"],
            "execution_mode": "parallel", "max_parallelism": 3, "max_iterations": 9, "on_error": "collect"}},
        "e": {"id": "e", "type": "fork_join", "next_step": "f", "fork_join_config": {"join_policy": "n_of_m", "n_required": 1,
            "branch_timeout_seconds": 9, "branches": {"p": {"steps": ["g", "h"], "timeout_seconds": 3}, "q": {"steps": ["j", "k"]}}}},
        "f": {"id": "f", "type": "delay", "delay_config": {"seconds": "${workflow.input.s}"}},
        "g": {"id": "g", "type": "agent", "agent_name": "A", "input_mapping": {}},
        "h": {"id": "h", "type": "sub_workflow", "workflow_name": "other", "workflow_version": "v2", "timeout_seconds": 5, "input_mapping": {"x": [1]}},
        "i": {"id": "i", "type": "agent", "agent_name": "A", "input_mapping": {"i": "${loop.item.x}", "g": "${g.output}"}},
        "j": {"id": "j", "type": "wait_for_event", "event_config": {"event": "paid", "correlation": "${workflow.input.c}",
            "filter": "${event.data.n} > 1", "timeout_seconds": 5, "on_timeout": "continue"}},
        "k": {"id": "k", "type": "validate", "validate_config": {"data": "${j.output}", "schema": {}, "mode": "warn",
            "assertions": ["${data.timed_out} == false", {"expression": "true", "message": "m"}]}},
    }})
}

/// The places of a value, itself included.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, item)| places(item, &format!("{at}/{number}"), found));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| places(member, &format!("{at}/{name}"), found));
        }
        _ => {}
    }
}

fn read(value: &Value) -> Option<WorkflowDocument> {
    let steps: BTreeMap<String, StepDocument> = serde_json::from_value(value.get("steps")?.clone()).ok()?;
    let start = value.get("start_step")?.as_str()?.to_owned();
    let said = |name: &str| value.get(name).cloned();
    Some(WorkflowDocument::new("w", 1, start, steps).declaring(said("input_schema"), said("output")))
}

/// Reads it in every way there is; a plan that comes of it can be begun, and its first step refuses or takes the input.
fn examined(value: &Value) {
    let lenient = WorkflowDocument::read_leniently(value).ok();
    for document in [read(value), lenient].into_iter().flatten() {
        let examined = examine(&document, &NoSchemas);
        assert!(examined.plan.is_some() || !examined.findings.is_empty(), "no plan, and not a word why");
        if let Some(plan) = examined.plan {
            assert!(plan.steps().count() <= MAX_PLACES);
            let run = crate::ids::RunId::parse("run-1").expect("an id");
            let input = crate::payload::Payload::new(json!({"t": "t", "l": [1], "s": 1})).expect("storable");
            let (state, _, made) = crate::runs::start(&plan, run, input, crate::Timestamp::UNIX_EPOCH);
            let says_more = made.unfinished || !made.lookups.is_empty();
            assert!(says_more || state.status() != crate::runs::RunStatus::Pending, "it begins, or says why not");
        }
    }
}

struct Values(Value);

impl Scope for Values {
    fn input(&self) -> &Value {
        &self.0
    }

    fn output(&self, _step: &StepId) -> Option<&Value> {
        Some(&self.0)
    }

    fn iteration(&self) -> Option<Iteration<'_>> {
        Some(Iteration { item: &self.0, index: 1, total: 3 })
    }

    fn given(&self) -> Option<&Value> {
        Some(&self.0)
    }
}

#[test]
fn the_document_that_is_mutated_is_sound() {
    let document = read(&sound()).expect("a document");
    let found = examine(&document, &NoSchemas);
    let errors: Vec<_> = found.findings.iter().filter(|found| found.severity == Severity::Error).collect();
    assert!(errors.is_empty() && found.plan.is_some(), "{errors:#?}");
}

#[test]
fn blocks_that_hold_each_other_are_refused_and_not_followed_for_ever() {
    let parallel = |members: [&str; 2]| json!({"type": "parallel", "parallel_steps": members});
    let mut steps = Map::new();
    for number in 0..30 {
        let (one, other) = (format!("s{}", (number + 1) % 30), format!("s{}", (number + 2) % 30));
        let mut step = parallel([&one, &other]);
        step["id"] = format!("s{number}").into();
        steps.insert(format!("s{number}"), step);
    }
    let document = json!({"start_step": "s0", "steps": steps});
    let examined = examine(&read(&document).expect("a document"), &NoSchemas);
    assert!(examined.plan.is_none() && examined.findings.len() <= 10_000);
    assert!(WorkflowDocument::read_leniently(&document).is_ok());
}

#[test]
fn values_that_are_nested_deeply_are_read_without_end_of_the_stack() {
    // As deep as the JSON parser lets anything in (serde_json: 128 levels).
    let nested = (0..120)
        .fold(json!("${a.output}"), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({"m": inner}) });
    let mut document = sound();
    document["steps"]["g"]["input_mapping"]["deep"] = nested.clone();
    document["steps"]["k"]["validate_config"]["schema"] = nested.clone();
    document["output"] = nested.clone();
    examined(&document);
    assert!(Template::parse(&nested).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_value_in_place_of_a_document_makes_the_checker_panic(
        steps in btree_map(select(&WORDS[..9]).prop_map(str::to_owned), value(), 0..8), start in select(&WORDS[..9]), output in value(),
    ) {
        examined(&json!({"start_step": start, "steps": steps, "output": output}));
        examined(&output);
    }

    #[test]
    fn no_member_of_a_sound_document_can_be_changed_so_that_the_checker_panics(
        changes in vec((any::<Index>(), value(), 0..3u8), 1..4),
    ) {
        let mut document = sound();
        for (place, new, manner) in changes {
            let mut all = Vec::new();
            places(&document, "", &mut all);
            let at = all[place.index(all.len())].clone();
            let Some(target) = document.pointer_mut(&at) else { continue };
            match (manner, target) {
                (0, target) => *target = new,
                (1, Value::Object(members)) => drop(members.insert("type".to_owned(), new)),
                (1, Value::Array(items)) => items.push(new),
                (2, Value::Array(items)) => drop(items.pop()),
                (_, target) => *target = Value::Null,
            }
        }
        examined(&document);
    }

    #[test]
    fn no_text_makes_a_reference_panic_or_resolve_without_end(text in prop_oneof![
        ".{0,120}",
        "(workflow|input|output|steps|loop|item|index|event|data|[a-z]|\\.|\\[|\\]|\\*|:|-|'|\"|\\\\|[0-9]){0,30}",
    ]) {
        let scope = Values(json!({"a": [1, [2, {"b": "c"}]], "input": {"x": "y"}}));
        if let Ok(reference) = Reference::parse(&text) {
            let _ = reference.resolve("field", &scope as &dyn Scope);
        }
        for whole in [text.clone(), format!("${{{text}}}"), format!("x ${{{text}}} y ${{{text}}}")] {
            if let Ok(template) = Template::parse(&json!({"v": [whole]})) {
                let _ = template.resolve("field", &scope, &mut Budget::default());
            }
        }
    }

    #[test]
    fn no_condition_panics_or_is_evaluated_without_end(text in prop_oneof![
        ".{0,80}",
        "(\\(|\\)|\\[|\\]|\\{|\\}| and | or | not | in | if | else |==|!=|<|\\*\\*|\\*|//|%|-|,|:|1|2\\.5|'a'|true|null|\\$\\{a\\.output\\}|\\$\\{loop\\.item\\.a\\[\\*\\]\\}){0,40}",
    ]) {
        let scope = Values(json!({"a": [1, 2.5, "a", null], "n": 1}));
        if let Ok(condition) = Condition::parse(&text) {
            let _ = condition.evaluate(&scope);
        }
    }
}
