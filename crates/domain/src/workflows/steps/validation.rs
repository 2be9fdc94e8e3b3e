//! Steps of type `validate`.

use std::sync::Arc;

use serde_json::Value;

use super::{Content, Reader};
use crate::{
    ports::Schema,
    workflows::{limits::MAX_ASSERTIONS, work::Assertion},
};

impl Reader<'_> {
    pub(super) fn validation(&mut self) -> Option<Content> {
        let (prefix, config) = self.config("validate_config")?;
        let at = |member: &'static str| prefix.iter().copied().chain([member]).collect::<Vec<&str>>();
        // The requirement texts of the old system have longer words.
        let either = |name: &'static str, other: &'static str| match config(name) {
            Some(value) => (name, Some(value)),
            None => (if config(other).is_some() { other } else { name }, config(other)),
        };
        let (name, value) = either("data", "data_source");
        let data = value.map(|value| self.readable(&at(name), value));
        if value.is_none() {
            self.error(&at(name), "data_missing", format!("step '{}' needs the data that it checks", self.key));
            self.findings.hint("write ${step.output} or ${workflow.input}");
        }
        let (name, value) = either("schema", "validation_schema");
        let schema = self.schema(&at(name), value);
        let assertions = self.assertions(&at("assertions"), config("assertions"));
        let (name, value) = either("mode", "validation_mode");
        let is_strict = self.one_of(&at(name), value, &[("strict", true), ("warn", false)]);
        if value_is_missing(&config, &["schema", "validation_schema", "assertions"]) {
            let message = format!("step '{}' needs a schema or assertions", self.key);
            self.error(&at("schema"), "nothing_to_check", message);
        }
        Some(Content::Validate { data: data?, schema: schema?, assertions: assertions?, is_strict: is_strict? })
    }

    #[expect(clippy::option_option, reason = "a wrong one, none at all, and one are three things")]
    fn schema(&mut self, at: &[&str], value: Option<&Value>) -> Option<Option<Arc<dyn Schema>>> {
        let Some(value) = value else { return Some(None) };
        // `{"type": "json_schema", "schema": …}` of the requirement texts; no JSON Schema has that type.
        let wrapped = value.get("schema").filter(|_| value.get("type").is_some_and(|kind| kind == "json_schema"));
        match self.schemas.compile(wrapped.unwrap_or(value)) {
            Ok(schema) => Some(Some(schema)),
            Err(problem) => {
                let inside = problem.pointer.split('/').skip(1).map(unescaped);
                let parts: Vec<String> = wrapped.map(|_| "schema".to_owned()).into_iter().chain(inside).collect();
                let place: Vec<&str> = at.iter().copied().chain(parts.iter().map(String::as_str)).collect();
                self.error(&place, "invalid_schema", format!("this is no JSON Schema: {problem}"));
                None
            }
        }
    }

    fn assertions(&mut self, at: &[&str], value: Option<&Value>) -> Option<Vec<Assertion>> {
        let Some(value) = value else { return Some(Vec::new()) };
        let Some(items) = value.as_array().filter(|items| items.len() <= MAX_ASSERTIONS) else {
            let message = format!("'assertions' must be a list of at most {MAX_ASSERTIONS} conditions");
            self.error(at, "assertions", message);
            return None;
        };
        let mut read = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            let number = number.to_string();
            let place: Vec<&str> = at.iter().copied().chain([number.as_str()]).collect();
            read.push(self.assertion(&place, item));
        }
        read.into_iter().collect()
    }

    /// The text of a condition, or an object with `expression` and `message`.
    fn assertion(&mut self, at: &[&str], item: &Value) -> Option<Assertion> {
        let (place, text) = match item {
            Value::Object(members) => (at.iter().copied().chain(["expression"]).collect(), members.get("expression")),
            other => (at.to_vec(), Some(other)),
        };
        let condition = self.expression(&place, text)?;
        let said = item.get("message").and_then(Value::as_str).map(str::to_owned);
        let text = text.and_then(Value::as_str).unwrap_or_default();
        Some(Assertion { condition, message: said.unwrap_or_else(|| format!("'{text}' does not hold")) })
    }
}

fn value_is_missing<'a>(config: &impl Fn(&str) -> Option<&'a Value>, names: &[&str]) -> bool {
    names.iter().all(|name| config(name).is_none())
}

/// A part of a JSON Pointer as it was before it was escaped (RFC 6901, section 4).
fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}
