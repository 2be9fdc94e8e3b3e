//! Runs that start runs and wait for events, over several processes.

use std::time::Duration;

use e2e_tests::{AgentSpec, Cluster, eventually, workflow};
use serde_json::{Value, json};

use crate::load::{Run, done, no_step_is_recorded_twice, plans, register, repeated};

const PARENTS: usize = 50;

/// A workflow that runs three others at once, and then waits for an event.
fn family(name: &str, children: &[String]) -> Value {
    let child = |id: &str, workflow: &str| {
        let input = json!({"text": format!("${{workflow.input.text}} {id}")});
        json!({"id": id, "type": "sub_workflow", "workflow_name": workflow, "input_mapping": input})
    };
    let steps = json!({
        "all": {"id": "all", "type": "parallel", "parallel_steps": ["a", "b", "c"], "next_step": "wait"},
        "a": child("a", &children[0]), "b": child("b", &children[1]), "c": child("c", &children[2]),
        "wait": {"id": "wait", "type": "wait_for_event", "event_config": {
            "event": "go", "correlation": "${workflow.input.text}"}},
    });
    let output = json!(["${a.output.text}", "${b.output.text}", "${c.output.text}", "${wait.output.data}"]);
    json!({"name": name, "start_step": "all", "steps": steps, "output": output})
}

fn text(document: &Value, member: &str) -> String {
    document[member].as_str().unwrap_or_else(|| panic!("no text '{member}' in {document}")).to_owned()
}

#[tokio::test]
async fn families_of_runs_complete_while_an_executor_is_killed_and_nothing_that_was_done_is_done_again() {
    let cluster = Cluster::new().await;
    let (api, other) = tokio::join!(cluster.start("api", &[]), cluster.start("api", &[]));
    let (killed, survivor) = tokio::join!(cluster.start("executor", &[]), cluster.start("executor", &[]));
    register(&cluster, api.client(), 300).await;
    let kids = plans(api.client(), "kid", 3 * PARENTS, &["echo", "slow", "echo"]).await;
    let mut families = Vec::new();
    for number in 0..PARENTS {
        let children = [0, 1, 2].map(|child| format!("kid {}", 3 * number + child));
        families.push(api.client().create(&family(&format!("family {number}"), &children)).await);
    }
    let mut parents = Vec::new();
    for (number, id) in families.iter().enumerate() {
        parents.push(api.client().execute(id, &format!("f{number}")).await);
    }
    // Some events come before anybody waits for them.
    for (number, run) in parents.iter().enumerate().take(10) {
        let event = json!({"event": "go", "data": format!("go {number}")});
        other.client().post(&format!("/runs/{run}/events"), &event).await.expect(202);
    }
    eventually("a third of the children's steps are done", async || {
        (done(&cluster).await.iter().filter(|step| step.starts_with("kid")).count() >= 3 * PARENTS).then_some(())
    })
    .await;
    killed.kill9();
    let before = done(&cluster).await;
    for (number, parent) in parents.iter().enumerate().skip(10) {
        let event = json!({"event": "go", "correlation": format!("f{number}"), "data": format!("go {number}")});
        eventually(&format!("family {number} waits and is told"), async || {
            let told = other.client().post("/events", &event).await.expect(202);
            let told = told["delivered_to"].as_array().expect("a list").clone();
            assert!(told.iter().all(|run| run == parent.as_str()), "others were told: {told:?}");
            (!told.is_empty()).then_some(())
        })
        .await;
    }

    let mut children = Vec::new();
    for (number, run) in parents.iter().enumerate() {
        let ended = other.client().reaches_within(Duration::from_mins(1), run, "COMPLETED").await;
        let expected = [format!("f{number} a"), format!("f{number} b"), format!("f{number} c"), format!("go {number}")];
        assert_eq!(ended["output_data"], json!(expected));
        for child in other.client().children(run).await {
            assert_eq!(child["status"], "COMPLETED");
            let plan = kids.iter().find(|plan| plan.workflow == text(&child, "workflow_id")).expect("a kid");
            children.push(Run { id: text(&child, "id"), steps: plan.steps.clone() });
        }
    }
    assert_eq!(children.len(), 3 * PARENTS, "each child is started once");
    let repeats = repeated(&cluster.agents.calls().await, &children, &before);
    println!("{repeats} calls were repeated, {} steps were done before the kill", before.len());
    no_step_is_recorded_twice(&cluster).await;
    assert!(survivor.metric("orrery_step_attempts_total", "completed").await > 0.0, "the other executor works");
}

#[tokio::test]
async fn a_cancellation_goes_down_to_children_that_other_processes_own() {
    let cluster = Cluster::new().await;
    let (api, other) = tokio::join!(cluster.start("api", &[]), cluster.start("api", &[]));
    let executors = tokio::join!(cluster.start("executor", &[]), cluster.start("executor", &[]));
    let endless = cluster.agents.url("slow?ms=60000");
    api.client().register(AgentSpec::new("endless", endless)).await;
    for kid in ["kid a", "kid b", "kid c"] {
        api.client().create(&workflow(kid, &[("hangs", "endless"), ("never", "endless")])).await;
    }
    let id = api.client().create(&family("family", &["kid a", "kid b", "kid c"].map(str::to_owned))).await;
    let mut families = Vec::new();
    for number in 0..5 {
        families.push(api.client().execute(&id, &format!("f{number}")).await);
    }
    eventually("all children call their agents", async || {
        (cluster.agents.calls().await.of_step("hangs").len() == 15).then_some(())
    })
    .await;
    for run in &families {
        other.client().post(&format!("/runs/{run}/cancel"), &json!({})).await.expect(200);
    }
    for run in &families {
        let children = api.client().children(run).await;
        assert_eq!(children.len(), 3);
        for child in children {
            let id = text(&child, "id");
            let ended = api.client().reaches_within(Duration::from_secs(5), &id, "CANCELLED").await;
            assert!(text(&ended, "error_message").contains(run.as_str()), "{ended}");
        }
    }
    assert!(cluster.agents.calls().await.of_step("never").is_empty());
    drop(executors);
}
