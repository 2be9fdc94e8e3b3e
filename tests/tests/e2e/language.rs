//! Runs of steps that run other workflows, wait for events and check values, and the outputs of runs.

use std::time::Duration;

use e2e_tests::{AgentSpec, Behaviour, Stub, eventually, texts, workflow};
use serde_json::{Value, json};

use crate::House;

fn document(name: &str, start: &str, steps: &Value) -> Value {
    let mut steps = steps.clone();
    for (id, step) in steps.as_object_mut().expect("steps") {
        step["id"] = json!(id);
    }
    json!({"name": name, "start_step": start, "steps": steps})
}

fn echo(text: &str, next: Option<&str>) -> Value {
    json!({"agent_name": "echo", "input_mapping": {"text": text}, "next_step": next})
}

fn wait(event: Value, next: Option<&str>) -> Value {
    Value::from_iter([("type", json!("wait_for_event")), ("event_config", event), ("next_step", json!(next))])
}

/// A house with a workflow `child`, whose second step an agent does that behaves so, and the id of a workflow that runs it.
async fn with_parent_and_child(behaviour: Behaviour) -> (House, Stub, String) {
    let house = House::new().await;
    let stub = Stub::start(behaviour).await;
    house.client().register(AgentSpec::new("moody", stub.url())).await;
    house.client().create(&workflow("child", &[("c1", "echo"), ("c2", "moody"), ("c3", "echo")])).await;
    let mut parent = document(
        "parent",
        "p1",
        &json!({
            "p1": echo("${workflow.input.text}", Some("sub")),
            "sub": {"type": "sub_workflow", "workflow_name": "child", "next_step": "p2",
                "input_mapping": {"text": "${p1.output.text} child"}},
            "p2": echo("${sub.output.text} and parent", None),
        }),
    );
    parent["output"] = json!({"said": "${p2.output.text}", "by": ["${sub.output.text}"]});
    let id = house.client().create(&parent).await;
    (house, stub, id)
}

async fn child_of(house: &House, run: &str) -> Value {
    let children = house.client().children(run).await;
    assert_eq!(children.len(), 1, "one child: {children:#?}");
    children[0].clone()
}

fn id_of(run: &Value) -> String {
    run["id"].as_str().expect("an id").to_owned()
}

/// Waits for the end of a run that had another one before.
async fn completes_after_all(house: &House, run: &str) -> Value {
    eventually(&format!("run {run} is COMPLETED after all"), async || {
        Some(house.client().run(run).await).filter(|run| run["status"] == "COMPLETED")
    })
    .await
}

/// Sends an event to a run, which must be told.
async fn tell(house: &House, run: &str, event: &Value) {
    let told = house.client().post(&format!("/runs/{run}/events"), event).await.expect(202);
    assert_eq!(told["delivered_to"], json!([run]));
}

#[tokio::test]
async fn a_parent_takes_the_output_of_the_workflow_that_it_runs_and_makes_its_own() {
    let (house, _stub, id) = with_parent_and_child(Behaviour::Answer).await;
    let run = house.client().execute(&id, "hello").await;
    let done = house.client().reaches(&run, "COMPLETED").await;
    assert_eq!(done["parent_run_id"], Value::Null);

    let child = child_of(&house, &run).await;
    let said = texts(&child["output_data"]).as_str().expect("the last step's text").to_owned();
    assert!(said.contains("hello child"), "{said}");
    assert_eq!(done["output_data"], json!({"said": format!("{said} and parent"), "by": [said]}));
    assert_eq!((&child["parent_run_id"], &child["status"]), (&json!(run), &json!("COMPLETED")));
    assert_eq!(child["workflow_name"], "child");
    assert_eq!(child["input_data"], json!({"text": "hello child"}));
    let steps = house.client().steps(&run).await;
    let sub = steps.iter().find(|step| step["step_id"] == "sub").expect("the step has a row");
    assert_eq!((&sub["agent_name"], &sub["attempt"]), (&json!("workflow child"), &json!(1)));
    assert_eq!((&sub["input_data"], &sub["output_data"]), (&child["input_data"], &child["output_data"]));
}

#[tokio::test]
async fn a_retry_of_the_parent_resumes_the_child_and_calls_no_step_again_that_was_done() {
    let (house, stub, id) = with_parent_and_child(Behaviour::Status(500)).await;
    let run = house.client().execute(&id, "hello").await;
    let failed = house.client().reaches(&run, "FAILED").await;
    let child = child_of(&house, &run).await;
    assert_eq!((&child["status"], &failed["output_data"]), (&json!("FAILED"), &Value::Null));
    let said = failed["error_message"].as_str().expect("a text");
    assert!(said.contains(&format!("Sub-workflow run '{}' failed", id_of(&child))), "{said}");

    stub.behave(Behaviour::Answer);
    house.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);
    let done = completes_after_all(&house, &run).await;

    assert_eq!((&done["error_message"], done["output_data"].is_object()), (&Value::Null, true));
    let resumed = child_of(&house, &run).await;
    assert_eq!((&resumed["id"], &resumed["status"]), (&child["id"], &json!("COMPLETED")));
    let calls = house.agents.calls().await;
    for step in ["p1", "c1", "c3", "p2"] {
        assert!(matches!(calls.of_step(step)[..], [(_, 1)]), "step {step}: {:?}", calls.of_step(step));
    }
    assert_eq!(stub.received().len(), 2, "only what had failed is done again");
}

#[tokio::test]
async fn within_two_seconds_a_cancelled_parent_cancels_its_child() {
    let (house, stub, id) = with_parent_and_child(Behaviour::Hang).await;
    let run = house.client().execute(&id, "hello").await;
    eventually("the child calls its agent", async || (!stub.received().is_empty()).then_some(())).await;
    let child = id_of(&child_of(&house, &run).await);

    house.client().post(&format!("/runs/{run}/cancel"), &json!({"reason": "enough"})).await.expect(200);
    let cancelled = house.client().reaches_within(Duration::from_secs(2), &child, "CANCELLED").await;

    let said = cancelled["error_message"].as_str().expect("a text");
    assert_eq!(said, format!("Cancelled: The run '{run}' that started it was cancelled"));
    assert!(house.agents.calls().await.of_step("c3").is_empty());
    assert_eq!(house.client().run(&run).await["error_message"], "Cancelled: enough");

    stub.behave(Behaviour::Answer);
    house.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);
    completes_after_all(&house, &run).await;
    assert_eq!(child_of(&house, &run).await["id"], json!(child));
    assert!(matches!(house.agents.calls().await.of_step("c1")[..], [(_, 1)]));
}

#[tokio::test]
async fn a_child_that_takes_too_long_is_cancelled_and_its_step_has_failed() {
    let (house, _stub, _) = with_parent_and_child(Behaviour::Hang).await;
    let sub = json!({"type": "sub_workflow", "workflow_name": "child", "timeout_seconds": 1,
        "input_mapping": {"text": "hurry"}});
    let id = house.client().create(&document("hasty", "sub", &json!({"sub": sub}))).await;
    let run = house.client().execute(&id, "x").await;
    let failed = house.client().reaches(&run, "FAILED").await;
    let said = failed["error_message"].as_str().expect("a text");
    assert!(said.contains("The sub-workflow took longer than 1 seconds"), "{said}");
    let child = id_of(&child_of(&house, &run).await);
    house.client().reaches(&child, "CANCELLED").await;
}

#[tokio::test]
async fn a_persons_event_resumes_the_run_and_one_that_the_filter_holds_back_does_not() {
    let house = House::new().await;
    let event = json!({"event": "approved", "filter": "${event.data.amount} >= ${workflow.input.least}"});
    let id = house
        .client()
        .create(&document(
            "asks",
            "ask",
            &json!({
                "ask": echo("may I?", Some("wait")),
                "wait": wait(event, Some("after")),
                "after": echo("${wait.output.data.by} said so", None),
            }),
        ))
        .await;
    let run = house.client().execute_with(&id, &json!({"least": 10})).await;
    house.client().is_at(&run, "wait").await;

    tell(&house, &run, &json!({"event": "approved", "data": {"amount": 5, "by": "Bob"}})).await;
    tell(&house, &run, &json!({"event": "refused", "data": {"amount": 50, "by": "Eve"}})).await;
    tell(&house, &run, &json!({"event": "approved", "data": {"amount": 12, "by": "Ann"}})).await;
    let done = house.client().reaches(&run, "COMPLETED").await;

    assert_eq!(texts(&done["output_data"]), "Ann said so");
    let steps = house.client().steps(&run).await;
    let waited = steps.iter().find(|step| step["step_id"] == "wait").expect("the step has a row");
    let came = json!({"event": "approved", "timed_out": false, "data": {"amount": 12, "by": "Ann"}});
    assert_eq!(waited["output_data"], came);
    house.client().post(&format!("/runs/{run}/events"), &json!({"event": "approved"})).await.expect(400);
}

#[tokio::test]
async fn an_event_that_comes_early_is_kept_for_the_step_that_will_wait_for_it() {
    let house = House::new().await;
    house.client().register(AgentSpec::new("slow", house.agents.url("slow?ms=1500"))).await;
    let mut asks = document(
        "asks",
        "ask",
        &json!({
            "ask": {"agent_name": "slow", "input_mapping": {"text": "may I?"}, "next_step": "wait"},
            "wait": wait(json!({"event": "approved"}), None),
        }),
    );
    asks["output"] = json!("${wait.output.data}");
    let id = house.client().create(&asks).await;
    let run = house.client().execute(&id, "x").await;
    house.client().is_at(&run, "ask").await;
    tell(&house, &run, &json!({"event": "approved", "data": "yes"})).await;
    let states = house.client().step_states(&run).await;
    assert_eq!(states, [("ask".to_owned(), "RUNNING".to_owned())], "the event is early");
    assert_eq!(house.client().reaches(&run, "COMPLETED").await["output_data"], "yes");
}

#[tokio::test]
async fn an_event_that_is_sent_again_with_its_id_counts_once() {
    let house = House::new().await;
    let mut two = document(
        "two",
        "first",
        &json!({
            "first": wait(json!({"event": "go"}), Some("second")),
            "second": wait(json!({"event": "go"}), None),
        }),
    );
    two["output"] = json!(["${first.output.data}", "${second.output.data}"]);
    let id = house.client().create(&two).await;
    let run = house.client().execute(&id, "x").await;
    house.client().is_at(&run, "first").await;
    tell(&house, &run, &json!({"event": "go", "data": 1, "id": "go-1"})).await;
    house.client().is_at(&run, "second").await;
    tell(&house, &run, &json!({"event": "go", "data": 1, "id": "go-1"})).await;
    tell(&house, &run, &json!({"event": "go", "data": 2, "id": "go-2"})).await;
    assert_eq!(house.client().reaches(&run, "COMPLETED").await["output_data"], json!([1, 2]));
}

#[tokio::test]
async fn an_event_that_does_not_come_in_time_fails_the_run_or_lets_it_go_on() {
    let house = House::new().await;
    let waits = |name: &str, on_timeout: Value| {
        let event = json!({"event": "never", "timeout_seconds": 1, "on_timeout": on_timeout});
        document(
            name,
            "wait",
            &json!({"wait": wait(event, Some("after")), "after": echo("${wait.output.timed_out}", None)}),
        )
    };
    let patient = house.client().create(&waits("goes on", json!("continue"))).await;
    let strict = house.client().create(&waits("fails", json!("fail"))).await;
    let (goes_on, fails) = (house.client().execute(&patient, "x").await, house.client().execute(&strict, "x").await);
    let done = house.client().reaches(&goes_on, "COMPLETED").await;
    assert_eq!(texts(&done["output_data"]), "true");
    let failed = house.client().reaches(&fails, "FAILED").await;
    let said = failed["error_message"].as_str().expect("a text");
    assert!(said.contains("The event 'never' did not come within 1 seconds"), "{said}");
}

#[tokio::test]
async fn an_event_with_a_correlation_reaches_exactly_the_runs_that_are_meant() {
    let house = House::new().await;
    let event = json!({"event": "paid", "correlation": "${workflow.input.order}"});
    let mut pays = document("pays", "wait", &json!({"wait": wait(event, None)}));
    pays["output"] = json!("${wait.output.data.amount}");
    let pays = house.client().create(&pays).await;
    let other =
        house.client().create(&document("other", "wait", &json!({"wait": wait(json!({"event": "paid"}), None)}))).await;
    let mut runs = Vec::new();
    for order in [json!("order-1"), json!("order-2"), json!(2), json!("order-2")] {
        runs.push(house.client().execute_with(&pays, &json!({"order": order})).await);
    }
    runs.push(house.client().execute(&other, "x").await);
    for run in &runs {
        house.client().is_at(run, "wait").await;
    }

    let send = async |event: Value| {
        let told = house.client().post("/events", &event).await.expect(202);
        let mut told: Vec<_> = told["delivered_to"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|run| run.as_str().expect("an id").to_owned())
            .collect();
        told.sort_unstable();
        told
    };
    let mut meant = vec![runs[1].clone(), runs[3].clone()];
    meant.sort_unstable();
    assert_eq!(send(json!({"event": "paid", "correlation": "order-3"})).await, Vec::<String>::new());
    assert_eq!(send(json!({"event": "billed", "correlation": "order-1"})).await, Vec::<String>::new());
    assert_eq!(send(json!({"event": "paid", "correlation": "order-2", "data": {"amount": 12.5}})).await, meant);
    for run in &meant {
        assert_eq!(house.client().reaches(run, "COMPLETED").await["output_data"], 12.5);
    }
    assert_eq!(send(json!({"event": "paid", "correlation": "2", "data": {"amount": 3}})).await, [runs[2].clone()]);
    assert_eq!(house.client().reaches(&runs[2], "COMPLETED").await["output_data"], 3);
    assert_eq!(send(json!({"event": "paid"})).await, [runs[4].clone()]);
    house.client().reaches(&runs[4], "COMPLETED").await;
    assert_eq!(house.client().run(&runs[0]).await["status"], "RUNNING");
    assert_eq!(house.client().step_states(&runs[0]).await, [("wait".to_owned(), "RUNNING".to_owned())]);
}

#[tokio::test]
async fn a_strict_validation_fails_the_run_and_one_that_warns_tells_what_is_wrong() {
    let house = House::new().await;
    let check = |mode: &str| {
        json!({"type": "validate", "next_step": "after", "validate_config": {
            "data": "${workflow.input}", "mode": mode,
            "schema": {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]},
            "assertions": [{"expression": "${data.amount} > 0", "message": "nothing is to be paid"}],
        }})
    };
    let checks = |name: &str, mode: &str| {
        let mut checks = document(name, "check", &json!({"check": check(mode), "after": echo("done", None)}));
        checks["output"] = json!("${check.output}");
        checks
    };
    let strict = house.client().create(&checks("strict", "strict")).await;
    let warns = house.client().create(&checks("warns", "warn")).await;
    for id in [&strict, &warns] {
        let run = house.client().execute_with(id, &json!({"amount": 5})).await;
        let done = house.client().reaches(&run, "COMPLETED").await;
        assert_eq!(done["output_data"], json!({"valid": true, "errors": []}));
    }

    let before = house.agents.calls().await.of_step("after").len();
    let wrong = json!({"amount": -5});
    let failed = house.client().execute_with(&strict, &wrong).await;
    let failed = house.client().reaches(&failed, "FAILED").await;
    let said = failed["error_message"].as_str().expect("a text");
    assert!(said.contains("Validation failed") && said.contains("nothing is to be paid"), "{said}");
    assert_eq!(house.agents.calls().await.of_step("after").len(), before, "nothing comes after it");
    let warned = house.client().execute_with(&warns, &json!({"amount": "much"})).await;
    let warned = house.client().reaches(&warned, "COMPLETED").await;
    assert_eq!(warned["output_data"]["valid"], false);
    let errors = warned["output_data"]["errors"].as_array().expect("errors");
    assert_eq!(errors[0]["pointer"], "/amount", "{errors:?}");
    assert!(errors.iter().any(|error| error["message"].as_str().expect("a text").contains("nothing is to be paid")));
}

#[tokio::test]
async fn an_output_that_cannot_be_made_fails_the_run_and_without_one_it_is_the_last_steps() {
    let house = House::new().await;
    let plain = house.client().create(&workflow("plain", &[("first", "echo"), ("last", "echo")])).await;
    let run = house.client().execute(&plain, "hello").await;
    assert_eq!(texts(&house.client().reaches(&run, "COMPLETED").await["output_data"]), "hello");

    let mut mapped = workflow("mapped", &[("only", "echo")]);
    mapped["output"] = json!({"wanted": "${only.output.not.there}"});
    let mapped = house.client().create(&mapped).await;
    let run = house.client().execute(&mapped, "hello").await;
    let failed = house.client().reaches(&run, "FAILED").await;
    let said = failed["error_message"].as_str().expect("a text");
    assert!(said.starts_with("The workflow's output cannot be made"), "{said}");
}

#[tokio::test]
async fn after_a_kill_children_and_waits_that_were_open_end_right() {
    let house = House::new().await;
    let go = json!({"event": "go", "correlation": "${workflow.input.text}", "timeout_seconds": 600});
    house
        .client()
        .create(&document(
            "child",
            "c1",
            &json!({
                "c1": echo("${workflow.input.text}", Some("c2")),
                "c2": wait(go, Some("c3")),
                "c3": echo("${c2.output.data}", None),
            }),
        ))
        .await;
    let child = |number: u32| {
        let text = format!("${{workflow.input.text}}-{number}");
        json!({"type": "sub_workflow", "workflow_name": "child", "input_mapping": {"text": text}})
    };
    let mut parent = document(
        "parent",
        "p1",
        &json!({
            "p1": echo("${workflow.input.text}", Some("all")),
            "all": {"type": "parallel", "parallel_steps": ["one", "two", "three"], "next_step": "end"},
            "one": child(1), "two": child(2), "three": child(3),
            "end": wait(json!({"event": "end"}), None),
        }),
    );
    parent["output"] =
        json!(["${one.output.text}", "${two.output.text}", "${three.output.text}", "${end.output.data}",]);
    let id = house.client().create(&parent).await;
    let mut runs = Vec::new();
    for number in 0..3 {
        runs.push(house.client().execute(&id, &format!("order{number}")).await);
    }
    for run in &runs {
        eventually("all children have begun", async || (house.client().children(run).await.len() == 3).then_some(()))
            .await;
        for child in house.client().children(run).await {
            house.client().is_at(&id_of(&child), "c2").await;
        }
    }
    // It comes before its time, and must be kept through the crash.
    tell(&house, &runs[0], &json!({"event": "end", "data": "the end"})).await;

    let house = house.crash().await;
    for order in 0..3 {
        for number in 1..=3 {
            let event = json!({"event": "go", "correlation": format!("order{order}-{number}"), "data": format!("go {order}{number}")});
            let told = house.client().post("/events", &event).await.expect(202);
            assert_eq!(told["message"], "1 run was told; its steps decide whether the event counts", "{event}");
        }
    }
    for run in &runs[1..] {
        tell(&house, run, &json!({"event": "end", "data": "the end"})).await;
    }

    for (order, run) in runs.iter().enumerate() {
        let done = house.client().reaches(run, "COMPLETED").await;
        let said = [1, 2, 3].map(|number| format!("go {order}{number}"));
        assert_eq!(done["output_data"], json!([said[0], said[1], said[2], "the end"]));
        assert_eq!(house.client().children(run).await.len(), 3, "each child is started once");
    }
    let calls = house.agents.calls().await;
    for (step, times) in [("p1", 3), ("c1", 9), ("c3", 9)] {
        let of_step = calls.of_step(step);
        assert_eq!(of_step.len(), times, "step {step}");
        assert!(of_step.iter().all(|(_, count)| *count == 1), "step {step}: {of_step:?}");
    }
}

#[tokio::test]
async fn agents_are_held_to_what_they_declare() {
    let house = House::new().await;
    let text = json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]});
    let score = json!({"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"]});
    for (name, member, schema) in [("picky", "input_schema", &text), ("liar", "output_schema", &score)] {
        let url = house.agents.url("echo");
        let retries =
            json!({"max_retries": 1, "initial_delay_ms": 100, "max_delay_ms": 1000, "backoff_multiplier": 1.0});
        let agent = json!({"name": name, "url": url, member: schema, "retry_config": retries});
        house.client().post("/agents", &agent).await.expect(201);
    }
    let picky = house.client().create(&workflow("picky", &[("asked", "picky")])).await;
    let run = house.client().execute_with(&picky, &json!({"text": "hello"})).await;
    house.client().reaches(&run, "COMPLETED").await;
    let run = house.client().execute_with(&picky, &json!({"text": 7})).await;
    let failed = house.client().reaches(&run, "FAILED").await;
    let said = failed["error_message"].as_str().expect("a text");
    assert!(said.contains("The input does not fit the input_schema of agent 'picky'"), "{said}");
    assert_eq!(house.agents.calls().await.of_step("asked").len(), 1, "it is not called with what it does not take");

    let liar = house.client().create(&workflow("liar", &[("lies", "liar")])).await;
    let run = house.client().execute(&liar, "hello").await;
    let failed = house.client().reaches(&run, "FAILED").await;
    let said = failed["error_message"].as_str().expect("a text");
    assert!(said.contains("The output does not fit the output_schema of agent 'liar'"), "{said}");
}
