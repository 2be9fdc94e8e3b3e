//! A plan as the old executor is sent it. Whether it would accept it, the domain knows.

use domain::workflows::WorkflowDocument;
use serde_json::Value;

/// The document without members that are null (it refuses null where it knows a default), and with every type set.
pub(super) fn without_nulls(document: &WorkflowDocument) -> WorkflowDocument {
    let mut document = document.clone();
    for step in document.steps.values_mut() {
        step.kind.get_or_insert_with(|| "agent".to_owned());
        step.other.retain(|_, value| !value.is_null());
        step.other.values_mut().for_each(remove_nulls);
    }
    document
}

fn remove_nulls(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
        members.values_mut().for_each(remove_nulls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nulls_are_left_out_however_deep_and_the_type_is_always_set() {
        let steps = json!({"a": {"id": "a", "loop_config": {"on_error": null, "collection": "c"}, "x": null}});
        let plan = json!({"workflow_id": "wf-x-1", "name": "x", "version": "1", "start_step": "a", "steps": steps});
        let document: WorkflowDocument = serde_json::from_value(plan).expect("a document");
        let step = serde_json::to_value(&without_nulls(&document).steps["a"]).expect("JSON");
        assert_eq!(step, json!({"id": "a", "type": "agent", "next_step": null, "loop_config": {"collection": "c"}}));
    }
}
