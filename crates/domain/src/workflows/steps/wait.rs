//! Steps of type `wait_for_event`.

use serde_json::Value;

use super::{CONDITION_HINT, Content, Reader};
use crate::{
    agents::AgentName,
    workflows::{condition::Condition, limits::MAX_EVENT_NAME, reference::Template},
};

impl Reader<'_> {
    pub(super) fn wait(&mut self) -> Option<Content> {
        let (prefix, config) = self.config("event_config")?;
        let at = |member: &'static str| prefix.iter().copied().chain([member]).collect::<Vec<&str>>();
        let event = self.event_name(&at("event"), config("event"));
        let correlation = config("correlation").map(|value| self.readable(&at("correlation"), value));
        let filter = match config("filter") {
            None => Some(None),
            Some(text) => self.expression(&at("filter"), Some(text)).map(Some),
        };
        let timeout_seconds = self.seconds(&at("timeout_seconds"), config("timeout_seconds"));
        let goes_on = self.one_of(&at("on_timeout"), config("on_timeout"), &[("fail", false), ("continue", true)]);
        if config("on_timeout").is_some() && config("timeout_seconds").is_none() {
            let message = "'on_timeout' has no meaning without 'timeout_seconds'".to_owned();
            self.refuse(&at("on_timeout"), "member_does_not_apply", message);
        }
        Some(Content::Wait {
            event: event?,
            correlation,
            filter: filter?,
            timeout_seconds: timeout_seconds?,
            goes_on: goes_on?,
        })
    }

    fn event_name(&mut self, at: &[&str], value: Option<&Value>) -> Option<AgentName> {
        let text = value.and_then(Value::as_str).unwrap_or_default();
        let fits = text.chars().count() <= MAX_EVENT_NAME && !text.contains("${");
        let name = AgentName::parse(text).ok().filter(|_| fits);
        if name.is_none() {
            let message = format!("'event' must be the name of an event, of 1 to {MAX_EVENT_NAME} characters");
            self.error(at, "invalid_event_name", message);
        }
        name
    }

    /// What can be read of a value with references.
    pub(super) fn readable(&mut self, at: &[&str], value: &Value) -> Template {
        let (template, problems) = Template::parse_readable(value);
        for problem in problems {
            self.error(at, "invalid_reference", problem.to_string());
        }
        template
    }

    /// A condition that must be one: unlike that of a conditional, no old document has it.
    pub(super) fn expression(&mut self, at: &[&str], value: Option<&Value>) -> Option<Condition> {
        let Some(text) = value.and_then(Value::as_str).filter(|text| !text.trim().is_empty()) else {
            let name = at.last().copied().unwrap_or_default();
            self.error(at, "condition_missing", format!("'{name}' must be the text of a condition"));
            return None;
        };
        Condition::parse(text)
            .map_err(|problem| {
                self.error(at, "invalid_condition", format!("the condition cannot be read {problem}"));
                self.findings.hint(CONDITION_HINT);
            })
            .ok()
    }
}
