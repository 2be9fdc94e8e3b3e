//! `orrery apply`: a folder and a server are made alike, differences are shown first, and nothing else is touched.

use std::{fs, path::Path};

use e2e_tests::{ADMIN_KEY, command_line};
use serde_json::json;

use super::{
    House,
    moving_in::{document, everything, orrery},
};

fn write(folder: &Path, agents: &str, text: &str) {
    fs::create_dir_all(folder.join("wanted/workflows")).expect("a folder");
    let agent = format!(
        "name: Writer\nurl: {agents}/echo\ndescription: writes\nmax_concurrent_calls: 3\n---\nname: Reader\nurl: {agents}/echo\n"
    );
    fs::write(folder.join("wanted/agents.yaml"), agent).expect("written");
    let workflow = format!(
        "name: digest\ndescription: For the paper\nstart_step: a\nsteps:\n  a:\n    id: a\n    agent_name: Writer\n    input_mapping:\n      text: {text}\n"
    );
    fs::write(folder.join("wanted/workflows/digest.yaml"), workflow).expect("written");
}

#[tokio::test]
async fn a_folder_is_compared_then_applied_then_the_same() {
    let house = House::new().await;
    let (client, server) = (house.client(), house.orrery.url());
    let folder = tempfile::tempdir().expect("a folder can be made");
    let agents = house.agents.url("");
    let agents = agents.trim_end_matches('/');
    write(folder.path(), agents, "one");
    let (apply, check) = (["apply", "-f", "wanted"], ["apply", "-f", "wanted", "--check"]);

    let before = everything(client).await;
    let checked = orrery(server, folder.path(), &check).await;
    assert_eq!(checked.status.code(), Some(2), "there are differences: {:?}", checked.stderr);
    let shown = orrery(server, folder.path(), &["apply", "-f", "wanted", "--diff"]).await;
    assert_eq!(shown.status.code(), Some(0));
    assert!(shown.stdout.contains(&"+ workflow digest  new".to_owned()), "{:?}", shown.stdout);
    assert_eq!(everything(client).await, before, "nothing was changed");

    let applied = orrery(server, folder.path(), &apply).await;
    assert_eq!(applied.status.code(), Some(0), "{:?}", applied.stdout);
    let after = everything(client).await;
    assert_eq!(orrery(server, folder.path(), &check).await.status.code(), Some(0), "they are alike");
    assert_eq!(orrery(server, folder.path(), &apply).await.status.code(), Some(0));
    assert_eq!(everything(client).await, after, "a second run changes nothing");

    // What somebody has changed by hand goes back to what the folder says.
    let writer = client.get("/agents?name=Writer").await.expect(200)["items"][0]["id"].as_str().map(str::to_owned);
    let path = format!("/agents/{}", writer.expect("an id"));
    client.put(&path, &json!({"timeout_ms": 5000, "max_concurrent_calls": null})).await.expect(200);
    write(folder.path(), agents, "two");
    let changed = orrery(server, folder.path(), &apply).await.stdout.join("\n");
    for line in
        ["~ /timeout_ms: 5000 → 30000", "+ /max_concurrent_calls: 3", r#"~ /steps/a/input_mapping/text: "one" → "two""#]
    {
        assert!(changed.contains(line), "{line}: {changed}");
    }
    let agent = client.get(&path).await.expect(200);
    assert_eq!((&agent["timeout_ms"], &agent["max_concurrent_calls"]), (&json!(30_000), &json!(3)));
    let digest = client.get("/workflows?name=digest").await.expect(200)["items"][0].clone();
    assert_eq!((&digest["version"], &digest["description"]), (&json!(2), &json!("For the paper")));
    assert_eq!(orrery(server, folder.path(), &check).await.status.code(), Some(0));
}

#[tokio::test]
async fn a_folder_with_mistakes_changes_nothing() {
    let house = House::new().await;
    let (client, server) = (house.client(), house.orrery.url());
    let folder = tempfile::tempdir().expect("a folder can be made");
    write(folder.path(), house.agents.url("").trim_end_matches('/'), "one");
    fs::write(folder.path().join("wanted/bad.yaml"), "name: Bad\nurl: http://127.0.0.1:9\ntimeout_ms: 5\nodd: 1\n")
        .expect("written");
    let before = everything(client).await;
    for how in [&["--dry-run"][..], &["--check"], &[]] {
        let (report, code) = document(server, folder.path(), &[&["apply", "-f", "wanted"], how].concat()).await;
        assert_eq!(code, Some(1), "{how:?}: {report:#}");
        let bad = report["files"].as_array().into_iter().flatten().find(|file| file["file"] == "wanted/bad.yaml");
        let mistakes = bad.expect("the file")["items"][0]["mistakes"].clone();
        let mut places: Vec<(u64, &str)> = mistakes
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|mistake| Some((mistake["line"].as_u64()?, mistake["pointer"].as_str()?)))
            .collect();
        places.sort_unstable();
        assert_eq!(places, [(3, "/timeout_ms"), (4, "/odd")], "{how:?}");
    }
    assert_eq!(everything(client).await, before);
}

#[tokio::test]
async fn a_folder_without_definitions_is_a_wrong_folder_and_prunes_nothing() {
    let house = House::new().await;
    let (client, server) = (house.client(), house.orrery.url());
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    let before = everything(client).await;
    for command in [
        &["apply", "-f", "empty"][..],
        &["apply", "-f", "empty", "--check"],
        &["apply", "-f", "empty", "--prune", "--yes"],
        &["import", "--workflows", "empty"],
    ] {
        let refused = orrery(server, folder.path(), command).await;
        assert_eq!(refused.status.code(), Some(1), "{command:?}: {:?}", refused.stdout);
        assert!(refused.stderr.join("\n").contains("in the folder empty"), "{command:?}: {:?}", refused.stderr);
    }
    assert_eq!(everything(client).await, before, "echo was made with that key, and is still there");
}

#[tokio::test]
async fn only_what_the_same_principal_has_made_is_pruned_and_only_with_a_yes() {
    let house = House::new().await;
    let (client, server) = (house.client(), house.orrery.url());
    let folder = tempfile::tempdir().expect("a folder can be made");
    let agents = house.agents.url("");
    write(folder.path(), agents.trim_end_matches('/'), "one");
    let made = client.post("/api-keys", &json!({"name": "gitops", "role": "admin"})).await.expect(201);
    let key = made["api_key"].as_str().expect("a key").to_owned();
    let as_gitops = async |arguments: &[&str]| {
        let all = [&["apply", "-f", "wanted", "--server", server, "--api-key", &key], arguments].concat();
        command_line(&all, folder.path()).await
    };
    assert_eq!(as_gitops(&[]).await.status.code(), Some(0));
    fs::remove_file(folder.path().join("wanted/workflows/digest.yaml")).expect("removed");
    let names = async |list: &str| -> Vec<String> {
        let items =
            client.get(&format!("/{list}?page_size=100&sort_by=name&sort_order=asc")).await.expect(200)["items"]
                .clone();
        items.as_array().into_iter().flatten().filter_map(|item| item["name"].as_str().map(str::to_owned)).collect()
    };

    assert_eq!(as_gitops(&[]).await.status.code(), Some(0));
    assert_eq!(names("workflows").await, ["digest"], "without --prune nothing is deleted");
    assert_eq!(as_gitops(&["--prune", "--check"]).await.status.code(), Some(2));
    assert_eq!(as_gitops(&["--prune"]).await.status.code(), Some(1), "nobody said yes");
    assert_eq!(names("workflows").await, ["digest"]);
    let pruned = as_gitops(&["--prune", "--yes"]).await;
    assert_eq!(pruned.status.code(), Some(0), "{:?}", pruned.stderr);
    assert!(pruned.stdout.contains(&"- workflow digest  to be deleted".to_owned()), "{:?}", pruned.stdout);
    assert_eq!(names("workflows").await, [] as [&str; 0]);
    assert_eq!(names("agents").await, ["Reader", "Writer", "echo"], "what somebody else has made stays");
    let other = command_line(
        &["apply", "-f", "wanted", "--server", server, "--api-key", ADMIN_KEY, "--prune", "--check"],
        folder.path(),
    )
    .await;
    assert_eq!(other.status.code(), Some(2), "echo was made with that key");
}

#[tokio::test]
async fn what_is_to_be_out_of_use_is_made_so_and_stays_so() {
    let house = House::new().await;
    let (client, server) = (house.client(), house.orrery.url());
    let folder = tempfile::tempdir().expect("a folder can be made");
    let step = json!({"s": {"id": "s", "agent_name": "echo", "input_mapping": {"text": "x"}}});
    let agent = json!({"name": "Resting", "url": "http://127.0.0.1:9/", "status": "inactive"});
    let mut workflow = json!({"name": "w", "start_step": "s", "steps": step, "status": "draft"});
    fs::write(folder.path().join("agent.json"), agent.to_string()).expect("written");
    for (status, changes) in [("draft", "created"), ("deprecated", "updated"), ("deprecated", "unchanged")] {
        workflow["status"] = json!(status);
        fs::write(folder.path().join("w.json"), workflow.to_string()).expect("written");
        let (report, code) = document(server, folder.path(), &["apply", "-f", "."]).await;
        assert_eq!(
            (code, report["summary"][changes].as_u64().is_some_and(|count| count > 0)),
            (Some(0), true),
            "{report:#}"
        );
        let found = client.get("/workflows?name=w").await.expect(200)["items"][0].clone();
        assert_eq!((&found["status"], &found["version"]), (&json!(status), &json!(1)));
        assert_eq!(client.get("/agents?name=Resting").await.expect(200)["items"][0]["status"], json!("inactive"));
    }
}
