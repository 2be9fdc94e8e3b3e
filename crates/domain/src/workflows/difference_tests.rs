//! What differences say, and that they say all of it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Change, Difference, PlacedChange, content};
use crate::workflows::{StepDocument, WorkflowDocument};

fn document(version: u32, steps: &[(&str, Value)]) -> WorkflowDocument {
    let step = |(id, other): &(&str, Value)| {
        let other: BTreeMap<String, Value> = serde_json::from_value(other.clone()).expect("an object");
        ((*id).to_owned(), StepDocument { id: (*id).to_owned(), other, ..StepDocument::default() })
    };
    WorkflowDocument::new("w", version, "a".to_owned(), steps.iter().map(step).collect())
}

/// Makes the changes one after the other.
fn apply(document: &Value, changes: &[PlacedChange]) -> Value {
    let mut result = document.clone();
    for PlacedChange { pointer, change } in changes {
        let (parent, last) = pointer.rsplit_once('/').expect("the document itself is never replaced");
        let name = last.replace("~1", "/").replace("~0", "~");
        match (result.pointer_mut(parent).expect("the place is there"), change) {
            (Value::Object(members), Change::Added { after } | Change::Changed { after, .. }) => {
                members.insert(name, after.clone());
            }
            (Value::Object(members), Change::Removed { before }) => {
                assert_eq!(members.remove(&name).as_ref(), Some(before));
            }
            (Value::Array(items), Change::Added { after }) => {
                assert_eq!(items.len().to_string(), name, "items are added at the end");
                items.push(after.clone());
            }
            (Value::Array(items), Change::Changed { before, after }) => {
                let item = &mut items[name.parse::<usize>().expect("an index")];
                assert_eq!(std::mem::replace(item, after.clone()), *before);
            }
            (Value::Array(items), Change::Removed { before }) => {
                assert_eq!(items.pop().as_ref(), Some(before));
                assert_eq!(items.len().to_string(), name, "items are removed from the end");
            }
            (other, _) => panic!("{other} has no places"),
        }
    }
    result
}

#[test]
fn versions_of_the_same_content_do_not_differ() {
    let steps = [("a", json!({"max": [1, null, {"x": 1.5}]}))];
    assert_eq!(Difference::between(&document(1, &steps), &document(2, &steps)), Difference::default());
}

#[test]
fn every_change_has_its_place_and_steps_are_summed_up() {
    let old = document(1, &[("a", json!({"k~/": 1, "list": [1, 2, 3]})), ("b", json!({})), ("same", json!({}))]);
    let new = document(2, &[("a", json!({"k~/": null, "list": [1, 9]})), ("c", json!({})), ("same", json!({}))]);
    let found = Difference::between(&old, &new);
    let places: Vec<_> = found.changes.iter().map(|placed| placed.pointer.as_str()).collect();
    assert_eq!(places, ["/steps/a/k~0~1", "/steps/a/list/1", "/steps/a/list/2", "/steps/b", "/steps/c"]);
    assert_eq!(found.changes[0].change, Change::Removed { before: json!(1) }, "null members are not kept");
    assert_eq!(found.changes[1].change, Change::Changed { before: json!(2), after: json!(9) });
    assert_eq!((found.steps_added, found.steps_removed), (vec!["c".to_owned()], vec!["b".to_owned()]));
    assert_eq!(found.steps_changed, ["a"]);
}

/// JSON values of a few names and small lists, so that two of them have something in common.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[ab~/]{1,2}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn documents() -> impl Strategy<Value = WorkflowDocument> {
    let step = (proptest::option::of("[A-B]"), proptest::option::of("[a-c]"), value());
    let steps = proptest::collection::btree_map("[a-d]", step, 0..4);
    (steps, "[a-b]", 1..3_u32).prop_map(|(steps, start, version)| {
        let step = |(id, (agent_name, next_step, config)): (String, (Option<String>, Option<String>, Value))| {
            let other = BTreeMap::from([("loop_config".to_owned(), config)]);
            (id.clone(), StepDocument { id, agent_name, next_step, other, ..StepDocument::default() })
        };
        WorkflowDocument::new("w", version, start, steps.into_iter().map(step).collect())
    })
}

proptest! {
    #[test]
    fn a_document_does_not_differ_from_itself(document in documents()) {
        prop_assert_eq!(Difference::between(&document, &document), Difference::default());
    }

    #[test]
    fn the_changes_turn_the_old_document_into_the_new_one(old in documents(), new in documents()) {
        let found = Difference::between(&old, &new);
        prop_assert_eq!(apply(&content(&old), &found.changes), content(&new));
        prop_assert_eq!(found.changes.is_empty(), content(&old) == content(&new));
        for id in &found.steps_changed {
            let place = format!("/steps/{id}/");
            prop_assert!(found.changes.iter().any(|placed| placed.pointer.starts_with(&place)));
        }
    }
}
