//! What the server says about agents before they are sent: the schemas of its own description, so that a dry run finds what a real
//! one would.

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::{Map, Value, json};

use crate::{server::Server, source::below, trouble::Mistake};

/// How agents are checked.
pub(super) struct Rules {
    create: Option<Validator>,
    update: Option<Validator>,
}

impl Rules {
    /// Those of a server; none where it does not describe itself.
    pub(super) async fn of(server: &Server) -> Self {
        let document = server.get_root("openapi.json").await.unwrap_or_default();
        Self { create: compiled(&document, "CreateAgent"), update: compiled(&document, "UpdateAgent") }
    }

    /// What is wrong with an agent that is to be registered.
    pub(super) fn of_new(&self, body: &Map<String, Value>) -> Vec<Mistake> {
        let mut found = check(self.create.as_ref(), body);
        let url = body.get("url").and_then(Value::as_str).unwrap_or("http://unknown");
        if !(url.trim().to_lowercase().starts_with("http://") || url.trim().to_lowercase().starts_with("https://")) {
            found.push(mistake("/url", "must be an absolute http or https URL".to_owned()));
        }
        found
    }

    /// What is wrong with a change of an agent.
    pub(super) fn of_change(&self, send: &Map<String, Value>) -> Vec<Mistake> {
        check(self.update.as_ref(), send)
    }
}

fn compiled(document: &Value, name: &str) -> Option<Validator> {
    let components = document.get("components")?;
    components["schemas"].get(name)?;
    let mut root = json!({"$ref": format!("#/components/schemas/{name}"), "components": components});
    without_null(&mut root);
    jsonschema::options().build(&root).ok()
}

/// Leaves null out of choices with one other: nothing is sent for null, and a mistake in the other is told as its own.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let is_null = |choice: &Value| choice["type"] == json!("null");
            if let Some(Value::Array(choices)) = members.get_mut("anyOf")
                && choices.len() == 2
                && choices.iter().any(is_null)
            {
                choices.retain(|choice| !is_null(choice));
                let one = members.remove("anyOf").unwrap_or_default();
                members.insert("allOf".to_owned(), one);
            }
            members.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

fn check(validator: Option<&Validator>, body: &Map<String, Value>) -> Vec<Mistake> {
    let Some(validator) = validator else { return Vec::new() };
    let said: Map<String, Value> =
        body.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), value.clone())).collect();
    validator.iter_errors(&Value::Object(said)).flat_map(|error| told(&error)).collect()
}

fn mistake(pointer: &str, message: String) -> Mistake {
    Mistake { pointer: pointer.to_owned(), message, code: None, hint: None }
}

/// The mistake, without what was written: it may be a secret.
fn told(error: &ValidationError<'_>) -> Vec<Mistake> {
    let at = error.instance_path().as_str();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| mistake(&below(at, name), "unknown member".to_owned())).collect()
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![mistake(&below(at, name), "is required".to_owned())]
        }
        ValidationErrorKind::Minimum { limit } => vec![mistake(at, format!("must be at least {limit}"))],
        ValidationErrorKind::Maximum { limit } => vec![mistake(at, format!("must be at most {limit}"))],
        ValidationErrorKind::Enum { options } => vec![mistake(at, format!("must be one of {options}"))],
        _ => vec![mistake(at, error.masked_with("what is there").to_string())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_found_as_the_server_would() {
        let document = json!({"components": {"schemas": {
            "CreateAgent": {"type": "object", "additionalProperties": false, "required": ["name", "url"], "properties": {
                "name": {"type": "string"}, "url": {"type": "string"}, "timeout_ms": {"type": "integer", "minimum": 1000},
                "auth_config": {"anyOf": [{"$ref": "#/components/schemas/Auth"}, {"type": "null"}]},
            }},
            "Auth": {"type": "object", "properties": {"key": {"type": "string"}}},
        }}});
        let rules = Rules { create: compiled(&document, "CreateAgent"), update: None };
        let body = json!({"name": "a", "timeout_ms": 5, "odd": 1, "auth_config": {"key": 12345}});
        let mut found = rules.of_new(body.as_object().expect("an object"));
        found.sort_by(|one, other| one.pointer.cmp(&other.pointer));
        let pointers: Vec<&str> = found.iter().map(|mistake| mistake.pointer.as_str()).collect();
        assert_eq!(pointers, ["/auth_config/key", "/odd", "/timeout_ms", "/url"]);
        assert!(!found[0].message.contains("12345"), "{:?}", found[0]);
        let fine = json!({"name": "a", "url": "http://a", "auth_config": null});
        assert!(rules.of_new(fine.as_object().expect("an object")).is_empty());
        assert!(rules.of_change(&Map::new()).is_empty());
    }
}
