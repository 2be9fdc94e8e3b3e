//! What is said about references into values that somebody has declared.

use serde_json::{Value, json};

use crate::{
    agents::{Agent, AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, RetryPolicy},
    ids::AgentId,
    ports::NoSchemas,
    workflows::{Declared, Diagnostic, Severity, WorkflowDocument, examine_with},
};

fn agent(name: &str, input: Option<Value>, output: Option<Value>) -> Agent {
    Agent {
        id: AgentId::new(uuid::Uuid::nil()),
        name: AgentName::parse(name).expect("a name"),
        url: AgentUrl::parse("http://a/").expect("a URL"),
        description: None,
        auth: AgentAuth::None,
        timeout: std::time::Duration::from_secs(1),
        retry: RetryPolicy::default(),
        retry_strategy: None,
        circuit_breaker: None,
        max_concurrent_calls: None,
        schemas: AgentSchemas { input, output },
        status: AgentStatus::Active,
        revision: 1,
        created_at: crate::Timestamp::UNIX_EPOCH,
        updated_at: crate::Timestamp::UNIX_EPOCH,
        created_by: None,
        updated_by: None,
    }
}

/// An agent that gives a text, numbers, and perhaps a note; and one that takes a number and perhaps a list of texts.
fn agents() -> Vec<Agent> {
    let gives = json!({
        "type": "object", "required": ["text", "numbers"],
        "properties": {
            "text": {"type": "string"}, "numbers": {"type": "array", "items": {"type": "integer"}},
            "note": {"$ref": "#/$defs/note"},
        },
        "$defs": {"note": {"type": ["object", "null"], "properties": {"by": {"type": "string"}}, "additionalProperties": false}},
    });
    let takes = json!({
        "type": "object", "required": ["n"], "additionalProperties": false,
        "properties": {
            "n": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}},
            "deep": {"type": "object", "properties": {"flag": {"type": "boolean"}}, "additionalProperties": false},
        },
    });
    vec![agent("Gives", None, Some(gives)), agent("Takes", Some(takes), None)]
}

fn document(input_schema: &Value, steps: &Value) -> WorkflowDocument {
    let mut steps: serde_json::Map<String, Value> = serde_json::from_value(steps.clone()).expect("steps");
    for (key, step) in &mut steps {
        step["id"] = key.clone().into();
    }
    let steps = serde_json::from_value(Value::Object(steps)).expect("steps");
    WorkflowDocument::new("w", 1, "a".into(), steps).declaring(Some(input_schema.clone()), None)
}

fn said(input_schema: &Value, steps: &Value) -> Vec<Diagnostic> {
    let declared = agents().iter().collect::<Declared>();
    examine_with(&document(input_schema, steps), &NoSchemas, &declared).findings
}

fn told(found: &[Diagnostic]) -> Vec<(&str, &str, Severity)> {
    found.iter().map(|found| (found.pointer.as_str(), found.code, found.severity)).collect()
}

/// What is said about one reference in a step `b` after the step `a`, which `Gives`.
fn about(input_schema: &Value, reference: &str) -> Option<(&'static str, Severity)> {
    let steps = json!({
        "a": {"agent_name": "Gives", "input_mapping": {}, "next_step": "b"},
        "b": {"agent_name": "Other", "input_mapping": {"x": format!("${{{reference}}}")}},
    });
    let found = said(input_schema, &steps);
    assert!(found.len() <= 1, "{found:?}");
    found.first().map(|found| {
        assert_eq!(found.pointer, "/steps/b/input_mapping/x");
        (found.code, found.severity)
    })
}

const ERROR: Severity = Severity::Error;
const WARNING: Severity = Severity::Warning;

#[test]
fn a_way_into_an_agents_output_is_held_against_its_schema() {
    for (reference, expected) in [
        ("a.output", None),
        ("a.output.text", None),
        ("a.output.numbers[3]", None),
        ("a.output.numbers[-1]", None),
        ("a.output.note", Some(("may_be_missing", WARNING))),
        ("a.output.note.by", Some(("may_be_missing", WARNING))),
        ("a.output.note.from", Some(("unknown_member", ERROR))),
        ("a.output.other", Some(("undeclared_member", WARNING))),
        ("a.output.other.deep[0]", Some(("undeclared_member", WARNING))),
        ("a.output.text.length", Some(("type_mismatch", ERROR))),
        ("a.output.text[0]", Some(("type_mismatch", ERROR))),
        ("a.output[0]", Some(("type_mismatch", ERROR))),
        ("a.output.numbers.first", Some(("type_mismatch", ERROR))),
        ("a.output.numbers[0].x", Some(("type_mismatch", ERROR))),
    ] {
        assert_eq!(about(&json!({}), reference), expected, "{reference}");
    }
}

#[test]
fn a_schema_that_says_little_or_what_is_not_read_excludes_nothing() {
    for schema in [
        json!({}),
        json!(true),
        json!({"type": "object"}),
        json!({"patternProperties": {"^x": {"type": "string"}}, "additionalProperties": false}),
        json!({"$ref": "#/$defs/unknown", "type": "string"}),
        json!({"$ref": "#"}),
        json!({"if": {"required": ["y"]}, "else": false}),
        json!({"not": {"required": ["x"]}}),
        json!({"properties": {"x": {"$id": "http://x/", "type": "string"}}, "additionalProperties": false}),
        json!({"anyOf": [{"type": "string"}, {}]}),
    ] {
        assert_eq!(about(&schema, "workflow.input.x.y[0]"), None, "{schema}");
    }
}

#[test]
fn alternatives_exclude_only_what_all_of_them_exclude() {
    let schema = json!({"oneOf": [
        {"type": "object", "properties": {"kind": {"type": "string"}, "n": {"type": "integer"}}, "required": ["kind", "n"], "additionalProperties": false},
        {"type": "object", "properties": {"kind": {"type": "string"}, "s": {"type": "string"}}, "required": ["kind"], "additionalProperties": false},
    ]});
    assert_eq!(about(&schema, "workflow.input.kind"), None);
    assert_eq!(about(&schema, "workflow.input.n"), Some(("may_be_missing", WARNING)));
    assert_eq!(about(&schema, "workflow.input.z"), Some(("unknown_member", ERROR)));
    assert_eq!(about(&schema, "workflow.input.kind.z"), Some(("type_mismatch", ERROR)));
    let both = json!({"allOf": [{"properties": {"a": {"type": ["string", "array"]}}, "required": ["a"]}, {"properties": {"a": {"type": ["array", "null"]}}}]});
    assert_eq!(about(&both, "workflow.input.a[0]"), None);
    assert_eq!(about(&both, "workflow.input.a.b"), Some(("type_mismatch", ERROR)));
}

#[test]
fn the_first_elements_may_have_types_of_their_own() {
    let schema = json!({"properties": {"l": {"prefixItems": [{"type": "string"}], "items": false}}, "required": ["l"]});
    assert_eq!(about(&schema, "workflow.input.l[0]"), None);
    assert_eq!(about(&schema, "workflow.input.l[0].x"), Some(("type_mismatch", ERROR)));
    assert_eq!(about(&schema, "workflow.input.l[1]"), Some(("unknown_member", ERROR)));
    assert_eq!(about(&schema, "workflow.input.l[-1].x"), None);
    let mut older = schema;
    older["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    assert_eq!(about(&older, "workflow.input.l[0].x"), Some(("unknown_member", ERROR)), "'items' alone is read");
    older["properties"]["l"]["items"] = json!([{"type": "string"}]);
    assert_eq!(about(&older, "workflow.input.l[0].x"), None);
}

#[test]
fn outputs_of_blocks_have_the_members_of_the_language() {
    let steps = json!({
        "a": {"type": "parallel", "parallel_steps": ["p", "q"], "next_step": "c"},
        "p": {"agent_name": "Gives", "input_mapping": {}},
        "q": {"type": "delay", "delay_config": {"seconds": 1}},
        "c": {"type": "conditional", "condition": {"expression": "true"}, "if_true_step": "p", "next_step": "f"},
        "f": {"type": "fork_join", "next_step": "l", "fork_join_config": {"join_policy": "any", "branches": {
            "one": {"steps": ["p"]}, "two": {"steps": ["p"]}}}},
        "l": {"type": "loop", "next_step": "z", "loop_config": {
            "collection": "${a.output.p.numbers}", "loop_body": ["i"], "on_error": "continue"}},
        "i": {"agent_name": "Other", "input_mapping": {
            "ok": "${loop.item}", "no": "${loop.item.x}", "number": "${loop.index}", "last": "${loop.is_last}"}},
        "z": {"agent_name": "Other", "input_mapping": {
            "p": "${a.output.p.text}", "r": "${a.output.r}", "q": "${a.output.q.x}",
            "taken": "${c.output.branch_taken}", "out": "${c.output.branch_output.text}", "bad": "${c.output.result}",
            "one": "${f.output.one.text}", "three": "${f.output.three}",
            "all": "${l.output.iterations[0]}", "total": "${l.output.total_count}", "failed": "${l.output.failed_count}"}},
    });
    let found = said(&json!({}), &steps);
    let mut found = told(&found);
    found.sort_unstable_by_key(|found| found.0);
    let at = |field: &str| format!("/steps/z/input_mapping/{field}");
    let expected = [
        ("/steps/i/input_mapping/no".to_owned(), "type_mismatch", ERROR),
        (at("bad"), "unknown_member", ERROR),
        (at("failed"), "may_be_missing", WARNING),
        (at("one"), "may_be_missing", WARNING),
        (at("out"), "may_be_missing", WARNING),
        (at("q"), "type_mismatch", ERROR),
        (at("r"), "unknown_member", ERROR),
        (at("three"), "unknown_member", ERROR),
    ];
    let expected: Vec<_> = expected.iter().map(|(at, code, severity)| (at.as_str(), *code, *severity)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_loop_needs_a_list_and_a_delay_what_it_waits_for() {
    let schema = json!({"properties": {"n": {"type": "integer"}, "t": {"type": "string"}, "l": {"type": "array"}},
                        "required": ["n", "t", "l"]});
    let steps = json!({
        "a": {"type": "loop", "loop_config": {"collection": "${workflow.input.n}", "loop_body": ["x"]}, "next_step": "b"},
        "b": {"type": "loop", "loop_config": {"collection": "${workflow.input.l}", "loop_body": ["x"]}, "next_step": "c"},
        "x": {"agent_name": "Other", "input_mapping": {}},
        "c": {"type": "delay", "delay_config": {"seconds": "${workflow.input.t}"}, "next_step": "d"},
        "d": {"type": "delay", "delay_config": {"seconds": "${workflow.input.n}"}, "next_step": "e"},
        "e": {"type": "delay", "delay_config": {"until": "${workflow.input.n}"}, "next_step": "f"},
        "f": {"type": "delay", "delay_config": {"seconds": "1${workflow.input.n}"}},
    });
    let found = said(&schema, &steps);
    assert_eq!(
        told(&found),
        [
            ("/steps/a/loop_config/collection", "type_mismatch", ERROR),
            ("/steps/c/delay_config/seconds", "type_mismatch", ERROR),
            ("/steps/e/delay_config/until", "type_mismatch", ERROR),
            ("/steps/f/delay_config/seconds", "type_mismatch", ERROR),
        ]
    );
}

#[test]
fn in_a_condition_an_impossible_way_is_a_warning() {
    let steps = json!({
        "a": {"agent_name": "Gives", "input_mapping": {}, "next_step": "c"},
        "c": {"type": "conditional", "if_true_step": "x", "condition": {"expression":
            "${a.output.note} == null and ${a.output.other} == 1 and ${a.output.text.x} == 1 and ${a.output.numbers[*]} == 1"}},
        "x": {"agent_name": "Other", "input_mapping": {}},
    });
    let found = said(&json!({}), &steps);
    assert_eq!(told(&found), [("/steps/c/condition/expression", "type_mismatch", WARNING)]);
}

#[test]
fn what_is_sent_to_an_agent_is_held_against_its_schema() {
    let schema = json!({"properties": {"s": {"type": "string"}, "any": {}}, "required": ["s", "any"]});
    let steps = json!({
        "a": {"agent_name": "Takes", "next_step": "b", "input_mapping": {
            "n": "${workflow.input.s}", "tags": ["${workflow.input.s}", 1, "${workflow.input.any}"], "more": "${workflow.input.any}",
            "deep": {"flag": "${workflow.input.any}", "flog": "${workflow.input.any}"}}},
        "b": {"agent_name": "Takes", "next_step": "c", "input_mapping": {"tags": "${workflow.input.any}", "deep": "a ${workflow.input.s}"}},
        "c": {"agent_name": "Takes", "input_mapping": {"n": "${workflow.input.any}"}},
    });
    let found = said(&schema, &steps);
    let mut told = told(&found);
    told.sort_unstable_by_key(|found| found.0);
    assert_eq!(
        told,
        [
            ("/steps/a/input_mapping/deep/flog", "unknown_member", ERROR),
            ("/steps/a/input_mapping/more", "unknown_member", ERROR),
            ("/steps/a/input_mapping/n", "type_mismatch", ERROR),
            ("/steps/a/input_mapping/tags/1", "type_mismatch", ERROR),
            ("/steps/b/input_mapping", "required_input_missing", ERROR),
            ("/steps/b/input_mapping/deep", "type_mismatch", ERROR),
        ]
    );
}

#[test]
fn what_has_no_text_is_not_spliced() {
    let schema =
        json!({"properties": {"o": {"type": "object"}, "n": {"type": ["number", "null"]}}, "required": ["o", "n"]});
    let steps = json!({"a": {"agent_name": "Other", "input_mapping": {"o": "a ${workflow.input.o}", "n": "a ${workflow.input.n}"}}});
    let found = said(&schema, &steps);
    assert_eq!(told(&found), [("/steps/a/input_mapping/o", "type_mismatch", ERROR)]);
}

#[test]
fn findings_say_what_is_there_instead_and_keep_no_document_from_running() {
    let steps = json!({"a": {"agent_name": "Other", "input_mapping": {"x": "${workflow.input.b}"}}});
    let schema = json!({"properties": {"a": {}}, "additionalProperties": false});
    let examined = examine_with(&document(&schema, &steps), &NoSchemas, &Declared::default());
    assert!(examined.plan.is_some(), "what is stored goes on running when a schema changes");
    let [found] = examined.findings.as_slice() else { panic!("{:?}", examined.findings) };
    assert_eq!(found.message, "'${workflow.input.b}' refers to the member 'b', which cannot be there");
    assert_eq!(found.hint.as_deref(), Some("the members are a"));
}

#[test]
fn schemas_that_multiply_are_given_up_in_time() {
    let choices: Vec<Value> =
        (0..40).map(|n| json!({"properties": {format!("p{n}"): {"$ref": "#/$defs/x"}}})).collect();
    let schema = json!({"$ref": "#/$defs/x", "$defs": {"x": {"anyOf": choices, "allOf": [{"oneOf": choices}, {"$ref": "#/$defs/y"}]},
        "y": {"allOf": [{"$ref": "#/$defs/y"}, {"$ref": "#/$defs/x"}]}}});
    let way = (0..100).fold(String::new(), |way, n| format!("{way}.p{}", n % 40));
    let mapping: serde_json::Map<String, Value> =
        (0..500).map(|n| (format!("f{n}"), format!("${{workflow.input{way}}}").into())).collect();
    let steps = json!({"a": {"agent_name": "Other", "input_mapping": mapping}});
    let started = std::time::Instant::now();
    assert!(said(&schema, &steps).iter().all(|found| found.severity == WARNING));
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}
