//! `orrery demo`, as a newcomer runs it.

use e2e_tests::command_line;
use serde_json::Value;

#[tokio::test]
async fn the_demo_completes_and_its_last_line_says_so() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let demo = command_line(&["demo", "--json"], folder.path()).await;
    assert!(demo.status.success(), "{}\n{}\n{}", demo.status, demo.stdout.join("\n"), demo.stderr.join("\n"));
    let read =
        |line: &String| serde_json::from_str(line).unwrap_or_else(|e| panic!("not machine-readable ({e}): {line}"));
    let events: Vec<Value> = demo.stdout.iter().map(read).collect();
    let last = events.last().expect("the demo says something");
    assert_eq!(last["status"], "COMPLETED", "{last}");
    assert!(last["urls"]["docs"].is_string(), "it says what to look at next: {last}");
}

#[tokio::test]
async fn the_demo_speaks_to_people_where_nobody_asks_for_json() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let demo = command_line(&["demo"], folder.path()).await;
    let said = demo.stdout.join("\n");
    assert!(demo.status.success(), "{}\n{said}\n{}", demo.status, demo.stderr.join("\n"));
    for line in ["step research (Researcher): COMPLETED", "step review (Reviewer): COMPLETED", "run COMPLETED"] {
        assert!(said.contains(line), "'{line}' is not said:\n{said}");
    }
}
