//! The static types of the domain against real validation: what can go well is never called an error.

use domain::{
    agents::{Agent, AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, RetryPolicy},
    ids::AgentId,
    ports::Schemas,
    workflows::{Declared, Diagnostic, Severity, WorkflowDocument, examine_with},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use adapters_schema::JsonSchemas;

fn errors(input_schema: &Value, agent_takes: Option<Value>, mapping: &Map<String, Value>) -> Vec<Diagnostic> {
    let agent = Agent {
        id: AgentId::new("01920000-0000-7000-8000-000000000001".parse().expect("a UUID")),
        name: AgentName::parse("A").expect("a name"),
        url: AgentUrl::parse("http://a/").expect("a URL"),
        description: None,
        auth: AgentAuth::None,
        timeout: std::time::Duration::from_secs(1),
        retry: RetryPolicy::default(),
        retry_strategy: None,
        circuit_breaker: None,
        max_concurrent_calls: None,
        schemas: AgentSchemas { input: agent_takes, output: None },
        status: AgentStatus::Active,
        revision: 1,
        created_at: domain::Timestamp::UNIX_EPOCH,
        updated_at: domain::Timestamp::UNIX_EPOCH,
        created_by: None,
        updated_by: None,
    };
    let step = json!({"id": "a", "agent_name": "A", "input_mapping": mapping});
    let steps = [("a".to_owned(), serde_json::from_value(step).expect("a step"))].into();
    let document = WorkflowDocument::new("w", 1, "a".into(), steps).declaring(Some(input_schema.clone()), None);
    let declared: Declared = [&agent].into_iter().collect();
    let mut found = examine_with(&document, &JsonSchemas, &declared).findings;
    found.retain(|found| found.severity == Severity::Error);
    found
}

/// Every way into a value, as references write it.
fn ways(value: &Value, so_far: &str, found: &mut Vec<String>) {
    found.push(so_far.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, member)| ways(member, &format!("{so_far}.{key}"), found));
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                ways(item, &format!("{so_far}[{number}]"), found);
                let from_the_end = items.len() - number;
                ways(item, &format!("{so_far}[-{from_the_end}]"), found);
            }
        }
        _ => {}
    }
}

fn leaf() -> BoxedStrategy<(Value, Value)> {
    prop_oneof![
        Just((json!({"type": "string"}), json!("x"))),
        Just((json!({"type": ["string", "null"]}), json!(null))),
        Just((json!({"type": "integer"}), json!(1.0))),
        Just((json!({"type": "number"}), json!(1.5))),
        Just((json!({"type": "boolean"}), json!(true))),
        Just((json!({}), json!({"a": [{"b": 1}]}))),
        Just((json!(true), json!([1]))),
        Just((json!({"$ref": "#/$defs/tree"}), json!({"a": {"a": "x"}, "b": []}))),
        Just((
            json!({"patternProperties": {"^a": {"type": "string"}}, "additionalProperties": false}),
            json!({"ab": "x"})
        )),
        Just((json!({"enum": [1, {"a": 1}]}), json!({"a": 1}))),
        Just((json!({"if": {"type": "object"}, "then": {"required": ["a"]}}), json!({"a": 1}))),
    ]
    .boxed()
}

/// A schema, and a value that fits it more often than not.
fn declared() -> BoxedStrategy<(Value, Value)> {
    leaf()
        .prop_recursive(4, 24, 4, |inner| {
            let members = prop::collection::btree_map("[a-d]", (inner.clone(), any::<(bool, bool)>()), 0..4);
            let object = (members, 0..4u8).prop_map(|(members, open)| {
                let (mut properties, mut required, mut value) = (Map::new(), Vec::new(), Map::new());
                for (key, ((schema, member), (is_declared, is_required))) in members {
                    if is_declared {
                        properties.insert(key.clone(), schema);
                    }
                    if is_required {
                        required.push(key.clone());
                    }
                    value.insert(key, member);
                }
                let mut schema = json!({"properties": properties, "required": required});
                match open {
                    0 => schema["type"] = "object".into(),
                    1 => schema["additionalProperties"] = false.into(),
                    2 => schema["additionalProperties"] = json!({"type": ["object", "array", "string", "number"]}),
                    _ => {}
                }
                (schema, Value::Object(value))
            });
            let list = (inner.clone(), inner.clone(), 0..4u8).prop_map(|((first, one), (rest, other), kind)| match kind {
                0 => (json!({"type": "array", "items": rest}), json!([other.clone(), other])),
                1 => (json!({"prefixItems": [first], "items": rest}), json!([one, other])),
                2 => (json!({"prefixItems": [first], "items": false}), json!([one])),
                _ => (json!({"$schema": "http://json-schema.org/draft-07/schema#", "items": rest, "prefixItems": [first]}), json!([other])),
            });
            let choice = (inner.clone(), inner, 0..4u8).prop_map(|((one, value), (other, _), kind)| match kind {
                0 => (json!({"anyOf": [other, one]}), value),
                1 => (json!({"oneOf": [one, other], "title": "x"}), value),
                2 => (json!({"allOf": [one, {}]}), value),
                _ => (json!({"$defs": {"x": one}, "allOf": [{"anyOf": [{"$ref": "#/$defs/x"}, other]}, true]}), value),
            });
            prop_oneof![3 => object, 1 => list, 1 => choice]
        })
        .boxed()
}

/// The same as a whole schema, with the definition that some parts refer to.
fn whole() -> impl Strategy<Value = (Value, Value)> {
    declared().prop_map(|(mut schema, value)| {
        if let Some(members) = schema.as_object_mut() {
            let tree = json!({"type": ["object", "array", "string"], "additionalProperties": {"$ref": "#/$defs/tree"}});
            let defs = members.entry("$defs").or_insert_with(|| json!({}));
            defs["tree"] = tree;
        }
        (schema, value)
    })
}

fn fits(schema: &Value, value: &Value) -> bool {
    JsonSchemas.compile(schema).is_ok_and(|compiled| compiled.violations(value).is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reference_that_resolves_against_a_value_that_fits_is_never_an_error((schema, value) in whole()) {
        prop_assume!(fits(&schema, &value));
        let mut found = Vec::new();
        ways(&value, "", &mut found);
        let mapping: Map<String, Value> =
            found.iter().enumerate().map(|(n, way)| (format!("f{n}"), format!("${{workflow.input{way}}}").into())).collect();
        let errors = errors(&schema, None, &mapping);
        prop_assert!(errors.is_empty(), "{errors:#?}\n{schema:#}\n{value:#}");
    }

    #[test]
    fn a_mapping_that_gives_what_the_agent_takes_is_never_an_error((schema, value) in whole(), by_reference in any::<u8>()) {
        prop_assume!(value.is_object() && fits(&schema, &value));
        let members = value.as_object().expect("it is an object");
        let mapping: Map<String, Value> = members.iter().enumerate().map(|(n, (key, member))| {
            let is_reference = by_reference & (1 << (n % 8)) != 0;
            (key.clone(), if is_reference { format!("${{workflow.input.{key}}}").into() } else { member.clone() })
        }).collect();
        let errors = errors(&schema, Some(schema.clone()), &mapping);
        prop_assert!(errors.is_empty(), "{errors:#?}\n{schema:#}\n{value:#}");
    }
}

#[test]
fn a_literal_that_the_agent_does_not_take_is_an_error_at_its_place() {
    let takes = json!({"properties": {"n": {"type": "integer", "minimum": 1}, "deep": {"$ref": "#/$defs/deep"}},
                       "$defs": {"deep": {"properties": {"a/b": {"enum": ["x"]}}}}});
    let mapping = json!({"n": 0, "deep": {"a/b": "y"}});
    let found = errors(&json!({}), Some(takes.clone()), mapping.as_object().expect("an object"));
    let mut told: Vec<_> = found.iter().map(|found| (found.pointer.as_str(), found.code)).collect();
    told.sort_unstable();
    let expected =
        [("/steps/a/input_mapping/deep/a~1b", "invalid_literal"), ("/steps/a/input_mapping/n", "invalid_literal")];
    assert_eq!(told, expected);
    let mapping = json!({"n": 1, "deep": {"a/b": "x"}});
    assert!(errors(&json!({}), Some(takes), mapping.as_object().expect("an object")).is_empty());
}

#[test]
fn a_literal_is_not_judged_by_what_depends_on_members_that_are_not_known() {
    let takes = json!({"properties": {"n": {}}, "if": {"properties": {"kind": {"const": "x"}}}, "then": {"properties": {"n": {"type": "string"}}}});
    let mapping = json!({"kind": "${workflow.input.kind}", "n": 1});
    assert!(errors(&json!({}), Some(takes), mapping.as_object().expect("an object")).is_empty());
}
