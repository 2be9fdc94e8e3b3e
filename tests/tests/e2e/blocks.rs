//! Runs of steps that consist of others.

use std::collections::BTreeSet;

use e2e_tests::{AgentSpec, eventually, every_output, every_step_type, texts};
use serde_json::{Value, json};

use crate::House;

#[tokio::test]
async fn a_document_with_every_step_type_gives_the_documented_outputs() {
    let house = House::new().await;
    house.client().register(AgentSpec::new("broken", house.agents.url("flaky?fail=1000000"))).await;
    let id = house.client().create(&every_step_type("every")).await;

    let run =
        house.client().execute_with(&id, &json!({"text": "hello", "items": [{"n": 1}, {"n": 2}, {"n": 3}]})).await;
    house.client().reaches(&run, "COMPLETED").await;

    let steps = house.client().steps(&run).await;
    let of = |id: &str| steps.iter().find(|step| step["step_id"] == id).unwrap_or_else(|| panic!("no {id}: {steps:?}"));
    assert_eq!(texts(&of("last")["input_data"]), every_output());
    let mut says: Vec<&Value> =
        steps.iter().filter(|step| step["step_id"] == "say").map(|step| &step["path"]).collect();
    says.sort_by_key(ToString::to_string);
    assert_eq!(says, ["each[0]/say", "each[1]/say", "each[2]/say"]);
}

#[tokio::test]
async fn after_a_kill_a_loop_repeats_only_the_calls_in_flight_and_joins_once() {
    let house = House::new().await;
    house.client().register(AgentSpec::new("slow", house.agents.url("slow?ms=150")).attempts(3)).await;
    let steps = json!({
        "each": {
            "id": "each", "type": "loop", "next_step": "after",
            "loop_config": {
                "collection": "${workflow.input.items}", "loop_body": ["work"], "execution_mode": "parallel",
                "max_parallelism": 8,
            },
        },
        "work": {"id": "work", "agent_name": "slow", "input_mapping": {"text": "number ${loop.item}"}},
        "after": {"id": "after", "agent_name": "echo", "input_mapping": {"text": "${each.output.total_count}"}},
    });
    let document = json!({"name": "loop", "start_step": "each", "steps": steps});
    let id = house.client().create(&document).await;
    let run = house.client().execute_with(&id, &json!({"items": (0..40).collect::<Vec<_>>()})).await;
    eventually("some iterations are done", async || {
        let done = house.client().step_states(&run).await.iter().filter(|(_, state)| state == "COMPLETED").count();
        (done >= 10).then_some(())
    })
    .await;
    let before = completed(&house.client().steps(&run).await);

    let house = house.crash().await;
    house.client().reaches(&run, "COMPLETED").await;

    let calls = house.agents.calls().await;
    let repeated = calls.of_step("work").into_iter().filter(|(_, count)| *count > 1).count();
    assert!(repeated <= 8, "{repeated} calls were repeated, of which at most 8 can have been in flight");
    assert_eq!(calls.of_step("work").len(), 40, "each iteration has one message");
    assert!(matches!(calls.of_step("after")[..], [(_, 1)]), "the loop joins once");
    let after = house.client().steps(&run).await;
    assert_eq!(after.len(), 41, "no attempt is listed twice");
    assert!(completed(&after).is_superset(&before), "what was done stays done");
}

fn completed(steps: &[Value]) -> BTreeSet<String> {
    steps.iter().filter(|step| step["status"] == "COMPLETED").map(|step| step["path"].to_string()).collect()
}
