//! Literals of Python, as they may stand in a registry of the old system.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(literal: &str) -> Value {
    registry(&format!("AGENTS = {literal}\n")).unwrap_or_else(|wrong| panic!("{literal}: {wrong:?}")).0.value
}

/// Line and column of what is wrong, and what it is.
fn refused(text: &str) -> (u64, u64, String) {
    let wrong = registry(text).expect_err(text);
    let place = wrong.place.unwrap_or(Place { line: 0, column: 0 });
    (place.line, place.column, wrong.message)
}

#[test]
fn a_registry_is_found_among_code_that_is_never_run() {
    let text = r#"#!/usr/bin/env python3
"""A mock registry.

AGENTS = {"not": "this one"}
"""
import os
# AGENTS = {"nor": "this"}
MORE_AGENTS = {"nor this": 1}
print("AGENTS = {}")

AGENTS: dict[str, dict] = {  # by name
    'Fetcher': {
        "name": "Fetcher", "url": "http://fetcher:8080",
        "auth_config": {"type": "apikey", "key": 'k', "header": "X-API-Key"},  # a secret
        "timeout": 30_000,
        "retry_config": {"max_retries": 3, "backoff_multiplier": 2.0,},
        "enabled": True, "old": False, "nothing": None,
    },
}

def handler():
    if AGENTS == {}:
        return open("/etc/passwd").read()
"#;
    let (read, changes) = registry(text).expect("a registry");
    assert!(changes.is_empty(), "{changes:?}");
    let fetcher = &read.value["Fetcher"];
    assert_eq!(fetcher["timeout"], json!(30_000));
    assert_eq!(fetcher["retry_config"], json!({"max_retries": 3, "backoff_multiplier": 2.0}));
    assert_eq!(
        (&fetcher["enabled"], &fetcher["old"], &fetcher["nothing"]),
        (&json!(true), &json!(false), &json!(null))
    );
    assert_eq!(read.place("/Fetcher/url"), Some(Place { line: 13, column: 35 }));
    assert_eq!(read.place("/Fetcher/retry_config/max_retries").map(|place| place.line), Some(16));
}

#[test]
fn strings_are_of_all_kinds() {
    for (literal, text) in [
        (r"'a'", "a"),
        (r#""it's""#, "it's"),
        (
            r"'''two
lines'''",
            "two\nlines",
        ),
        (r#""""a "quoted" word""""#, "a \"quoted\" word"),
        (r"r'a\nb\'c'", "a\\nb\\'c"),
        (r#"u"é""#, "é"),
        (r#"'a\tb\n\\\'\"'"#, "a\tb\n\\'\""),
        (r"'\x41\u00e9\U0001F600\101\0'", "Aé😀A\0"),
        (r"'\d'", "\\d"),
        ("'a\\\nb'", "ab"),
        ("'a' \"b\"", "ab"),
        ("('a'\n  'b'  # more\n  r'c')", "abc"),
        ("''", ""),
    ] {
        assert_eq!(read(literal), json!(text), "{literal}");
    }
}

#[test]
fn numbers_are_as_in_python() {
    for (literal, number) in [
        ("1", json!(1)),
        ("-5", json!(-5)),
        ("+7", json!(7)),
        ("1_000", json!(1000)),
        ("0x1F", json!(31)),
        ("0o17", json!(15)),
        ("0b101", json!(5)),
        ("1.5", json!(1.5)),
        (".5", json!(0.5)),
        ("5.", json!(5.0)),
        ("1e3", json!(1000.0)),
        ("-2.5E-1", json!(-0.25)),
        ("0", json!(0)),
        ("00", json!(0)),
    ] {
        assert_eq!(read(literal), number, "{literal}");
    }
    for wrong in ["012", "1__0", "1_", "0xg", "1.2.3", "-", "1e", "1j", "nan"] {
        assert!(registry(&format!("AGENTS = {wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn collections_nest_and_may_end_in_commas() {
    assert_eq!(
        read("{'a': [1, 2,], 'b': (1,), 'c': (), 'd': ((1, 2), [3]), 'e': (4), 'f': {}}"),
        json!({
            "a": [1, 2], "b": [1], "c": [], "d": [[1, 2], [3]], "e": 4, "f": {},
        })
    );
    assert_eq!(read("{\n # a comment\n 'a' : # another\n 1 , }"), json!({"a": 1}));
    assert_eq!(read("\\\n {'a': 1}"), json!({"a": 1}));
}

#[test]
fn brackets_around_a_value_leave_its_places_where_they_are() {
    let (read, _) = registry("AGENTS = {'a': ({'b':\n 1})}").expect("a registry");
    assert_eq!(read.value, json!({"a": {"b": 1}}));
    assert_eq!(read.place("/a/b"), Some(Place { line: 2, column: 2 }));
}

#[test]
fn code_that_changes_the_registry_is_told_and_not_run() {
    let text = "AGENTS = {'a': 1}\nAGENTS['b'] = {}\nprint(AGENTS)\nif AGENTS == {}: pass\n# AGENTS = 2\nAGENTS.update(c=1)\n\"\"\"\nAGENTS =                 {}\n\"\"\"\nAGENTS |= {}\nAGENTS_2 = 1\nAGENTS = {}\n";
    let (read, changes) = registry(text).expect("a registry");
    assert_eq!(read.value, json!({"a": 1}));
    let lines: Vec<Option<u64>> = changes.iter().map(|change| change.place.map(|place| place.line)).collect();
    assert_eq!(lines, [Some(2), Some(6), Some(10), Some(12)]);
}

#[test]
fn what_is_computed_is_refused_with_its_place() {
    let (line, column, message) = refused("AGENTS = {\n  'a': os.environ['X'],\n}");
    assert_eq!((line, column), (2, 8));
    assert!(message.contains("'os' is no literal"), "{message}");
    for (text, at, what) in [
        ("AGENTS = {'a': f'{x}'}", (1, 16), "computed"),
        ("AGENTS = {'a': b'x'}", (1, 16), "bytes"),
        ("AGENTS = {'a': 1} | {'b': 2}", (1, 19), "follows"),
        ("AGENTS = dict(a=1)", (1, 10), "'dict' is no literal"),
        ("AGENTS = {'a': true}", (1, 16), "True"),
        ("AGENTS = {**x}", (1, 11), "begins no value"),
        ("AGENTS = {1: 2}", (1, 11), "a key must be a string"),
        ("AGENTS = {'a': 1 + 1}", (1, 18), "computed"),
        ("AGENTS = {'a': 20 * 1000}", (1, 19), "computed"),
        ("AGENTS = {'a': 'x' % 3}", (1, 20), "computed"),
        ("AGENTS = {'a': ['x'.lower()]}", (1, 20), "computed"),
        ("AGENTS = {'a': 1 if x else 2}", (1, 18), "computed"),
    ] {
        let (line, column, message) = refused(text);
        assert_eq!((line, column), at, "{text}: {message}");
        assert!(message.contains(what), "{text}: {message}");
    }
}

#[test]
fn what_is_broken_is_refused_with_its_place() {
    for (text, at, what) in [
        ("AGENTS = {'a': 1", (1, 10), "never closed"),
        ("AGENTS = {'a': 'x\n}", (1, 16), "not closed on its line"),
        ("AGENTS = {'a': '''x\n}", (1, 16), "never closed"),
        ("AGENTS = {'a' 1}", (1, 15), "':' is missing"),
        ("AGENTS = {'a': 1, 'a': 2}", (1, 19), "twice"),
        ("AGENTS = {'a': '\\xz'}", (1, 17), "2 hexadecimal digits"),
        ("AGENTS = {'a': '\\ud800'}", (1, 17), "no character"),
        ("AGENTS =", (1, 9), "a value is missing"),
        ("AGENTS = {'a': [1 2]}", (1, 19), "a comma or ']'"),
        ("AGENTS = {'a': [[1] [2]]}", (1, 21), "a comma or ']'"),
    ] {
        let (line, column, message) = refused(text);
        assert_eq!((line, column), at, "{text}: {message}");
        assert!(message.contains(what), "{text}: {message}");
    }
    assert!(refused("OTHERS = {}").2.contains("nothing in it sets AGENTS"));
    assert!(refused(&format!("AGENTS = {}1", "[".repeat(100_000))).2.contains("levels deep"));
}

fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        // The escapes of JSON are among those of Python, but for surrogates, which serde_json does not write.
        Value::String(text) => Value::String(text.clone()).to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(|item| python(item) + ",").collect::<String>()),
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}: {}", Value::String(name.clone()), python(value)))
                .collect();
            format!("{{ {} }}", members.join(" ,\n"))
        }
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has it", |n| n.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_as_a_literal_is_read_back(value in values()) {
        let text = python(&value);
        prop_assert_eq!(registry(&format!("AGENTS = {text}")).map(|read| read.0.value), Ok(value), "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}", tail in "[\\[\\](){}'\"\\\\#,:a-zA-Z0-9_. \n=-]{0,120}") {
        let _ = (registry(&text), registry(&format!("AGENTS = {tail}")), registry(&tail));
    }
}
