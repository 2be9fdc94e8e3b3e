//! Agents that are down, slow, wrong or too talkative: the step fails or is tried again as configured, with a message that a
//! person understands, and nobody else notices.

use e2e_tests::{AgentSpec, Behaviour, Received, Stub, workflow};

use crate::House;

/// Runs a workflow whose agent fails, and at the same time one whose agent does not; answers the message of the failure.
async fn fails_alone(agent: AgentSpec<'_>) -> String {
    let house = House::new().await;
    let client = house.client();
    let name = agent.name.to_owned();
    client.register(agent).await;
    let faulty = client.create(&workflow("faulty", &[("good", "echo"), ("bad", &name), ("never", "echo")])).await;
    let sound = client.create(&workflow("sound", &[("first", "echo"), ("second", "echo")])).await;

    let failing = client.execute(&faulty, "hello").await;
    let completing = client.execute(&sound, "hello").await;

    client.reaches(&completing, "COMPLETED").await;
    let failed = client.reaches(&failing, "FAILED").await;
    let steps = client.steps(&failing).await;
    assert!(steps.iter().all(|step| step["step_id"] != "never"), "a step after the failure ran: {steps:?}");
    let last = steps.last().expect("the failed step is listed");
    assert_eq!((&last["step_id"], &last["status"]), (&"bad".into(), &"FAILED".into()));
    assert!(last["error_message"].as_str().is_some_and(|message| !message.is_empty()), "{last}");
    failed["error_message"].as_str().expect("a failed run says why").to_owned()
}

#[tokio::test]
async fn an_agent_that_is_down_fails_the_step_and_says_so() {
    let url = Stub::start(Behaviour::Answer).await.url();
    let message = fails_alone(AgentSpec::new("down", url)).await;
    assert!(message.contains("refused"), "{message}");
}

#[tokio::test]
async fn an_agent_that_is_slower_than_its_timeout_fails_the_step_and_says_so() {
    let stub = Stub::start(Behaviour::Hang).await;
    let message = fails_alone(AgentSpec::new("slow", stub.url()).timeout_ms(1000)).await;
    assert!(message.contains("1000 ms"), "{message}");
}

#[tokio::test]
async fn an_agent_that_answers_500_fails_the_step_and_says_so() {
    let stub = Stub::start(Behaviour::Status(500)).await;
    let message = fails_alone(AgentSpec::new("broken", stub.url())).await;
    assert!(message.contains("500") && message.contains("the agent is not well"), "{message}");
}

#[tokio::test]
async fn an_agent_that_answers_nonsense_fails_the_step_and_says_so() {
    let stub = Stub::start(Behaviour::Nonsense).await;
    let message = fails_alone(AgentSpec::new("confused", stub.url())).await;
    assert!(message.contains("JSON"), "{message}");
}

#[tokio::test]
async fn an_agent_that_answers_fifty_megabytes_fails_the_step_and_says_so() {
    let stub = Stub::start(Behaviour::Huge).await;
    let message = fails_alone(AgentSpec::new("talkative", stub.url())).await;
    assert!(message.contains("larger"), "{message}");
}

#[tokio::test]
async fn an_agent_that_hangs_up_fails_the_step_and_says_so() {
    let stub = Stub::start(Behaviour::HangUp).await;
    let message = fails_alone(AgentSpec::new("rude", stub.url())).await;
    assert!(message.contains("hung up") || message.contains("reset"), "{message}");
}

#[tokio::test]
async fn a_step_is_tried_as_often_as_configured_with_the_same_message_after_unknown_outcomes() {
    let house = House::new().await;
    let stub = Stub::start(Behaviour::Status(503)).await;
    house.client().register(AgentSpec::new("broken", stub.url()).attempts(3)).await;
    let id = house.client().create(&workflow("tries", &[("only", "broken")])).await;

    let run = house.client().execute(&id, "hello").await;
    house.client().reaches(&run, "FAILED").await;

    let received = stub.received();
    assert_eq!(received.len(), 3);
    let same = |call: &Received| call.message_id == received[0].message_id && call.body == received[0].body;
    assert!(received.iter().all(same), "the outcome is unknown, so the same call is repeated");
    let states = house.client().step_states(&run).await;
    assert_eq!(states, vec![("only".to_owned(), "FAILED".to_owned()); 3], "each attempt is a row");
}

#[tokio::test]
async fn a_new_attempt_after_a_definite_refusal_is_a_new_message() {
    let house = House::new().await;
    let stub = Stub::start(Behaviour::Status(404)).await;
    house.client().register(AgentSpec::new("absent", stub.url()).attempts(2)).await;
    let id = house.client().create(&workflow("refused", &[("only", "absent")])).await;

    let run = house.client().execute(&id, "hello").await;
    house.client().reaches(&run, "FAILED").await;

    let received = stub.received();
    assert_eq!(received.len(), 2);
    assert_ne!(received[0].message_id, received[1].message_id);
}

#[tokio::test]
async fn an_agent_that_recovers_within_its_attempts_completes_the_run() {
    let house = House::new().await;
    house.client().register(AgentSpec::new("flaky", house.agents.url("flaky?fail=2")).attempts(3)).await;
    let id = house.client().create(&workflow("recovers", &[("first", "flaky"), ("second", "echo")])).await;

    let run = house.client().execute(&id, "hello").await;
    house.client().reaches(&run, "COMPLETED").await;

    let states = house.client().step_states(&run).await;
    let states: Vec<_> = states.iter().map(|(step, status)| (step.as_str(), status.as_str())).collect();
    let expected = [("first", "FAILED"), ("first", "FAILED"), ("first", "COMPLETED"), ("second", "COMPLETED")];
    assert_eq!(states, expected);
}
