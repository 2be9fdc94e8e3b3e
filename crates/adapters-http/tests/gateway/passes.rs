//! Tokens that calls carry, and agents that promise to report.

use std::time::Duration;

use domain::{
    agents::Secret,
    ports::AgentGateway,
    runs::{AgentRequest, CallPass, FailureKind},
};
use serde_json::json;

use crate::support::{RawAgent, call, completed, failed, gateway, header};

const TOKEN: &str = "En0KEwoEdG9rZW4tb2YtYS1jYWxs";

fn carrying(callback: Option<&str>) -> AgentRequest {
    let pass = CallPass { token: Secret::new(TOKEN), callback: callback.map(Into::into) };
    AgentRequest { pass: Some(pass), ..call() }
}

#[tokio::test]
async fn a_token_travels_beside_the_body_which_is_the_same_without_it() {
    let agent = RawAgent::answering("500 Internal Server Error", "", "").await;
    let gateway = gateway();
    for request in [call(), carrying(None), carrying(Some("https://orrery.example"))] {
        failed(gateway.call(&agent.agent(), &request).await);
    }
    let asked = agent.asked();
    let of = |name: &str| asked.iter().map(|asked| header(&asked.head, name)).collect::<Vec<_>>();
    assert_eq!(of("x-orrery-token"), [None, Some(TOKEN.to_owned()), Some(TOKEN.to_owned())]);
    assert_eq!(of("x-orrery-callback"), [None, None, Some("https://orrery.example".to_owned())]);
    assert!(asked.iter().all(|one| one.body == asked[0].body));
}

#[tokio::test]
async fn no_failure_quotes_the_token_of_an_agent_that_echoes_its_headers() {
    let echo = format!("you sent {TOKEN} to me");
    let refusing = RawAgent::answering("403 Forbidden", "", &echo).await;
    let failing = RawAgent::saying(&json!({"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": echo}})).await;
    for agent in [refusing, failing] {
        let failure = failed(gateway().call(&agent.agent(), &carrying(None)).await);
        assert!(!failure.message.contains(TOKEN) && failure.message.contains("you sent ***"), "{}", failure.message);
    }
}

#[tokio::test]
async fn an_agent_that_accepts_the_work_and_will_report_is_waited_for() {
    let agent = RawAgent::answering("202 Accepted", "", "").await;
    let mut registered = agent.agent();
    registered.timeout = Duration::from_millis(300);
    let failure = failed(gateway().call(&registered, &carrying(None)).await);
    assert_eq!((failure.kind, failure.definite), (FailureKind::Timeout, false));
    assert_eq!(agent.asked().len(), 1, "it has no task to be asked after");
}

#[tokio::test]
async fn an_agent_that_will_report_need_not_know_how_to_be_asked_after_its_task() {
    let working = json!({"id": "t-1", "status": {"state": "working"}});
    let answer = json!({"jsonrpc": "2.0", "id": call().ids.task, "result": working}).to_string();
    // The question after the task gets the same answer, whose id is another one's.
    let agent = RawAgent::answering("202 Accepted", "", &answer).await;
    let mut registered = agent.agent();
    registered.timeout = Duration::from_millis(400);
    let failure = failed(gateway().call(&registered, &carrying(None)).await);
    assert!(!failure.definite, "{failure:?}");
}

#[tokio::test]
async fn an_answer_with_the_status_202_is_an_answer() {
    let done = json!({"id": "t-1", "status": {"state": "completed"}, "artifacts": []});
    let answer = json!({"jsonrpc": "2.0", "id": call().ids.task, "result": done}).to_string();
    let agent = RawAgent::answering("202 Accepted", "", &answer).await;
    assert_eq!(completed(gateway().call(&agent.agent(), &carrying(None)).await)["task_id"], "t-1");
}

#[tokio::test]
async fn who_carries_no_token_cannot_be_promised_a_report() {
    let agent = RawAgent::answering("202 Accepted", "", "").await;
    assert_eq!(agent.failure().await.kind, FailureKind::Protocol);
}
