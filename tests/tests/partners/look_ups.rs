//! The look-ups of the existing executor and bridge (contract 7.2), on a listener of their own.

use e2e_tests::{Client, Orrery};
use serde_json::{Value, json};

use crate::{
    house::House,
    old::registry::{NoAgent, RegistryClient},
};

/// An API, and agents with each kind of credentials.
async fn with_agents() -> (RegistryClient, Orrery, House) {
    let house = House::new().await;
    let api = house.start("api", &["--registry-listen", "127.0.0.1:0"]).await;
    for agent in [
        json!({"name": "plain", "url": "http://plain:1/", "retry_config": {
            "max_retries": 0, "initial_delay_ms": 100, "max_delay_ms": 2000, "backoff_multiplier": 1.5}}),
        json!({"name": "bearing", "url": "http://bearing:1/a?b=c", "timeout_ms": 1500, "auth_type": "bearer",
            "auth_config": {"token": "secret-token"}}),
        json!({"name": "Größe und Form", "url": "http://keyed:1/", "auth_type": "apikey",
            "auth_config": {"key": "secret-key", "header_name": "X-Key"}}),
        json!({"name": "team/writer", "url": "http://writer:1/"}),
        json!({"name": "gone", "url": "http://gone:1/"}),
    ] {
        api.client().post("/agents", &agent).await.expect(201);
    }
    let gone = id_of(api.client(), "gone").await;
    let deleted = api.client().send(reqwest::Method::DELETE, &format!("/agents/{gone}"), None).await;
    assert!((200..300).contains(&deleted.status), "{}", deleted.text);
    (RegistryClient::new(&api.registry()), api, house)
}

async fn id_of(client: &Client, name: &str) -> String {
    let agents = client.get("/agents").await.expect(200);
    let found = agents["items"].as_array().and_then(|items| items.iter().find(|item| item["name"] == name));
    found.and_then(|agent| agent["id"].as_str()).expect("the agent is listed").to_owned()
}

#[tokio::test]
async fn both_forms_tell_what_a_call_needs_with_credentials_that_work() {
    let (old, _api, _house) = with_agents().await;

    let plain = old.form_1("plain").await.expect("it is found");
    assert_eq!((plain.url.as_str(), plain.auth.len(), plain.max_retries), ("http://plain:1/", 0, 1));
    let bearing = old.form_1("bearing").await.expect("it is found");
    assert_eq!((bearing.url.as_str(), bearing.timeout.as_millis()), ("http://bearing:1/a?b=c", 1500));
    assert_eq!((bearing.auth["type"].as_str(), bearing.auth["token"].as_str()), ("bearer", "secret-token"));
    let keyed = old.form_1("Größe und Form").await.expect("it is found");
    let member = |name: &str| keyed.auth[name].as_str();
    assert_eq!((member("type"), member("key"), member("header")), ("apikey", "secret-key", "X-Key"));
    for name in ["plain", "bearing", "Größe und Form", "team/writer"] {
        assert_eq!(old.form_2(name).await, Ok(old.form_1(name).await.expect("it is found")), "both forms agree");
    }
}

#[tokio::test]
async fn an_agent_that_is_unknown_deleted_or_none_is_no_item_and_not_found() {
    let (old, api, _house) = with_agents().await;

    for name in ["nobody", "None", "gone", "\u{7f}"] {
        assert_eq!(old.form_1(name).await, None, "{name}");
        let NoAgent(reason) = old.form_2(name).await.expect_err("there is none");
        assert_eq!(reason, format!("Agent '{name}' not found in API database or registry"));
    }
    // Not the list of the API: nobody learns all names, let alone all credentials, here.
    let page = look_up(&api, "/api/v1/agents").await.1;
    assert_eq!((&page["items"], &page["total"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn the_port_of_the_api_answers_no_look_ups_and_tells_no_secrets() {
    let (_old, api, _house) = with_agents().await;

    assert_eq!(api.client().get_root("/agents/bearing").await.status, 404);
    let listed = api.client().get("/agents").await.text;
    let found = api.client().get("/agents?name=bearing").await.text;
    let id = id_of(api.client(), "bearing").await;
    let one = api.client().get(&format!("/agents/{id}")).await.text;
    for answer in [listed, found, one] {
        assert!(!answer.contains("secret-"), "{answer}");
    }
    // Nor does the other listener answer anything but look-ups.
    for path in ["/api/v1/runs", "/api/v1/workflows", "/metrics", "/agents"] {
        assert_eq!(look_up(&api, path).await.0, 404, "{path}");
    }
}

async fn look_up(api: &Orrery, path: &str) -> (u16, Value) {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
    let answer = http.get(format!("{}{path}", api.registry())).send().await.expect("it answers");
    let (status, body) = (answer.status().as_u16(), answer.text().await.expect("a body"));
    (status, serde_json::from_str(&body).unwrap_or_default())
}
