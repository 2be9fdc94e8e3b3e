//! Moving in: `orrery import` over files as the old system has them, good ones and broken ones.

use std::{fs, path::Path};

use e2e_tests::{ADMIN_KEY, Client, Ended, command_line, every_step_type};
use serde_json::{Value, json};

use super::House;

/// The old registry, with one agent that no server takes.
fn registry(agents: &str) -> String {
    format!(
        r#"#!/usr/bin/env python3
"""A registry. AGENTS = {{}} is not this."""
import os, sys

AGENTS = {{
    "Collector": {{
        "name": "Collector", "url": "{agents}/echo", "timeout": 20_000,  # in milliseconds
        "auth_config": {{"type": "apikey", "key": "very-" "secret", "header": "X-Agent-Key"}},
        "retry_config": {{"max_retries": 2, "initial_delay_ms": 100, "max_delay_ms": 1000, "backoff_multiplier": 2.0,}},
    }},
    'Writer': {{'url': '{agents}/echo', 'recovery': {{'on_failure': None}}}},
    "Hasty": {{
        "url": "{agents}/echo",
        "timeout": 5,
    }},
}}

if __name__ == "__main__":
    open("run.by.nobody", "w").write(os.environ["HOME"])
"#
    )
}

fn list(agents: &str) -> String {
    format!(
        "agents:\n  - name: Reviewer\n    url: {agents}/echo\n    description: Looks twice\n    auth_type: bearer\n    auth_config: {{token: \
         also-secret}}\n  - name: Lost\n    description: has no url\n"
    )
}

/// Files whose names have parents before their children, and agents behind those who need them.
fn write_files(folder: &Path, agents: &str) {
    let workflows = folder.join("workflows");
    fs::create_dir_all(&workflows).expect("a folder");
    let write = |name: &str, text: String| fs::write(workflows.join(name), text).expect("written");
    let step =
        |id: &str, agent: &str, text: &str| json!({"id": id, "agent_name": agent, "input_mapping": {"text": text}});
    fs::write(folder.join("registry.py"), registry(agents)).expect("written");
    fs::write(folder.join("agents.yaml"), list(agents)).expect("written");
    let report = json!({
        "workflow_id": "wf-report-001", "name": "report", "version": "0.3", "start_step": "collect", "description": "Weekly",
        "steps": {
            "collect": {"id": "collect", "agent_name": "Collector", "next_step": "write", "description": "gathers",
                        "input_mapping": {"text": "${workflow.input.region}"}},
            "write": {"id": "write", "agent_name": "Writer", "next_step": null, "input_mapping": {"text": "${collect.output.text}!"}},
        },
    });
    let blocks = json!({
        "workflow_id": "wf-blocks", "name": "blocks", "version": "1.0.0", "start_step": "each",
        "steps": {
            "each": {"id": "each", "type": "loop", "collection": "${workflow.input.items}", "loop_body": ["say"],
                     "execution_mode": "parallel", "max_parallelism": 2, "next_step": "race"},
            "say": step("say", "Writer", "${loop.index}"),
            "race": {"id": "race", "type": "fork-join", "join_policy": "all", "next_step": "decide",
                     "branches": {"one": {"steps": ["left"]}, "two": {"steps": ["right"]}}},
            "left": step("left", "Writer", "left"),
            "right": step("right", "Reviewer", "right"),
            "decide": {"id": "decide", "type": "conditional", "condition": {"expression": "1 == 1", "operator": "=="},
                       "then_step": "yes", "else_step": "no"},
            "yes": step("yes", "Writer", "yes"),
            "no": step("no", "Writer", "no"),
        },
    });
    let parent = json!({"name": "a parent", "start_step": "below", "steps": {
        "below": {"id": "below", "type": "sub_workflow", "workflow_name": "report", "input_mapping": {"region": "north"}},
    }});
    let ghosts = json!({"name": "ghosts", "start_step": "a", "steps": {
        "a": {"id": "a", "agent_name": "Ghost", "next_step": "b", "input_mapping": {}},
        "b": {"id": "b", "agent_name": "Phantom", "input_mapping": {"x": "${nowhere.output.y}"}},
    }});
    write("0_parent.json", parent.to_string());
    write("report.json", serde_json::to_string_pretty(&report).expect("JSON"));
    write("blocks.json", blocks.to_string());
    write("ghosts.json", serde_json::to_string_pretty(&ghosts).expect("JSON"));
    write("broken.json", "{\"name\": \"broken\",\n \"steps\": {,}}".to_owned());
    write("report_input.json", json!({"workflow_input": {"region": "north"}}).to_string());
}

/// Runs the command as somebody who knows the key.
pub(super) async fn orrery(client: &str, folder: &Path, arguments: &[&str]) -> Ended {
    let ended = command_line(&[arguments, &["--server", client, "--api-key", ADMIN_KEY]].concat(), folder).await;
    let all = [ended.stdout.join("\n"), ended.stderr.join("\n")].concat();
    assert!(!all.contains("secret") && !all.contains(ADMIN_KEY), "nothing shows a secret: {all}");
    ended
}

/// Its result as JSON, and its exit code.
pub(super) async fn document(server: &str, folder: &Path, arguments: &[&str]) -> (Value, Option<i32>) {
    let ended = orrery(server, folder, &[arguments, &["--json"]].concat()).await;
    let text = ended.stdout.join("\n");
    let document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{:?}", ended.stderr));
    (document, ended.status.code())
}

/// Everything that a change would show in, whoever made it.
pub(super) async fn everything(client: &Client) -> Value {
    let agents = client.get("/agents?page_size=100&sort_by=name").await.expect(200)["items"].clone();
    let workflows = client.get("/workflows?page_size=100&sort_by=name").await.expect(200)["items"].clone();
    let audit = client.get("/audit-logs").await.expect(200)["items"].clone();
    json!({"agents": agents, "workflows": workflows, "audit": audit})
}

/// What became of each thing, by kind and name.
fn outcomes(report: &Value) -> Vec<(String, String)> {
    let items =
        report["files"].as_array().expect("files").iter().flat_map(|file| file["items"].as_array().expect("items"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<(String, String)> = items.map(|item| (text(&item["name"]), text(&item["outcome"]))).collect();
    all.sort();
    all
}

/// The mistakes of a file and of what is in it: line, pointer and message.
fn mistakes(report: &Value, file: &str) -> Vec<(u64, String, String)> {
    let files = report["files"].as_array().expect("files");
    let file =
        files.iter().find(|found| found["file"].as_str().is_some_and(|name| name.ends_with(file))).expect("the file");
    let of_items = file["items"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|item| item["mistakes"].as_array().into_iter().flatten());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = file["mistakes"].as_array().into_iter().flatten().chain(of_items);
    all.map(|m| (m["line"].as_u64().unwrap_or_default(), text(&m["pointer"]), text(&m["message"]))).collect()
}

const IMPORT: [&str; 7] = ["import", "--agents", "registry.py", "--agents", "agents.yaml", "--workflows", "workflows"];

#[tokio::test]
async fn what_is_good_is_imported_once_although_something_else_is_broken() {
    let house = House::new().await;
    let (client, server) = (house.client(), house.orrery.url());
    let folder = tempfile::tempdir().expect("a folder can be made");
    write_files(folder.path(), house.agents.url("").trim_end_matches('/'));

    let before = everything(client).await;
    let (dry, code) = document(server, folder.path(), &[&IMPORT[..], &["--dry-run"]].concat()).await;
    assert_eq!(code, Some(1), "something would fail");
    assert_eq!(everything(client).await, before, "a dry run changes nothing at all");

    let (report, code) = document(server, folder.path(), &IMPORT).await;
    assert_eq!(code, Some(1), "something failed");
    let expected = [
        ("Collector", "created"),
        ("Hasty", "failed"),
        ("Lost", "failed"),
        ("Reviewer", "created"),
        ("Writer", "created"),
        ("a parent", "created"),
        ("blocks", "created"),
        ("ghosts", "failed"),
        ("report", "created"),
    ];
    let expected = expected.map(|(name, outcome)| (name.to_owned(), outcome.to_owned()));
    assert_eq!(outcomes(&report), expected);
    assert_eq!(outcomes(&dry), expected, "the dry run said so");
    for said in [&dry, &report] {
        let of = |file: &str| mistakes(said, file);
        assert_eq!(of("registry.py").len(), 1, "{said:#}");
        assert_eq!((of("registry.py")[0].0, of("registry.py")[0].1.as_str()), (14, "/Hasty/timeout"));
        assert!(of("agents.yaml")[0].2.contains("required"), "{said:#}");
        assert_eq!(of("broken.json")[0].0, 2, "{said:#}");
        let ghosts = of("ghosts.json");
        assert!(
            ghosts.iter().any(|(line, at, what)| *line > 1 && at == "/steps/a/agent_name" && what.contains("'Ghost'")),
            "{ghosts:?}"
        );
        assert!(ghosts.iter().any(|(_, _, what)| what.contains("'Phantom'")), "{ghosts:?}");
        assert!(ghosts.iter().any(|(_, at, _)| at == "/steps/b/input_mapping/x"), "all mistakes at once: {ghosts:?}");
    }
    assert!(!folder.path().join("run.by.nobody").exists());

    let collector = client.get("/agents?name=Collector").await.expect(200)["items"][0].clone();
    assert_eq!(collector["timeout_ms"], json!(20_000));
    assert_eq!(collector["auth_config"], json!({"type": "apikey", "header_name": "X-Agent-Key", "configured": true}));
    assert_eq!(collector["retry_config"]["max_retries"], json!(2));
    let imported = client.get("/workflows?name=report").await.expect(200)["items"][0].clone();
    assert_eq!(imported["description"], json!("Weekly"));
    assert_eq!(imported["change_summary"], json!("imported from report.json, version 0.3"));

    let after = everything(client).await;
    let (again, _) = document(server, folder.path(), &IMPORT).await;
    assert_eq!(everything(client).await, after, "a second run changes nothing");
    let summary = &again["summary"];
    assert_eq!((summary["unchanged"].as_u64(), summary["created"].as_u64()), (Some(6), Some(0)), "{again:#}");

    let (sent, _) = document(server, folder.path(), &[&IMPORT[..], &["--send-credentials"]].concat()).await;
    assert_eq!(sent["summary"]["updated"].as_u64(), Some(2), "only those that have some: {sent:#}");

    let input = folder.path().join("workflows/report_input.json");
    let input = input.to_str().expect("UTF-8");
    let ran = orrery(server, folder.path(), &["run", "a parent", "--wait"]).await;
    assert_eq!(ran.status.code(), Some(0), "{:?}", ran.stderr);
    let ran = orrery(server, folder.path(), &["run", "report", "--wait", "--input", input]).await;
    assert_eq!(ran.status.code(), Some(0), "{:?}", ran.stderr);
    assert!(ran.stdout.join("\n").contains("north!"), "{:?}", ran.stdout);
}

#[tokio::test]
async fn a_definition_that_has_changed_becomes_a_new_version_and_people_read_why() {
    let house = House::new().await;
    let (client, server) = (house.client(), house.orrery.url());
    let folder = tempfile::tempdir().expect("a folder can be made");
    let document = |text: &str| {
        json!({"name": "w", "version": "1.0", "start_step": "s", "steps": {
        "s": {"id": "s", "agent_name": "echo", "input_mapping": {"text": text}}}})
    };
    let file = folder.path().join("w.json");
    fs::write(&file, document("one").to_string()).expect("written");
    let import = ["import", "--workflows", "w.json"];
    let first = orrery(server, folder.path(), &import).await;
    assert_eq!(first.status.code(), Some(0), "{:?}", first.stderr);
    assert_eq!(first.stdout, ["w.json", "  + workflow w  imported (version 1)", "1 imported, 0 unchanged"]);
    fs::write(&file, document("two").to_string()).expect("written");
    let second = orrery(server, folder.path(), &import).await.stdout.join("\n");
    assert!(second.contains("~ workflow w  new version (version 2)"), "{second}");
    assert!(second.contains(r#"~ /steps/s/input_mapping/text: "one" → "two""#), "{second}");
    let id =
        client.get("/workflows?name=w").await.expect(200)["items"][0]["id"].as_str().map(str::to_owned).expect("an id");
    assert_eq!(client.total(&format!("workflows/{id}/versions")).await, 2);
    client.send(reqwest::Method::DELETE, &format!("/workflows/{id}"), None).await.expect(200);
    let third = orrery(server, folder.path(), &import).await.stdout.join("\n");
    assert!(third.contains("new version (version 3)"), "a deleted one is brought back: {third}");
}

#[tokio::test]
async fn agents_beyond_the_first_page_are_known() {
    let house = House::new().await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let agents: Vec<Value> =
        (0..130).map(|number| json!({"name": format!("agent {number:03}"), "url": "http://127.0.0.1:9/"})).collect();
    fs::write(folder.path().join("agents.json"), json!({ "agents": agents }).to_string()).expect("written");
    let import = ["import", "--agents", "agents.json"];
    let (first, code) = document(house.orrery.url(), folder.path(), &import).await;
    assert_eq!((first["summary"]["created"].as_u64(), code), (Some(130), Some(0)), "{:#}", first["summary"]);
    let (second, code) = document(house.orrery.url(), folder.path(), &import).await;
    assert_eq!((second["summary"]["unchanged"].as_u64(), code), (Some(130), Some(0)), "{:#}", second["summary"]);
}

#[tokio::test]
async fn a_dry_run_finds_what_the_key_may_not_change() {
    let house = House::new().await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let made = house.client().post("/api-keys", &json!({"name": "designer", "role": "designer"})).await.expect(201);
    let key = made["api_key"].as_str().expect("a key").to_owned();
    let agents = json!({"agents": [{"name": "New", "url": "http://127.0.0.1:9/"}]});
    let step = json!({"id": "s", "agent_name": "echo", "input_mapping": {"text": "x"}});
    let workflow = json!({"name": "w", "start_step": "s", "steps": {"s": step}});
    fs::write(folder.path().join("agents.json"), agents.to_string()).expect("written");
    fs::write(folder.path().join("w.json"), workflow.to_string()).expect("written");
    let import = ["import", "--agents", "agents.json", "--workflows", "w.json", "--dry-run"];
    let with_key = ["--server", house.orrery.url(), "--api-key", &key];
    let dry = command_line(&[&import[..], &with_key[..]].concat(), folder.path()).await;
    assert_eq!(dry.status.code(), Some(1), "{:?}", dry.stdout);
    let said = dry.stdout.join("\n");
    assert!(said.contains("! agent New  FAILED") && said.contains("lacks the right 'agents:write'"), "{said}");
    assert!(said.contains("+ workflow w  would be imported"), "a designer may write workflows: {said}");

    let apply = ["apply", "-f", "."];
    for mode in [&["--dry-run"][..], &[]] {
        let applied = command_line(&[&apply[..], mode, &with_key].concat(), folder.path()).await;
        let said = applied.stdout.join("\n");
        assert!(
            applied.status.code() == Some(1) && said.contains("lacks the right 'agents:write'"),
            "{mode:?}: {said}"
        );
    }
    assert_eq!(house.client().total("workflows").await, 0, "what may not be done as a whole is not begun");
}

#[tokio::test]
async fn duplicates_are_refused_and_copies_are_not() {
    let house = House::new().await;
    let (client, server) = (house.client(), house.orrery.url());
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::create_dir(folder.path().join("w")).expect("a folder");
    let step = r#"{"id": "s", "agent_name": "echo", "input_mapping": {"text": "x"}}"#;
    let once = format!(r#"{{"name": "once", "start_step": "s", "steps": {{"s": {step}}}}}"#);
    fs::write(folder.path().join("w/a.json"), &once).expect("written");
    fs::write(folder.path().join("w/b.json"), &once).expect("written");
    let twice =
        format!("{{\"name\": \"twice\", \"start_step\": \"s\", \"steps\": {{\n\"s\": {step},\n\"s\": {step}}}}}");
    fs::write(folder.path().join("w/twice.json"), twice).expect("written");
    for command in [&["import", "--workflows", "w"][..], &["apply", "-f", "w/twice.json"]] {
        let (report, code) = document(server, folder.path(), command).await;
        assert_eq!(code, Some(1), "{report:#}");
        let found = mistakes(&report, "twice.json");
        assert_eq!(found, [(3, String::new(), "'s' is given more than once".to_owned())], "{report:#}");
    }
    assert_eq!(client.total("workflows").await, 1, "one of the copies, and nothing of what is broken");
}

/// A document with every member that a document can have.
fn everything_there_is() -> Value {
    let mut document = every_step_type("all of it");
    document["description"] = json!("All of it");
    document["input_schema"] = json!({"type": "object", "properties": {"n": {"type": "number", "minimum": 1.0}}});
    document["output"] = json!({"last": "${last.output}"});
    document["timeout_seconds"] = json!(600);
    document["max_retry_budget"] = json!(5);
    document["on_complete"] = json!([{"workflow_name": "below", "input_mapping": {"text": "x"}}]);
    let steps = document["steps"].as_object_mut().expect("steps");
    steps["last"]["next_step"] = json!("child");
    steps["last"]["retry_strategy"] = json!({"type": "fixed_delay", "max_retries": 2, "initial_delay_ms": 100});
    steps["last"]["timeout_seconds"] = json!(30);
    for (id, next, members) in [
        ("child", "event", json!({"type": "sub_workflow", "workflow_name": "below", "input_mapping": {"text": "y"}})),
        (
            "event",
            "check",
            json!({"type": "wait_for_event", "event_config": {"event": "go", "timeout_seconds": 5, "on_timeout": "continue"}}),
        ),
        (
            "check",
            "",
            json!({"type": "validate", "validate_config": {"data": "${child.output}", "schema": {"type": "object"}}}),
        ),
    ] {
        let mut step = members;
        step["id"] = json!(id);
        step["next_step"] = if next.is_empty() { Value::Null } else { json!(next) };
        steps.insert(id.to_owned(), step);
    }
    document
}

#[tokio::test]
async fn every_member_of_a_document_is_the_same_the_second_time() {
    let house = House::new().await;
    let server = house.orrery.url();
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::create_dir(folder.path().join("w")).expect("a folder");
    house.client().register(e2e_tests::AgentSpec::new("broken", "http://127.0.0.1:9/")).await;
    let below = json!({"name": "below", "start_step": "a", "steps": {"a": {"id": "a", "agent_name": "echo", "input_mapping": {"text": "${workflow.input.text}"}}}});
    fs::write(folder.path().join("w/a.json"), everything_there_is().to_string()).expect("written");
    fs::write(folder.path().join("w/b.json"), below.to_string()).expect("written");
    for (command, expected) in [
        (&["import", "--workflows", "w", "--dry-run"][..], "created"),
        (&["import", "--workflows", "w"], "created"),
        (&["import", "--workflows", "w"], "unchanged"),
        (&["apply", "-f", "w", "--check"], "unchanged"),
    ] {
        let (report, code) = document(server, folder.path(), command).await;
        assert_eq!(code, Some(0), "{command:?}: {report:#}");
        let all = outcomes(&report);
        assert_eq!(
            all.iter().map(|(_, outcome)| outcome.as_str()).collect::<Vec<_>>(),
            [expected; 2],
            "{command:?}: {report:#}"
        );
    }
}
