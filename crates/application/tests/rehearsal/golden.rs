//! The output shapes and failure texts of every step type (contract 5.5), one file for each in `golden/`: a document, and
//! cases of input and mocks with what the run comes to. A case may change the document by a JSON Merge Patch (RFC 7386).

use std::{collections::BTreeSet, path::Path};

use application::workflows::RehearsalEnd;
use serde_json::{Value, json};

use crate::theatre::Theatre;

#[tokio::test]
async fn every_step_type_gives_what_its_golden_file_says() {
    let mut wrong = Vec::new();
    let mut kinds = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rehearsal/golden");
    for entry in std::fs::read_dir(folder).expect("the golden files") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        let golden: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let kind = path.file_stem().expect("a name").to_string_lossy().into_owned();
        for case in golden["cases"].as_array().expect("cases") {
            let expected = expectation(case);
            let found = outcome(&golden, case, &expected).await;
            if found != expected {
                wrong.push(format!("{kind}, {}:\n  expected {expected}\n  found    {found}", case["name"]));
            }
        }
        kinds.insert(kind);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let all = ["agent", "parallel", "conditional", "loop", "fork_join", "sub_workflow", "wait_for_event", "validate"];
    assert_eq!(kinds, all.into_iter().chain(["delay"]).map(str::to_owned).collect());
}

/// `output` or `error`, and `seconds` where the case says how long it takes.
fn expectation(case: &Value) -> Value {
    let members = ["output", "error", "seconds"].into_iter().filter_map(|name| Some((name, case.get(name)?.clone())));
    members.map(|(name, value)| (name.to_owned(), value)).collect()
}

async fn outcome(golden: &Value, case: &Value, expected: &Value) -> Value {
    let theatre = Theatre::new().await;
    for (name, document) in golden["others"].as_object().into_iter().flatten() {
        theatre.stage(name, document).await;
    }
    let mut document = golden["document"].clone();
    if let Some(change) = case.get("change") {
        patch(&mut document, change);
    }
    let workflow = theatre.stage("main", &document).await;
    let input = case.get("input").cloned().unwrap_or_else(|| json!({}));
    let played = theatre.play(workflow, input, &case["mocks"]).await.expect("it can be rehearsed");
    let mut found = match played.end {
        RehearsalEnd::Completed => json!({"output": played.output.map(|output| output.value().clone())}),
        RehearsalEnd::Failed => json!({"error": without_ids(&played.error.expect("a message"))}),
        end @ (RehearsalEnd::Waiting | RehearsalEnd::TooLong) => json!({"end": format!("{end:?}")}),
    };
    if expected.get("seconds").is_some() {
        found["seconds"] = (played.span.1 - played.span.0).num_seconds().into();
    }
    found
}

/// The id of a run that a run has started is made of the other's, which is new each time.
fn without_ids(message: &str) -> String {
    let Some((before, (id, after))) =
        message.split_once("Sub-workflow run '").and_then(|(before, rest)| Some((before, rest.split_once('\'')?)))
    else {
        return message.to_owned();
    };
    assert!(id.starts_with("run-"), "{message}");
    format!("{before}Sub-workflow run '{{child}}'{after}")
}

/// JSON Merge Patch: null removes a member.
fn patch(target: &mut Value, change: &Value) {
    let Value::Object(changes) = change else {
        *target = change.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let members = target.as_object_mut().expect("made one above");
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            patch(members.entry(name).or_insert(Value::Null), change);
        }
    }
}
