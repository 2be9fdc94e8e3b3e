//! Whether an agent is as it is wanted. Credentials cannot be read back, so what is stored cannot be compared: it is left alone
//! unless there is none, or somebody wants it sent anew.

use serde_json::{Map, Value, json};

use super::{
    difference::{Difference, differences, missing},
    plan::Style,
};

/// What has to be changed about an agent, and what to send for it.
#[derive(Debug, Default)]
pub(super) struct AgentChange {
    pub(super) differences: Vec<Difference>,
    pub(super) send: Map<String, Value>,
    pub(super) notes: Vec<String>,
}

/// What a member is where nobody says anything (contract 1.6 and 7.1).
fn default_of(member: &str) -> Value {
    match member {
        "timeout_ms" => json!(30_000),
        "retry_config" => {
            json!({"max_retries": 3, "initial_delay_ms": 1000, "max_delay_ms": 30_000, "backoff_multiplier": 2.0})
        }
        "status" => json!("active"),
        _ => Value::Null,
    }
}

/// The members that a whole description has, beside the name and the credentials.
const WHOLE: [&str; 9] = [
    "url",
    "description",
    "timeout_ms",
    "retry_config",
    "retry_strategy",
    "circuit_breaker_config",
    "max_concurrent_calls",
    "input_schema",
    "output_schema",
];

/// Compares an agent, as it is answered, with what is said about it.
pub(super) fn compare(there: &Value, wanted: &Map<String, Value>, style: Style) -> AgentChange {
    let mut change = AgentChange::default();
    let others =
        wanted.keys().map(String::as_str).filter(|name| !matches!(*name, "name" | "auth_type" | "auth_config"));
    let mut names: Vec<&str> = others.collect();
    if style.whole {
        names.extend(WHOLE.iter().chain(&["status"]).filter(|name| !wanted.contains_key(**name)));
    }
    for name in names {
        let value = wanted.get(name).cloned().unwrap_or_else(|| default_of(name));
        let pointer = format!("/{name}");
        let found = member(name, &pointer, &there[name], &value);
        if !found.is_empty() {
            change.differences.extend(found);
            // A policy is replaced as a whole and may not be null: an empty one has all defaults.
            let sent = if name == "retry_config" && value.is_null() { json!({}) } else { value };
            change.send.insert(name.to_owned(), sent);
        }
    }
    credentials(there, wanted, style, &mut change);
    if there["status"] == json!("deleted") && !change.send.contains_key("status") {
        let brought_back =
            Difference { pointer: "/status".to_owned(), from: Some(json!("deleted")), to: Some(json!("active")) };
        change.differences.push(brought_back);
        change.send.insert("status".to_owned(), json!("active"));
    }
    if there["status"] == json!("inactive") && !change.send.contains_key("status") && !wanted.contains_key("status") {
        change.notes.push("it is inactive there, and stays so".to_owned());
    }
    change
}

fn member(name: &str, pointer: &str, there: &Value, wanted: &Value) -> Vec<Difference> {
    match name {
        "url" => match (there.as_str().map(normal_url), wanted.as_str().map(normal_url)) {
            (Some(one), Some(other)) if one == other => Vec::new(),
            _ => differences(pointer, there, wanted),
        },
        "retry_config" => {
            let filled = |value: &Value| at_least_one_attempt(over(default_of(name), value));
            differences(pointer, &filled(there), &filled(wanted))
        }
        "circuit_breaker_config" if wanted.is_object() => {
            let defaults = json!({"enabled": true, "failure_threshold": 5, "failure_rate_threshold": 0.5, "timeout_seconds": 60,
                "half_open_max_calls": 3, "window_size_seconds": 120, "on_open": "fail"});
            if there.is_null() {
                return differences(pointer, there, wanted);
            }
            // A server that does not know a member does not tell it, and would not take it.
            missing(pointer, &over(defaults.clone(), there), &over(defaults, wanted))
        }
        "retry_strategy" => missing(pointer, there, wanted),
        "status" => {
            let lower = |value: &Value| value.as_str().map_or_else(|| value.clone(), |text| json!(text.to_lowercase()));
            differences(pointer, &lower(there), &lower(wanted))
        }
        _ => differences(pointer, there, wanted),
    }
}

/// The members of a value over those of another one.
fn over(mut defaults: Value, value: &Value) -> Value {
    if let (Some(all), Some(members)) = (defaults.as_object_mut(), value.as_object()) {
        all.extend(
            members.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), value.clone())),
        );
    }
    defaults
}

/// No attempt and one are the same: the old programs make none of 0, Orrery one.
fn at_least_one_attempt(mut policy: Value) -> Value {
    if policy["max_retries"] == json!(0) {
        policy["max_retries"] = json!(1);
    }
    policy
}

/// A URL as servers keep it: scheme and host in lower case, a bare host with the path `/`.
fn normal_url(text: &str) -> String {
    let text = text.trim();
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (host, tail) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
    let slash = if tail.starts_with('/') { "" } else { "/" };
    format!("{}://{}{slash}{tail}", scheme.to_lowercase(), host.to_lowercase())
}

fn credentials(there: &Value, wanted: &Map<String, Value>, style: Style, change: &mut AgentChange) {
    let config = wanted.get("auth_config").filter(|config| !config.is_null());
    let kind = match wanted.get("auth_type").and_then(Value::as_str) {
        Some(kind) => kind,
        None if config.is_none() && !style.whole => return,
        None => config.and_then(|config| config["type"].as_str()).unwrap_or("none"),
    };
    let stored = there["auth_type"].as_str().unwrap_or("none");
    let mut send = |differences: Vec<Difference>| {
        change.differences.extend(differences);
        change.send.insert("auth_type".to_owned(), json!(kind));
        if let Some(config) = config.filter(|_| kind != "none") {
            change.send.insert("auth_config".to_owned(), config.clone());
        }
    };
    if kind != stored {
        let kinds = Difference { pointer: "/auth_type".to_owned(), from: Some(json!(stored)), to: Some(json!(kind)) };
        send(vec![kinds]);
        return;
    }
    let Some(config) = config.filter(|_| kind != "none") else { return };
    let header = match (&there["auth_config"]["header_name"], &config["header_name"]) {
        (Value::String(one), Value::String(other)) if !one.eq_ignore_ascii_case(other) => {
            differences("/auth_config/header_name", &json!(one), &json!(other))
        }
        _ => Vec::new(),
    };
    let has_secret = ["token", "key"].iter().any(|name| config[*name].as_str().is_some_and(|text| !text.is_empty()));
    let is_stored = there["auth_config"]["configured"] == json!(true);
    if !header.is_empty() {
        send(header);
    } else if has_secret && (!is_stored || style.send_credentials) {
        let to = if is_stored { "the credentials, sent anew" } else { "the credentials" };
        send(vec![Difference { pointer: "/auth_config".to_owned(), from: None, to: Some(json!(to)) }]);
    } else if has_secret {
        change.notes.push(
            "its credentials are not compared: what is stored is not told (--send-credentials sends them)".to_owned(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there() -> Value {
        json!({
            "name": "A", "url": "http://a/", "description": null, "auth_type": "apikey",
            "auth_config": {"type": "apikey", "header_name": "X-K", "configured": true}, "timeout_ms": 30000,
            "retry_config": {"max_retries": 3, "initial_delay_ms": 1000, "max_delay_ms": 30000, "backoff_multiplier": 2.0},
            "circuit_breaker_config": null, "max_concurrent_calls": 4, "status": "active",
        })
    }

    fn change(wanted: &Value, whole: bool, send_credentials: bool) -> (Vec<String>, Value) {
        let style = Style { whole, send_credentials };
        let change = compare(&there(), wanted.as_object().expect("an object"), style);
        (change.differences.iter().map(Difference::line).collect(), Value::Object(change.send))
    }

    #[test]
    fn what_says_the_same_in_other_words_is_no_change() {
        let wanted = json!({"name": "A", "url": "HTTP://A", "timeout_ms": 30000.0, "retry_config": {"max_retries": 3}, "auth_type": "apikey",
            "auth_config": {"key": "k", "header_name": "x-k"}, "description": null});
        assert_eq!(change(&wanted, false, false), (Vec::new(), json!({})));
    }

    #[test]
    fn what_is_not_named_is_left_alone_unless_the_whole_is_said() {
        let wanted = json!({"name": "A", "url": "http://a", "auth_type": "apikey"});
        assert_eq!(change(&wanted, false, false).1, json!({}));
        let (lines, send) = change(&wanted, true, false);
        assert_eq!(
            (lines, send),
            (vec!["- /max_concurrent_calls: 4".to_owned()], json!({"max_concurrent_calls": null}))
        );
    }

    #[test]
    fn only_what_differs_is_sent() {
        let wanted = json!({"name": "A", "url": "http://b", "timeout_ms": 5000, "retry_config": {"max_retries": 0}});
        let (lines, send) = change(&wanted, false, false);
        assert_eq!(
            lines,
            [
                "~ /retry_config/max_retries: 3 → 1",
                "~ /timeout_ms: 30000 → 5000",
                "~ /url: \"http://a/\" → \"http://b\""
            ]
        );
        assert_eq!(send, json!({"url": "http://b", "timeout_ms": 5000, "retry_config": {"max_retries": 0}}));
    }

    #[test]
    fn credentials_are_sent_where_the_kind_changes_or_somebody_wants_it_and_never_shown() {
        let bearer = json!({"name": "A", "auth_type": "bearer", "auth_config": {"token": "secret"}});
        let (lines, send) = change(&bearer, false, false);
        assert_eq!(lines, ["~ /auth_type: \"apikey\" → \"bearer\""]);
        assert_eq!(send["auth_config"]["token"], json!("secret"));
        let same = json!({"name": "A", "auth_type": "apikey", "auth_config": {"key": "secret", "header_name": "X-K"}});
        let (lines, send) = change(&same, false, true);
        assert_eq!(send["auth_config"]["key"], json!("secret"));
        assert!(!lines.concat().contains("secret"), "{lines:?}");
        assert_eq!(
            change(&json!({"name": "A", "url": "http://a"}), true, false).0[1],
            "~ /auth_type: \"apikey\" → \"none\""
        );
    }

    #[test]
    fn an_agent_that_was_deleted_is_brought_back() {
        let deleted = over(there(), &json!({"status": "deleted"}));
        let wanted = json!({"name": "A", "url": "http://a"});
        let style = Style { whole: false, send_credentials: false };
        let change = compare(&deleted, wanted.as_object().expect("an object"), style);
        assert_eq!(Value::Object(change.send), json!({"status": "active"}));
    }
}
