//! Steps that fail for good, and having their work done after all.

use e2e_tests::{AgentSpec, Behaviour, Stub, eventually, workflow};
use serde_json::{Value, json};

use crate::House;

/// A house with a run whose second step has failed in all its attempts; the agent, the run and the id of the dead letter.
async fn with_a_dead_letter(attempts: u64) -> (House, Stub, String, String) {
    let house = House::new().await;
    let stub = Stub::start(Behaviour::Status(500)).await;
    house.client().register(AgentSpec::new("moody", stub.url()).attempts(attempts)).await;
    let id =
        house.client().create(&workflow("dies", &[("first", "echo"), ("second", "moody"), ("third", "echo")])).await;
    let run = house.client().execute(&id, "hello").await;
    house.client().reaches(&run, "FAILED").await;
    let letters = dead_letters(&house).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = letters[0]["dlq_id"].as_str().expect("an id").to_owned();
    (house, stub, run, letter)
}

async fn dead_letters(house: &House) -> Vec<Value> {
    house.client().get("/dlq").await.expect(200)["items"].as_array().expect("a list has items").clone()
}

#[tokio::test]
async fn a_dead_letter_survives_a_kill_and_its_replay_after_the_agent_is_healed_completes_and_takes_it_away() {
    let (house, stub, run, letter) = with_a_dead_letter(3).await;

    let house = house.crash().await;
    let found = house.client().get(&format!("/dlq/{letter}")).await.expect(200);
    assert_eq!(
        (&found["run_id"], &found["path"], &found["agent_name"]),
        (&json!(run), &json!("second"), &json!("moody"))
    );
    assert_eq!((&found["attempts"], &found["status"]), (&json!(3), &json!("pending_replay")));
    assert_eq!(found["original_task"]["input"], json!({"text": "hello"}));
    let message_id = found["original_task"]["message_id"].as_str().expect("an id");
    assert_eq!(stub.received().last().expect("calls").message_id, message_id);
    let history = found["retry_history"].as_array().expect("attempts");
    let numbers: Vec<_> = history.iter().map(|attempt| attempt["attempt"].as_u64().expect("a number")).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(history.iter().all(|attempt| attempt["error_message"].as_str().is_some_and(|e| e.contains("500"))));
    eventually("the metric tells of it", async || {
        (house.orrery.metric("orrery_dead_letters", "pending_replay").await > 0.5).then_some(())
    })
    .await;

    stub.behave(Behaviour::Answer);
    let replayed = house.client().post(&format!("/dlq/{letter}/replay"), &json!({})).await.expect(202);
    let new = replayed["run_id"].as_str().expect("an id").to_owned();
    house.client().reaches(&new, "COMPLETED").await;
    assert_eq!(house.client().steps(&new).await.len(), 3);
    house.client().get(&format!("/dlq/{letter}")).await.expect(404);
    assert_eq!(house.client().run(&run).await["status"], "FAILED");
    assert_eq!(dead_letters(&house).await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_retry_that_fails_again_changes_the_entry_and_one_that_succeeds_takes_it_away() {
    let (house, stub, run, letter) = with_a_dead_letter(1).await;
    house.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);
    let again = eventually("the step has failed again", async || {
        let letters = dead_letters(&house).await;
        letters.into_iter().find(|letter| letter["failure_count"] == 2)
    })
    .await;
    assert_eq!((&again["dlq_id"], &again["run_id"]), (&json!(letter), &json!(run)));
    house.client().reaches(&run, "FAILED").await;

    stub.behave(Behaviour::Answer);
    house.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);
    eventually("the retried run is COMPLETED", async || {
        (house.client().run(&run).await["status"] == "COMPLETED").then_some(())
    })
    .await;
    assert_eq!(dead_letters(&house).await, [] as [Value; 0]);
}

#[tokio::test]
async fn many_are_replayed_at_once_and_each_new_run_completes() {
    let house = House::new().await;
    let stub = Stub::start(Behaviour::Status(500)).await;
    house.client().register(AgentSpec::new("moody", stub.url())).await;
    let id = house.client().create(&workflow("dies", &[("only", "moody")])).await;
    for number in 0..5 {
        let run = house.client().execute(&id, &format!("text {number}")).await;
        house.client().reaches(&run, "FAILED").await;
    }
    stub.behave(Behaviour::Answer);
    let body = json!({"filter": {"agent_name": "moody"}});
    let answer = house.client().post("/dlq/bulk-replay", &body).await.expect(200);
    assert_eq!((&answer["replayed"], &answer["refused"]), (&json!(5), &json!(0)));
    for outcome in answer["outcomes"].as_array().expect("outcomes") {
        house.client().reaches(outcome["run_id"].as_str().expect("an id"), "COMPLETED").await;
    }
    assert_eq!(dead_letters(&house).await, [] as [Value; 0]);
}
