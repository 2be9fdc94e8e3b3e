//! Mode (b): records that nobody can understand, and cancellations that come too early.

use serde_json::json;

use crate::{
    house::{House, header, json as value},
    old::run_id,
    old_api::{Behind, plan},
};

#[tokio::test]
async fn what_cannot_be_understood_is_kept_as_a_dead_letter_with_the_reason_and_the_partition_moves_on() {
    // Everything on one partition: what stands behind a poison record has to pass it.
    let behind = Behind::on(House::of_the_old_system_with(1).await).await;
    let poison: [(&str, Option<&[u8]>, &str); 6] = [
        ("tombstone", None, "the record has no value"),
        ("broken", Some(b"{\"run_id\": "), "not JSON"),
        ("array", Some(b"[1]"), "not a JSON object"),
        ("neither", Some(b"{\"run_id\": \"run-1\"}"), "neither an execution nor a cancellation request"),
        ("nobody", Some(b"{\"workflow_plan\": {}}"), "run_id is missing"),
        ("no plan", Some(br#"{"run_id": "run-2", "workflow_plan": {"steps": {}}}"#), "no start_step"),
    ];
    for (key, value, _) in &poison {
        behind.api.publish_anything(key, *value).await;
    }
    let run = behind.api.execute(&plan("behind", &[("only", "echo")]), &json!({"text": "x"})).await;

    behind.house.reaches(&run, "COMPLETED").await;

    let letters = behind.house.records("workflow.dead.letters", poison.len()).await;
    for (key, original, reason) in poison {
        let letter = letters.iter().find(|letter| header(letter, "dead-letter.key") == key);
        let letter = letter.unwrap_or_else(|| panic!("no dead letter for {key}"));
        assert!(header(letter, "dead-letter.reason").contains(reason), "{}", header(letter, "dead-letter.reason"));
        assert_eq!(header(letter, "dead-letter.topic"), behind.house.around_alone().topics.executions);
        assert_eq!(rdkafka::Message::payload(letter), original, "{key}");
    }
}

#[tokio::test]
async fn a_cancellation_that_overtakes_its_run_keeps_it_from_being_executed() {
    let behind = Behind::new().await;
    let plan = plan("overtaken", &[("only", "echo")]);
    let input = json!({"text": "x"});

    // The API's own cancel: its row says so already when the request arrives.
    let with_row = behind.api.insert(&plan, &input).await;
    behind.api.cancel(&with_row, "too late").await;
    behind.api.publish_execution(&with_row, &plan, &input).await;
    // Somebody else's, for a run that there is no row of.
    let without_row = run_id();
    behind.api.publish_cancellation(&without_row, "never mind").await;
    behind.house.cluster.topics.read("workflow.cancellation.requests", "both", |records| records.len() >= 2).await;
    acknowledged(&behind, "workflow.cancellation.requests").await;
    behind.api.publish_execution(&without_row, &plan, &input).await;

    let row = behind.house.reaches(&without_row, "CANCELLED").await;
    assert_eq!((&row["cancelled_by"], &row["error_message"]), (&"system".into(), &"Cancelled: never mind".into()));
    acknowledged(&behind, "workflow.execution.requests").await;
    assert_eq!(behind.house.row(&with_row).await.expect("a row")["status"], "CANCELLED");
    assert_eq!(behind.calls("only").await, 0);
}

async fn acknowledged(behind: &Behind, topic: &str) {
    e2e_tests::eventually("everything is acknowledged", async || {
        let lag = behind.house.cluster.topics.lag("execution-consumer-group", topic).await;
        (lag == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_ends_is_told_on_the_topic_of_run_events_and_monitored_in_the_old_shapes() {
    let behind = Behind::new().await;
    let _relay = behind.house.start("relay", &[]).await;
    let run = behind.api.execute(&plan("told", &[("only", "echo")]), &json!({"text": "x"})).await;
    behind.house.reaches(&run, "COMPLETED").await;

    let ended = value(&behind.house.records("workflow.run.events", 1).await[0]);
    assert_eq!((&ended["run_id"], &ended["status"]), (&run.as_str().into(), &"COMPLETED".into()));
    let updates: Vec<_> = behind.house.records("workflow.monitoring.updates", 2).await.iter().map(value).collect();
    let statuses: Vec<_> = updates.iter().map(|update| &update["status"]).collect();
    assert_eq!(statuses, ["RUNNING", "COMPLETED"]);
}

#[tokio::test]
async fn a_run_that_fails_before_a_call_names_the_step_that_failed_and_not_the_one_before() {
    let behind = Behind::new().await;
    let mut plan = plan("unresolved", &[("first", "echo"), ("second", "echo")]);
    plan["steps"]["second"]["input_mapping"] = json!({"text": "${first.output.nope}"});
    let run = behind.api.execute(&plan, &json!({"text": "x"})).await;

    let row = behind.house.reaches(&run, "FAILED").await;

    let error = row["error_message"].as_str().unwrap_or_default();
    assert!(error.starts_with("Workflow failed at step 'second': Exception during step execution: "), "{error}");
    let updates: Vec<_> = behind.house.records("workflow.monitoring.updates", 4).await.iter().map(value).collect();
    let [.., failed, last] = updates.as_slice() else { panic!("{updates:#?}") };
    assert_eq!((&failed["step_id"], &failed["status"]), (&"second".into(), &"FAILED".into()));
    assert_eq!((&last["step_id"], &last["metadata"]["failed_step"]), (&"workflow".into(), &"second".into()));
    assert_eq!(behind.house.step_rows(&run).await.len(), 2, "unlike there, its row says why");
}
