//! The contracts of [`Agents`](domain::ports::Agents).

use std::time::Duration;

use chrono::TimeDelta;
use domain::agents::{
    Agent, AgentAuth, AgentFilter, AgentSchemas, AgentSort, AgentStatus, ApiKey, CallLimit, CircuitBreakerConfig,
    OnOpen, RetryPolicy, Secret,
};
use domain::page::{SortOrder, Total};
use serde_json::json;

use crate::{
    Change, Stores,
    samples::{agent, agent_name, all, at, page},
};

pub async fn an_agent_comes_back_as_it_was_stored(stores: &Stores) {
    let breaker = CircuitBreakerConfig {
        enabled: true,
        failure_threshold: 5,
        failure_rate_threshold: 0.1,
        timeout_seconds: 60,
        half_open_max_calls: 3,
        window_size_seconds: 120,
        on_open: OnOpen::Wait,
    };
    let key = ApiKey { header: "X-Key".into(), key: Secret::new("hunter2") };
    let full = Agent {
        description: Some("Übersetzt — 翻訳 🙂".into()),
        auth: AgentAuth::ApiKey(Some(key)),
        timeout: Duration::from_millis(1_234),
        retry: RetryPolicy::new(7, 250, 60_000, 1.1).expect("valid"),
        retry_strategy: None,
        circuit_breaker: Some(breaker),
        max_concurrent_calls: Some(CallLimit::parse(7).expect("a limit")),
        schemas: AgentSchemas {
            input: Some(json!({"type": "object", "properties": {"ü": {"maximum": 1.5}}, "required": ["ü"]})),
            output: Some(json!({})),
        },
        status: AgentStatus::Inactive,
        revision: 9,
        created_at: at(1) + TimeDelta::microseconds(1),
        updated_at: at(2) + TimeDelta::microseconds(999_999),
        updated_by: Some("somebody".into()),
        ..agent("full")
    };
    let takes = AgentSchemas { input: Some(json!({"type": "object"})), output: None };
    let auths = [AgentAuth::Bearer(Some(Secret::new("t"))), AgentAuth::Bearer(None), AgentAuth::ApiKey(None)];
    let plain = auths.into_iter().enumerate().map(|(n, auth)| Agent { auth, ..agent(&format!("plain{n}")) });
    for agent in plain.chain([agent("bare"), Agent { schemas: takes, ..agent("takes") }, full]) {
        stores.changed(&[Change::AddAgent(agent.clone())]).await;
        assert_eq!(stores.agents.get(agent.id).await.expect("the store works"), Some(agent));
    }
}

pub async fn an_unknown_agent_is_none(stores: &Stores) {
    assert_eq!(stores.agents.get(agent("nobody").id).await.expect("the store works"), None);
}

pub async fn agents_are_found_by_names_deleted_ones_included(stores: &Stores) {
    let gone = Agent { status: AgentStatus::Deleted, ..agent("gone") };
    for agent in [agent("a"), gone, agent("b")] {
        stores.changed(&[Change::AddAgent(agent)]).await;
    }
    let names = ["b", "unknown", "gone"].map(agent_name);
    let found = stores.agents.by_names(&names).await.expect("the store works");
    let mut found: Vec<_> = found.iter().map(|agent| agent.name.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, ["b", "gone"]);
    assert_eq!(stores.agents.by_names(&[]).await.expect("the store works"), []);
}

async fn listed(stores: &Stores, name: Option<&str>, status: Option<AgentStatus>) -> Vec<String> {
    let filter = AgentFilter { name: name.map(str::to_owned), status, ..AgentFilter::default() };
    let found =
        stores.agents.list(&filter, AgentSort::Name, SortOrder::Ascending, all()).await.expect("the store works");
    assert_eq!(found.total, Some(Total::Exact(found.items.len() as u64)));
    found.items.iter().map(|agent| agent.name.to_string()).collect()
}

async fn one_of_each_status(stores: &Stores) {
    for (name, status) in [("on", AgentStatus::Active), ("off", AgentStatus::Inactive), ("gone", AgentStatus::Deleted)]
    {
        stores.changed(&[Change::AddAgent(Agent { status, ..agent(name) })]).await;
    }
}

pub async fn a_list_leaves_deleted_agents_out(stores: &Stores) {
    one_of_each_status(stores).await;
    assert_eq!(listed(stores, None, None).await, ["off", "on"]);
}

pub async fn a_list_by_name_or_status_holds_what_was_asked_for(stores: &Stores) {
    one_of_each_status(stores).await;
    assert_eq!(listed(stores, Some("gone"), None).await, ["gone"]);
    assert_eq!(listed(stores, Some("gon"), None).await, [""; 0]);
    assert_eq!(listed(stores, None, Some(AgentStatus::Deleted)).await, ["gone"]);
    assert_eq!(listed(stores, None, Some(AgentStatus::Inactive)).await, ["off"]);
    assert_eq!(listed(stores, Some("on"), Some(AgentStatus::Inactive)).await, [""; 0]);
}

pub async fn agents_are_found_by_parts_of_their_names(stores: &Stores) {
    one_of_each_status(stores).await;
    stores.changed(&[Change::AddAgent(agent("Of_\u{dc}ber"))]).await;
    for (part, status, wanted) in [
        ("oF", None, vec!["Of_\u{dc}ber", "off"]),
        ("gone", None, vec![]),
        ("O", Some(AgentStatus::Deleted), vec!["gone"]),
        ("f_\u{dc}", None, vec!["Of_\u{dc}ber"]),
        ("f_\u{fc}", None, vec![]),
        ("%", None, vec![]),
    ] {
        let filter = AgentFilter { name_contains: Some(part.into()), status, ..AgentFilter::default() };
        let found = stores.agents.list(&filter, AgentSort::Name, SortOrder::Ascending, all()).await;
        let found = found.expect("the store works").items;
        assert!(found.iter().all(|agent| filter.matches(agent)));
        assert_eq!(found.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), wanted, "{part}");
    }
}

pub async fn agents_are_listed_by_name_in_pages(stores: &Stores) {
    for name in ["d", "B", "a", "é", "c"] {
        stores.changed(&[Change::AddAgent(agent(name))]).await;
    }
    for (number, wanted) in [(1, vec!["B", "a"]), (2, vec!["c", "d"]), (3, vec!["é"]), (4, vec![])] {
        let filter = AgentFilter::default();
        let found = stores.agents.list(&filter, AgentSort::Name, SortOrder::Ascending, page(number, 2)).await;
        let found = found.expect("the store works");
        assert_eq!(found.items.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), wanted);
        assert_eq!(found.total, Some(Total::Exact(5)));
    }
}

pub async fn an_agent_that_is_replaced_has_the_new_schemas_only(stores: &Stores) {
    let schemas = AgentSchemas { input: Some(json!({"type": "object"})), output: Some(json!({"type": "array"})) };
    let old = Agent { schemas, ..agent("changing") };
    let schemas = AgentSchemas { input: None, output: Some(json!({"type": "string"})) };
    let new = Agent { schemas, revision: 2, ..old.clone() };
    stores.changed(&[Change::AddAgent(old), Change::ReplaceAgent(new.clone())]).await;
    assert_eq!(stores.agents.get(new.id).await.expect("the store works"), Some(new));
}
