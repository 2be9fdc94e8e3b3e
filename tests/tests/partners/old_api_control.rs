//! Mode (b): cancel and retry through the API of the existing system.

use e2e_tests::{Behaviour, Stub, eventually};
use serde_json::{Value, json};

use crate::{
    old::{ExecutorHabits, OldExecutor},
    old_api::{Behind, plan},
};

async fn with_a_moody_agent(behaviour: Behaviour) -> (Behind, Stub) {
    let (behind, stub) = (Behind::new().await, Stub::start(behaviour).await);
    behind.api.register("moody", &stub.url(), 1).await;
    (behind, stub)
}

#[tokio::test]
async fn a_cancel_by_the_old_api_stops_the_run_for_good() {
    let (behind, stub) = with_a_moody_agent(Behaviour::Hang).await;
    let plan = plan("stopped", &[("first", "echo"), ("second", "moody"), ("third", "echo")]);
    let run = behind.api.execute(&plan, &json!({"text": "x"})).await;
    eventually("the agent is called", async || (!stub.received().is_empty()).then_some(())).await;

    behind.api.cancel(&run, "enough").await;

    let row = behind.house.row(&run).await.expect("a row");
    assert_eq!((&row["status"], &row["error_message"]), (&"CANCELLED".into(), &"Cancelled: enough".into()));
    // A run after it shows that the executor has gone on.
    stub.behave(Behaviour::Answer);
    let next = behind.api.execute(&plan, &json!({"text": "next"})).await;
    behind.house.reaches(&next, "COMPLETED").await;
    assert_eq!(behind.calls("third").await, 1, "the cancelled run went no further");
    assert_eq!(behind.house.row(&run).await.expect("a row")["status"], "CANCELLED");
}

#[tokio::test]
async fn a_retry_by_the_old_api_resumes_at_the_failed_step() {
    let (behind, stub) = with_a_moody_agent(Behaviour::Status(500)).await;
    let plan = plan("resumed", &[("first", "echo"), ("second", "moody"), ("third", "echo")]);
    let input = json!({"text": "x"});
    let run = behind.api.execute(&plan, &input).await;
    let failed = behind.house.reaches(&run, "FAILED").await;
    let reason = failed["error_message"].as_str().unwrap_or_default();
    assert!(reason.starts_with("Workflow failed at step 'second': HTTP 500"), "{reason}");

    stub.behave(Behaviour::Answer);
    behind.api.retry(&run, &plan, &input).await;

    let row = behind.house.reaches(&run, "COMPLETED").await;
    assert_eq!(row["error_message"], Value::Null);
    assert_eq!((behind.calls("first").await, stub.received().len(), behind.calls("third").await), (1, 2, 1));
}

#[tokio::test]
async fn the_way_back_the_existing_executor_can_retry_a_run_that_orrery_began() {
    let (behind, stub) = with_a_moody_agent(Behaviour::Status(500)).await;
    let plan = plan("back", &[("first", "echo"), ("second", "moody")]);
    let input = json!({"text": "x"});
    let run = behind.api.execute(&plan, &input).await;
    behind.house.reaches(&run, "FAILED").await;
    let Behind { api, house, executor } = behind;
    let ended = executor.terminate().await;
    assert!(ended.status.success(), "{}", ended.status);

    stub.behave(Behaviour::Answer);
    let bridge = house.start("bridge", &["--registry-listen", "127.0.0.1:0"]).await;
    let executor = OldExecutor::start(&house.around(&bridge), ExecutorHabits::default());
    api.retry(&run, &plan, &input).await;

    house.reaches(&run, "COMPLETED").await;
    let steps = house.step_rows(&run).await;
    let states: Vec<_> = steps.iter().map(|step| (step["step_id"].as_str(), step["status"].as_str())).collect();
    let expected = [("first", "COMPLETED"), ("second", "FAILED"), ("second", "COMPLETED")];
    assert_eq!(states, expected.map(|(step, status)| (Some(step), Some(status))));
    assert_eq!(stub.received().len(), 2);
    assert!(executor.seen().troubles.is_empty(), "{:?}", executor.seen());
}

/// What the old executor leaves of a run that it had begun when it died, or that it gave up.
const HALF_DONE: [&str; 2] = [
    "INSERT INTO step_executions (id, run_id, step_id, step_name, agent_name, status, input_data, output_data, started_at,
                                  completed_at)
     VALUES ($1 || '-first-0a0a0a0a', $1, 'first', 'echo', 'echo', 'COMPLETED', '{\"text\": \"x\"}',
             '{\"text\": \"said by the old executor\"}', '2025-06-15 15:06:41', '2025-06-15 15:06:42')",
    "INSERT INTO step_executions (id, run_id, step_id, step_name, agent_name, status, input_data, started_at, completed_at,
                                  error_message)
     VALUES ($1 || '-second-0b0b0b0b', $1, 'second', 'moody', 'moody', 'FAILED', '{\"text\": \"x\"}', '2025-06-15 15:06:43',
             '2025-06-15 15:06:44', 'HTTP 500')",
];

#[tokio::test]
async fn a_run_that_the_old_executor_left_half_done_is_finished_from_there() {
    let (behind, stub) = with_a_moody_agent(Behaviour::Answer).await;
    let plan = plan("half", &[("first", "echo"), ("second", "moody"), ("third", "echo")]);
    let input = json!({"text": "x"});
    let run = behind.api.insert(&plan, &input).await;
    for row in HALF_DONE {
        sqlx::query(row).bind(&run).execute(&behind.house.pool).await.expect("a row of the old executor");
    }
    let failed =
        "UPDATE workflow_runs SET status = 'FAILED', error_message = 'Workflow failed at step ''second'': HTTP 500',
                  completed_at = '2025-06-15 15:06:44' WHERE run_id = $1";
    sqlx::query(failed).bind(&run).execute(&behind.house.pool).await.expect("a row of the old executor");

    behind.api.retry(&run, &plan, &input).await;

    behind.house.reaches(&run, "COMPLETED").await;
    assert_eq!((behind.calls("first").await, stub.received().len(), behind.calls("third").await), (0, 1, 1));
    let rows = behind.house.step_rows(&run).await;
    let of = |step: &str, status: &str| rows.iter().find(|row| row["step_id"] == step && row["status"] == status);
    let second = of("second", "COMPLETED").expect("the second step completes");
    assert_eq!(second["input_data"]["text"], "said by the old executor", "its output is visible to later steps");
    assert!(of("second", "FAILED").is_some() && rows.len() == 4, "what was recorded stays: {rows:#?}");
}
