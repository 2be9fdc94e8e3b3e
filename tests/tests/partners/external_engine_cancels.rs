//! Mode (a): a cancellation over REST holds, whatever the existing executor writes afterwards.

use e2e_tests::{AgentSpec, Behaviour, Stub, eventually, eventually_within, workflow};
use serde_json::json;

use crate::{external_engine::External, house::PATIENCE, old::ExecutorHabits};

#[tokio::test]
async fn a_cancelled_run_stays_cancelled_though_the_executor_completes_it_and_it_is_told_again_until_all_is_quiet() {
    // It never hears of the first cancellation of a run.
    let partners = External::new(ExecutorHabits { loses_cancellations: 1, ..ExecutorHabits::default() }).await;
    let slow = partners.house.cluster.agents.url("slow?ms=2500");
    partners.client().register(AgentSpec::new("slow", slow)).await;
    partners.client().register(AgentSpec::new("short", partners.house.cluster.agents.url("slow?ms=800"))).await;
    let short = partners.client().create(&workflow("short", &[("a", "short"), ("b", "short")])).await;
    let names: Vec<String> = (0..12).map(|number| format!("s{number:02}")).collect();
    let steps: Vec<_> = names.iter().map(|name| (name.as_str(), "slow")).collect();
    let long = partners.client().create(&workflow("long", &steps)).await;

    let completed = partners.client().execute(&short, "x").await;
    running_step(&partners, &completed).await;
    cancel(&partners, &completed).await;
    // The executor goes on and says RUNNING, FAILED or COMPLETED as if nothing had happened.
    eventually("the executor is done with the cancelled run", async || {
        let steps = partners.client().step_states(&completed).await;
        (steps.len() == 2 && steps.iter().all(|(_, status)| status == "COMPLETED")).then_some(())
    })
    .await;
    let stopped = partners.client().execute(&long, "x").await;
    running_step(&partners, &stopped).await;
    cancel(&partners, &stopped).await;

    // The second one arrives: sent again because steps went on.
    eventually_within(PATIENCE, "the executor hears of the cancellation", async || {
        let heard = partners.executor.seen().cancellations;
        (heard.iter().filter(|run| **run == stopped).count() >= 2).then_some(())
    })
    .await;
    let begun = partners.client().steps(&stopped).await.len();
    assert!(begun < 12, "it was stopped in the middle");
    for run in [&completed, &stopped] {
        let row = partners.client().run(run).await;
        assert_eq!((&row["status"], &row["error_message"]), (&"CANCELLED".into(), &"Cancelled: enough".into()));
    }
    // One step more than the last that was seen would show that it goes on: 2.5 s each.
    let last = partners.client().run(&stopped).await;
    let next = partners.client().execute(&short, "after").await;
    partners.client().reaches_within(PATIENCE, &next, "COMPLETED").await;
    assert_eq!(partners.client().run(&stopped).await, last);
    assert!(partners.client().steps(&stopped).await.len() <= begun + 1);
    partners.assert_sound();
}

/// Waits until a step of the run can be read over REST as RUNNING: a row that the executor has inserted.
async fn running_step(partners: &External, run: &str) {
    eventually("a RUNNING step can be read over REST", async || {
        let steps = partners.client().steps(run).await;
        steps.iter().any(|step| step["status"] == "RUNNING" && step["completed_at"].is_null()).then_some(())
    })
    .await;
    assert_eq!(partners.client().run(run).await["status"], "RUNNING");
}

async fn cancel(partners: &External, run: &str) {
    let reason = json!({"reason": "enough"});
    let cancelled = partners.client().post(&format!("/runs/{run}/cancel"), &reason).await.expect(200);
    assert_eq!(cancelled["status"], "CANCELLED");
}

#[tokio::test]
async fn a_cancelled_run_that_is_retried_completes() {
    let partners = External::new(ExecutorHabits::default()).await;
    let stub = Stub::start(Behaviour::Hang).await;
    partners.client().register(AgentSpec::new("moody", stub.url()).timeout_ms(2000)).await;
    let id = partners.client().create(&workflow("again", &[("first", "echo"), ("second", "moody")])).await;
    let run = partners.client().execute(&id, "hello").await;
    eventually("the second step is RUNNING", async || {
        let steps = partners.client().step_states(&run).await;
        (steps.last() == Some(&("second".to_owned(), "RUNNING".to_owned()))).then_some(())
    })
    .await;
    cancel(&partners, &run).await;
    eventually("the executor hears of it", async || {
        partners.executor.seen().cancellations.contains(&run).then_some(())
    })
    .await;

    stub.behave(Behaviour::Answer);
    partners.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);

    eventually_within(PATIENCE, "the retried run is COMPLETED", async || {
        (partners.client().run(&run).await["status"] == "COMPLETED").then_some(())
    })
    .await;
    assert_eq!(partners.executor.seen().begun, [run.as_str(), run.as_str()]);
    partners.assert_sound();
}
