//! Agents as they are written down: in the registry of the old system (contract 7.2), in its list in YAML, or as the API has them.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value, json};

use super::{Flaw, Origin, Read, WantedAgent};
use crate::source::{Located, below};

/// What the API takes, beside what is renamed.
const MEMBERS: [&str; 12] = [
    "name",
    "url",
    "description",
    "auth_type",
    "auth_config",
    "timeout_ms",
    "retry_config",
    "retry_strategy",
    "circuit_breaker_config",
    "max_concurrent_calls",
    "input_schema",
    "output_schema",
];

/// Agents of a registry: an object by name, or one with such an object under `agents`.
pub(super) fn from_registry(file: &Path, located: &Located, read: &mut Read) {
    let Some(entries) = located.value.as_object() else {
        read.flaws.push(at(located, "", "a registry is an object of agents by their names"));
        return;
    };
    for (name, entry) in entries {
        let pointer = below("", name);
        let Some(entry) = entry.as_object() else {
            read.flaws.push(at(located, &pointer, "an agent is an object with at least a url"));
            continue;
        };
        let mut entry = entry.clone();
        match entry.get("name") {
            None => {
                entry.insert("name".to_owned(), name.clone().into());
            }
            Some(inner) if inner == name => {}
            Some(inner) => {
                let message = format!("the name {inner} is not the one that it is found by, '{name}'");
                read.flaws.push(at(located, &below(&pointer, "name"), &message));
                continue;
            }
        }
        keep(file, located, &pointer, &entry, true, read);
    }
}

/// Agents of a list, or of an object with a list under `agents`.
pub(super) fn from_list(file: &Path, located: &Located, read: &mut Read) {
    let (pointer, list) = match &located.value {
        Value::Array(list) => ("", list),
        Value::Object(members) => match members.get("agents") {
            Some(Value::Array(list)) => ("/agents", list),
            _ => return from_registry(file, &of_agents(located), read),
        },
        _ => {
            read.flaws.push(at(located, "", "there is no list of agents, nor a registry of them"));
            return;
        }
    };
    for (number, entry) in list.iter().enumerate() {
        let pointer = below(pointer, &number.to_string());
        match entry.as_object() {
            Some(entry) => keep(file, located, &pointer, entry, true, read),
            None => read.flaws.push(at(located, &pointer, "an agent is an object with at least a name and a url")),
        }
    }
}

/// What is under `agents`, or else the whole.
fn of_agents(located: &Located) -> Located {
    match located.value.get("agents") {
        Some(Value::Object(_)) => located.part("/agents").unwrap_or_default(),
        _ => located.clone(),
    }
}

/// One agent as the API has it: what the API does not know is for the server to refuse.
pub(super) fn one_agent(file: &Path, located: &Located, read: &mut Read) {
    match located.value.as_object() {
        Some(entry) => keep(file, located, "", entry, false, read),
        None => read.flaws.push(at(located, "", "an agent is an object with at least a name and a url")),
    }
}

fn at(located: &Located, pointer: &str, message: &str) -> Flaw {
    Flaw { place: located.place(pointer), pointer: pointer.to_owned(), message: message.to_owned(), hint: None }
}

fn keep(file: &Path, located: &Located, pointer: &str, entry: &Map<String, Value>, is_old: bool, read: &mut Read) {
    let mut notes = Vec::new();
    let (body, renamed) = as_in_api(entry, is_old, &mut notes);
    let part = located.part(pointer).unwrap_or_default();
    let origin = Origin { file: file.to_owned(), pointer: pointer.to_owned(), located: part, renamed };
    let name = match body.get("name") {
        Some(Value::String(name)) if !name.trim().is_empty() => name.clone(),
        Some(Value::Null) | None => {
            read.flaws.push(origin.flaw("", "the agent has no name", None));
            return;
        }
        Some(_) => {
            read.flaws.push(origin.flaw("/name", "the name must be a text that is not blank", None));
            return;
        }
    };
    read.agents.push(WantedAgent { name, body, origin, notes });
}

type Renamed = BTreeMap<&'static str, &'static str>;

/// The members of the API for those of an entry; and where the renamed ones stand in the entry.
fn as_in_api(entry: &Map<String, Value>, is_old: bool, notes: &mut Vec<String>) -> (Map<String, Value>, Renamed) {
    let (mut body, mut renamed) = (Map::new(), Renamed::new());
    for (name, value) in entry {
        match name.as_str() {
            "timeout" if is_old => {
                body.entry("timeout_ms").or_insert_with(|| value.clone());
                renamed.insert("/timeout_ms", "/timeout");
            }
            "auth_config" => {}
            name if MEMBERS.contains(&name) || !is_old => {
                body.insert(name.to_owned(), value.clone());
            }
            name => notes.push(format!("'{name}' is left out: it means nothing here")),
        }
    }
    if let Some(Value::String(kind)) = body.get_mut("auth_type") {
        *kind = kind.to_ascii_lowercase();
    }
    match entry.get("auth_config") {
        None => {}
        Some(Value::Object(config)) => {
            let config = auth_config(config, &mut body, &mut renamed);
            // Old files have an empty one, or one that says `none`, where there are no credentials.
            if !(config.is_empty() && matches!(body.get("auth_type").and_then(Value::as_str), None | Some("none"))) {
                body.insert("auth_config".to_owned(), Value::Object(config));
            }
        }
        Some(other) => {
            body.insert("auth_config".to_owned(), other.clone());
        }
    }
    (body, renamed)
}

/// The old names of credentials: `type` becomes `auth_type`, `header` `header_name`, and `api_key`, which the old example writes,
/// `key`. A key without a header goes where the old bridge sends it.
fn auth_config(
    config: &Map<String, Value>,
    body: &mut Map<String, Value>,
    renamed: &mut Renamed,
) -> Map<String, Value> {
    let mut settled = Map::new();
    for (name, value) in config {
        match name.as_str() {
            "type" => {
                let kind = match value {
                    Value::String(kind) => json!(kind.to_ascii_lowercase()),
                    other => other.clone(),
                };
                let outer = body.get("auth_type").filter(|outer| !outer.is_null());
                // Two that differ are for the server to refuse.
                if outer.is_some_and(|outer| *outer != kind) {
                    settled.insert("type".to_owned(), kind);
                } else {
                    body.insert("auth_type".to_owned(), kind);
                    renamed.insert("/auth_type", "/auth_config/type");
                }
            }
            "header" => {
                settled.entry("header_name").or_insert_with(|| value.clone());
                renamed.insert("/auth_config/header_name", "/auth_config/header");
            }
            "api_key" => {
                settled.entry("key").or_insert_with(|| value.clone());
                renamed.insert("/auth_config/key", "/auth_config/api_key");
            }
            // What the API tells and does not need to be told.
            "configured" => {}
            name => {
                settled.insert(name.to_owned(), value.clone());
            }
        }
    }
    let is_key = body.get("auth_type").and_then(Value::as_str) == Some("apikey");
    if is_key && settled.contains_key("key") {
        settled.entry("header_name").or_insert_with(|| json!("X-API-Key"));
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{registry, yaml};

    fn bodies(read: &Read) -> Vec<Value> {
        read.agents.iter().map(|agent| Value::Object(agent.body.clone())).collect()
    }

    #[test]
    fn a_registry_is_put_into_the_words_of_the_api() {
        let text = "AGENTS = {\n 'Fetcher': {'url': 'http://f', 'auth_config': {'type': 'apikey', 'key': 'k'},\n  'timeout': 30000, 'recovery': {}},\n \
                    'Plain': {'name': 'Plain', 'url': 'http://p', 'auth_config': {'type': 'none'}},\n 'Bearer': {'url': 'u', 'auth_config': \
                    {'type': 'BEARER', 'token': 't'}},\n 'Odd': 7, 'Two': {'name': 'Three', 'url': 'u'}}";
        let mut read = Read::default();
        from_registry(Path::new("r.py"), &registry(text).expect("a registry").0, &mut read);
        assert_eq!(
            bodies(&read),
            [
                json!({"name": "Bearer", "url": "u", "auth_type": "bearer", "auth_config": {"token": "t"}}),
                json!({"name": "Fetcher", "url": "http://f", "timeout_ms": 30000, "auth_type": "apikey",
                       "auth_config": {"key": "k", "header_name": "X-API-Key"}}),
                json!({"name": "Plain", "url": "http://p", "auth_type": "none"}),
            ]
        );
        let fetcher = &read.agents[1];
        assert_eq!(fetcher.notes, ["'recovery' is left out: it means nothing here"]);
        let flaw = fetcher.origin.flaw("/timeout_ms", "is wrong", None);
        assert_eq!((flaw.pointer.as_str(), flaw.place.map(|place| place.line)), ("/Fetcher/timeout", Some(3)));
        let flaws: Vec<(&str, Option<u64>)> =
            read.flaws.iter().map(|flaw| (flaw.pointer.as_str(), flaw.place.map(|place| place.line))).collect();
        assert_eq!(flaws, [("/Odd", Some(6)), ("/Two/name", Some(6))]);
    }

    #[test]
    fn a_list_in_yaml_is_read_as_the_old_script_read_it() {
        let text = "agents:\n  - name: A\n    url: http://a\n    auth_type: apikey\n    auth_config: {api_key: k, header_name: X-K}\n  - url: http://b\n  - 5\n";
        let mut read = Read::default();
        from_list(Path::new("a.yaml"), &yaml(text).expect("YAML"), &mut read);
        let wanted = json!({"name": "A", "url": "http://a", "auth_type": "apikey", "auth_config": {"key": "k", "header_name": "X-K"}});
        assert_eq!(bodies(&read), [wanted]);
        let lines: Vec<Option<u64>> = read.flaws.iter().map(|flaw| flaw.place.map(|place| place.line)).collect();
        assert_eq!(lines, [Some(6), Some(7)]);
    }

    #[test]
    fn kinds_of_credentials_that_differ_are_left_to_the_server() {
        let text = "[{name: A, url: u, auth_type: bearer, auth_config: {type: apikey, key: k}}]";
        let mut read = Read::default();
        from_list(Path::new("a.yaml"), &yaml(text).expect("YAML"), &mut read);
        assert_eq!(read.agents[0].body["auth_config"]["type"], json!("apikey"));
    }
}
