//! The look-ups of the existing executor and bridge (contract 7.2).

use std::{sync::Arc, time::Duration};

use actix_web::{
    App,
    body::to_bytes,
    test::{TestRequest, call_and_read_body_json, call_service, init_service},
};
use adapters_memory::MemoryStore;
use domain::{
    Timestamp,
    agents::{Agent, AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, ApiKey, RetryPolicy, Secret},
    ids::AgentId,
    ports::Transactions,
};
use http_actix::{KnownHosts, Registry};
use serde_json::{Value, json};
use uuid::Uuid;

fn agent(number: u128, name: &str, auth: AgentAuth) -> Agent {
    Agent {
        id: AgentId::new(Uuid::from_u128(number)),
        name: AgentName::parse(name).expect("a name"),
        url: AgentUrl::parse("http://fetcher:8080/").expect("a URL"),
        description: None,
        auth,
        timeout: Duration::from_secs(20),
        retry: RetryPolicy::new(0, 1000, 30_000, 2.0).expect("valid"),
        retry_strategy: None,
        circuit_breaker: None,
        max_concurrent_calls: None,
        schemas: AgentSchemas::default(),
        status: AgentStatus::Active,
        revision: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        created_by: None,
        updated_by: None,
    }
}

async fn registry() -> Registry {
    let store = MemoryStore::new();
    let key = ApiKey { header: "X-Key".into(), key: Secret::new("k") };
    let mut work = store.begin().await.expect("the store works");
    for agent in [
        agent(1, "Fetcher", AgentAuth::ApiKey(Some(key))),
        agent(2, "Open & free", AgentAuth::None),
        agent(3, "Bearer", AgentAuth::Bearer(Some(Secret::new("t")))),
        Agent { status: AgentStatus::Inactive, ..agent(4, "Resting", AgentAuth::None) },
        agent(5, "None", AgentAuth::None),
    ] {
        work.add_agent(&agent).await.expect("added");
    }
    work.commit().await.expect("committed");
    Registry::new(Arc::new(store))
}

async fn get(path: &str) -> (u16, Value) {
    let registry = registry().await;
    let app = init_service(App::new().configure(move |cfg| registry.configure(cfg))).await;
    let status = call_service(&app, TestRequest::get().uri(path).to_request()).await.status().as_u16();
    (status, call_and_read_body_json(&app, TestRequest::get().uri(path).to_request()).await)
}

#[tokio::test]
async fn no_page_looks_agents_up_under_a_name_of_its_own() {
    let registry = registry().await.for_hosts(KnownHosts::of(["https://orrery.example.com"]));
    let app = init_service(App::new().configure(move |cfg| registry.configure(cfg))).await;
    for path in ["/agents/Fetcher", "/api/v1/agents?name=Fetcher"] {
        for (host, status) in [
            ("127.0.0.1:8001", 200),
            ("registry:8001", 200),
            ("orrery.example.com", 200),
            ("evil.example", 403),
            ("127.0.0.1.evil.example:8001", 403),
        ] {
            let request = TestRequest::get().uri(path).insert_header(("Host", host)).to_request();
            let answer = call_service(&app, request).await;
            assert_eq!(answer.status().as_u16(), status, "{path} {host}");
            let text = String::from_utf8_lossy(&to_bytes(answer.into_body()).await.expect("a body")).into_owned();
            assert_eq!(text.contains("X-Key"), status == 200, "{text}");
        }
    }
}

#[tokio::test]
async fn an_agent_is_told_with_what_the_bridge_reads() {
    let (status, page) = get("/api/v1/agents?name=Fetcher").await;
    assert_eq!((status, &page["total"]), (200, &json!(1)));
    let item = &page["items"][0];
    assert_eq!(item["auth_config"], json!({"type": "apikey", "key": "k", "header": "X-Key", "header_name": "X-Key"}));
    assert_eq!((&item["timeout_ms"], &item["url"]), (&json!(20_000), &json!("http://fetcher:8080/")));
    assert_eq!(item["retry_config"]["max_retries"], 1, "zero would mean no attempt at all");
}

#[tokio::test]
async fn the_form_of_the_registry_is_served_too() {
    let (status, agent) = get("/agents/Bearer").await;
    assert_eq!((status, &agent["auth_config"]), (200, &json!({"type": "bearer", "token": "t"})));
    assert_eq!(agent["timeout"], 20_000);
    let (status, agent) = get("/agents/Open%20%26%20free").await;
    assert_eq!((status, &agent["name"], &agent["auth_config"]), (200, &json!("Open & free"), &Value::Null));
}

#[tokio::test]
async fn nobody_is_told_who_must_not_be_called() {
    for name in ["Resting", "None", "Unknown", ""] {
        let (status, page) = get(&format!("/api/v1/agents?name={name}")).await;
        assert_eq!((status, &page["items"]), (200, &json!([])), "{name}");
    }
    assert_eq!(get("/api/v1/agents").await.1["items"], json!([]));
    assert_eq!(get("/agents/Unknown").await, (404, json!({"detail": "Agent 'Unknown' not found"})));
}
