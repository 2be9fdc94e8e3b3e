//! Runs of steps in sequence whose agents do what they should.

use e2e_tests::{AgentSpec, workflow};
use tokio::task::JoinSet;

use crate::House;

#[tokio::test]
async fn a_workflow_of_three_steps_hands_its_outputs_on_and_completes() {
    let house = House::new().await;
    let document = workflow("three", &[("first", "echo"), ("second", "echo"), ("third", "echo")]);
    let id = house.client().create(&document).await;

    let run = house.client().execute(&id, "hello").await;
    let done = house.client().reaches(&run, "COMPLETED").await;

    assert_eq!(done["workflow_id"], id.as_str());
    assert!(done["completed_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{done}");
    let steps = house.client().steps(&run).await;
    let ids: Vec<_> = steps.iter().map(|step| step["step_id"].as_str().unwrap_or_default()).collect();
    assert_eq!(ids, ["first", "second", "third"]);
    for step in &steps {
        assert_eq!((&step["status"], &step["output_data"]["text"]), (&"COMPLETED".into(), &"hello".into()), "{step}");
    }
}

#[tokio::test]
async fn the_agents_of_the_demo_work_from_each_others_outputs() {
    let house = House::new().await;
    for name in ["researcher", "writer", "reviewer"] {
        house.client().register(AgentSpec::new(name, house.agents.url(name))).await;
    }
    let steps = serde_json::json!({
        "research": {"id": "research", "agent_name": "researcher", "next_step": "write",
            "input_mapping": {"topic": "${workflow.input.text}"}},
        "write": {"id": "write", "agent_name": "writer", "next_step": "review",
            "input_mapping": {"topic": "${research.output.topic}", "facts": "${research.output.facts}"}},
        "review": {"id": "review", "agent_name": "reviewer", "next_step": null,
            "input_mapping": {"paragraph": "${write.output.paragraph}"}},
    });
    let document = serde_json::json!({"name": "story", "start_step": "research", "steps": steps});
    let id = house.client().create(&document).await;

    let run = house.client().execute(&id, "tides").await;
    house.client().reaches(&run, "COMPLETED").await;

    let steps = house.client().steps(&run).await;
    assert!(steps[1]["input_data"]["facts"].as_array().is_some_and(|facts| !facts.is_empty()), "{}", steps[1]);
    assert!(steps[2]["output_data"]["verdict"].is_string(), "{}", steps[2]);
}

#[tokio::test]
async fn two_hundred_runs_started_at_once_all_complete() {
    let house = House::new().await;
    let id = house.client().create(&workflow("many", &[("first", "echo"), ("second", "echo")])).await;

    let mut starts = JoinSet::new();
    for number in 0..200 {
        let (client, id) = (house.client().clone(), id.clone());
        starts.spawn(async move { client.execute(&id, &format!("text {number}")).await });
    }
    let runs = starts.join_all().await;

    for run in &runs {
        house.client().reaches(run, "COMPLETED").await;
    }
    let calls = house.agents.calls().await;
    assert_eq!(calls.by_message_id.len(), 400, "each step of each run has a message of its own");
    assert!(calls.by_message_id.values().all(|count| *count == 1), "no step was called twice");
    assert_eq!(house.client().total("runs").await, 200);
}

#[tokio::test]
async fn an_accepted_start_says_where_the_run_is() {
    let house = House::new().await;
    let id = house.client().create(&workflow("one", &[("only", "echo")])).await;
    let body = serde_json::json!({"input_data": {"text": "hello"}});

    let accepted = house.client().post(&format!("/workflows/{id}/execute"), &body).await;

    let run = accepted.expect(202);
    let run_id = run["run_id"].as_str().expect("a run id");
    assert_eq!(run["id"], run_id);
    let location = accepted.location.expect("a Location");
    assert!(location.ends_with(&format!("/api/v1/runs/{run_id}")), "{location}");
    house.client().reaches(run_id, "COMPLETED").await;
}
