//! One step of a document, read on its own: what its type demands, and which other steps it names.

mod child;
mod fork;
mod validation;
mod values;
mod wait;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    condition::Condition,
    document::StepDocument,
    findings::Findings,
    limits::{MAX_AT_ONCE, MAX_ITERATIONS, MAX_MEMBERS},
    plan::{Delay, JoinPolicy, OnError},
    reference::{Reference, Template},
    work::{Assertion, ChildTarget},
};
use crate::{
    agents::{AgentName, RetryPolicy},
    ports::{Schema, Schemas},
};

/// The types of steps, as documents name them.
const KINDS: [&str; 9] =
    ["agent", "parallel", "conditional", "loop", "fork_join", "sub_workflow", "wait_for_event", "validate", "delay"];

/// What a step that waits for an event may say, in its `event_config` or beside it.
const WAIT_SETTINGS: [&str; 5] = ["event", "correlation", "filter", "timeout_seconds", "on_timeout"];

/// The same for a step that checks a value, with the longer words of the old system's requirement texts.
const CHECK_SETTINGS: [&str; 7] =
    ["data", "data_source", "schema", "validation_schema", "assertions", "mode", "validation_mode"];

/// What a condition that cannot be read most often lacks.
pub(super) const CONDITION_HINT: &str =
    "references stand in ${…}, texts in quotes; compare with ==, join with and, or, not";

/// A step without what its type does not know.
pub(super) enum Content {
    Agent(AgentContent),
    Parallel {
        members: Vec<String>,
        max_parallelism: Option<u32>,
        timeout_seconds: Option<u32>,
    },
    Conditional {
        condition: Option<Condition>,
        then: Option<String>,
        otherwise: Option<String>,
        timeout_seconds: Option<u32>,
    },
    Loop(LoopContent),
    ForkJoin {
        branches: Vec<BranchContent>,
        policy: JoinPolicy,
        timeout_seconds: Option<u32>,
    },
    Delay(Delay),
    Child {
        target: ChildTarget,
        timeout_seconds: Option<u32>,
        performer: AgentName,
        input: Vec<(String, Template)>,
    },
    Wait {
        event: AgentName,
        correlation: Option<Template>,
        filter: Option<Condition>,
        timeout_seconds: Option<u32>,
        goes_on: bool,
    },
    Validate {
        data: Template,
        schema: Option<Arc<dyn Schema>>,
        assertions: Vec<Assertion>,
        is_strict: bool,
    },
    /// No step, but what follows the last one: what the run's output is made of.
    End(Option<Template>),
}

pub(super) struct AgentContent {
    pub(super) agent: AgentName,
    pub(super) input: Vec<(String, Template)>,
    pub(super) retry: Option<RetryPolicy>,
    pub(super) timeout_seconds: Option<u32>,
}

pub(super) struct LoopContent {
    pub(super) collection: Arc<Reference>,
    pub(super) body: Vec<String>,
    pub(super) is_parallel: bool,
    pub(super) max_parallelism: Option<u32>,
    pub(super) max_iterations: Option<u32>,
    pub(super) on_error: OnError,
    pub(super) timeout_seconds: Option<u32>,
}

pub(super) struct BranchContent {
    pub(super) name: Arc<str>,
    pub(super) steps: Vec<String>,
    pub(super) timeout_seconds: Option<u32>,
}

/// The type of a step, in the one spelling that the rest knows.
pub(super) fn kind(step: &StepDocument) -> &str {
    match step.kind.as_deref().unwrap_or("agent") {
        "fork-join" => "fork_join",
        other => other,
    }
}

/// The steps that a step names, whether they exist or not, with the places at which it names them.
pub(super) fn named(step: &StepDocument) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    let place = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
    let mut list = |at: Vec<String>, value: Option<&Value>| {
        for (number, id) in value.and_then(Value::as_array).into_iter().flatten().enumerate() {
            if let Some(id) = id.as_str() {
                found.push((at.iter().cloned().chain([number.to_string()]).collect(), id.to_owned()));
            }
        }
    };
    match kind(step) {
        "parallel" => list(place(&["parallel_steps"]), step.other.get("parallel_steps")),
        "loop" => match step.other.get("loop_config") {
            Some(config) => list(place(&["loop_config", "loop_body"]), config.get("loop_body")),
            None => list(place(&["loop_body"]), step.other.get("loop_body")),
        },
        "fork_join" => {
            let (at, branches) = match step.other.get("fork_join_config") {
                Some(config) => (place(&["fork_join_config", "branches"]), config.get("branches")),
                None => (place(&["branches"]), step.other.get("branches")),
            };
            for (name, branch) in branches.and_then(Value::as_object).into_iter().flatten() {
                let at = at.iter().cloned().chain([name.clone(), "steps".to_owned()]).collect();
                list(at, branch.get("steps"));
            }
        }
        "conditional" => {
            for member in ["if_true_step", "then_step", "if_false_step", "else_step"] {
                if let Some(id) = step.other.get(member).and_then(Value::as_str) {
                    found.push((place(&[member]), id.to_owned()));
                }
            }
        }
        _ => {}
    }
    found
}

/// Reads a step; what is wrong is reported. A block of which only a setting is wrong has a content all the same, so that what is
/// in it has its place and is checked: an error that is fatal leaves no plan that could execute it.
pub(super) fn read(key: &str, step: &StepDocument, schemas: &dyn Schemas, findings: &mut Findings) -> Option<Content> {
    let mut reader = Reader { key, step, schemas, findings };
    let kind = if reader.is_agent_in_disguise() { "agent" } else { kind(step) };
    let known: &[&str] = match kind {
        "agent" => &["retry_strategy", "timeout_seconds"],
        "parallel" => &["parallel_steps", "max_parallelism", "timeout_seconds"],
        "conditional" => &["condition", "if_true_step", "if_false_step", "then_step", "else_step", "timeout_seconds"],
        "loop" => &[
            "loop_config",
            "collection",
            "loop_body",
            "execution_mode",
            "max_parallelism",
            "max_iterations",
            "on_error",
            "timeout_seconds",
        ],
        "fork_join" => {
            &["fork_join_config", "branches", "join_policy", "n_required", "branch_timeout_seconds", "timeout_seconds"]
        }
        "delay" => &["delay_config"],
        "sub_workflow" => &["workflow_name", "workflow_id", "workflow_version", "timeout_seconds"],
        "wait_for_event" => &with("event_config", &WAIT_SETTINGS),
        "validate" => &with("validate_config", &CHECK_SETTINGS),
        other => {
            reader.findings.error(
                &["steps", key, "type"],
                "unsupported_step_type",
                format!("step type '{other}' is not supported"),
            );
            reader.findings.hint(format!("the types are {}", KINDS.join(", ")));
            return None;
        }
    };
    reader.foreign_members(kind, known);
    match kind {
        "agent" => reader.agent(),
        "parallel" => reader.parallel(),
        "conditional" => Some(reader.conditional()),
        "loop" => reader.repeated(),
        "fork_join" => reader.fork_join(),
        "sub_workflow" => reader.child(),
        "wait_for_event" => reader.wait(),
        "validate" => reader.validation(),
        _ => reader.delay(),
    }
}

fn with<'n>(config: &'n str, settings: &[&'n str]) -> Vec<&'n str> {
    [&[config], settings].concat()
}

struct Reader<'a> {
    key: &'a str,
    step: &'a StepDocument,
    schemas: &'a dyn Schemas,
    findings: &'a mut Findings,
}

impl<'a> Reader<'a> {
    fn error(&mut self, at: &[&str], code: &'static str, message: String) {
        let at: Vec<&str> = ["steps", self.key].into_iter().chain(at.iter().copied()).collect();
        self.findings.error(&at, code, message);
    }

    /// The same for what the old executor lives with.
    fn refuse(&mut self, at: &[&str], code: &'static str, message: String) {
        let at: Vec<&str> = ["steps", self.key].into_iter().chain(at.iter().copied()).collect();
        self.findings.refuse(&at, code, message);
    }

    /// The old executor knows these types by name only, and calls their agent (contract 5.5).
    fn is_agent_in_disguise(&mut self) -> bool {
        let kind = kind(self.step);
        let is_disguised = matches!(kind, "sub_workflow" | "wait_for_event" | "validate")
            && self.step.agent_name.is_some()
            && self.step.other.values().all(Value::is_null);
        if is_disguised {
            let message = format!("a step of type '{kind}' has no agent_name");
            self.refuse(&["agent_name"], "member_does_not_apply", message);
        }
        is_disguised
    }

    fn foreign_members(&mut self, kind: &str, known: &[&str]) {
        for (member, value) in &self.step.other {
            if !value.is_null() && !known.contains(&member.as_str()) {
                let message = format!("'{member}' has no meaning in a step of type '{kind}'");
                self.refuse(&[member], "member_does_not_apply", message);
            }
        }
        if kind == "agent" {
            return;
        }
        if self.step.agent_name.is_some() {
            let message = format!("'agent_name' has no meaning in a step of type '{kind}'");
            self.refuse(&["agent_name"], "member_does_not_apply", message);
        }
        let has_input =
            kind != "sub_workflow" && self.step.input_mapping.as_ref().is_some_and(|mapping| !mapping.is_empty());
        if has_input {
            let message = format!("'input_mapping' has no meaning in a step of type '{kind}'");
            self.refuse(&["input_mapping"], "member_does_not_apply", message);
        }
    }

    fn agent(&mut self) -> Option<Content> {
        let key = self.key;
        let agent = match self.step.agent_name.as_deref() {
            None => {
                self.error(&["agent_name"], "agent_name_missing", format!("step '{key}' needs an agent_name"));
                None
            }
            Some(name) => AgentName::parse(name)
                .map_err(|e| self.error(&["agent_name"], "invalid_agent_name", format!("agent_name: {e}")))
                .ok(),
        };
        let input = self.mapping();
        let retry = self.retry_strategy();
        let timeout_seconds = self.timeout();
        Some(Content::Agent(AgentContent {
            agent: agent?,
            input: input?,
            retry: retry?,
            timeout_seconds: timeout_seconds?,
        }))
    }

    fn mapping(&mut self) -> Option<Vec<(String, Template)>> {
        let Some(mapping) = &self.step.input_mapping else {
            let message = format!("step '{}' needs an input_mapping", self.key);
            self.error(&["input_mapping"], "input_mapping_missing", message);
            self.findings.hint("use {} for a step without input");
            return None;
        };
        let read = mapping.iter().map(|(field, value)| {
            let template = self.readable(&["input_mapping", field], value);
            (field.clone(), template)
        });
        Some(read.collect())
    }

    fn member(&self, name: &str) -> Option<&'a Value> {
        self.step.other.get(name).filter(|value| !value.is_null())
    }

    fn parallel(&mut self) -> Option<Content> {
        let members = self.ids(&["parallel_steps"], self.member("parallel_steps"), 2, MAX_MEMBERS);
        let max_parallelism = self.count(&["max_parallelism"], self.member("max_parallelism"), MAX_AT_ONCE);
        let timeout_seconds = self.timeout().flatten();
        Some(Content::Parallel { members: members?, max_parallelism: max_parallelism.flatten(), timeout_seconds })
    }

    fn conditional(&mut self) -> Content {
        let (at, expression): (&[&str], _) = match self.member("condition") {
            Some(Value::Object(condition)) => (&["condition", "expression"], condition.get("expression")),
            other => (&["condition"], other),
        };
        let condition = match expression.and_then(Value::as_str).filter(|text| !text.trim().is_empty()) {
            None => {
                let message = format!("step '{}' needs a condition with an expression", self.key);
                self.error(at, "condition_missing", message);
                None
            }
            Some(text) => match Condition::parse(text) {
                Ok(condition) => {
                    if condition.quotes_references() {
                        let at: Vec<&str> = ["steps", self.key].into_iter().chain(at.iter().copied()).collect();
                        let message = "a reference inside quotes is replaced by JSON text";
                        self.findings.warn(&at, "reference_in_quotes", message.to_owned());
                        self.findings.hint("write the reference without quotes around it");
                    }
                    Some(condition)
                }
                Err(problem) => {
                    self.refuse(at, "invalid_condition", format!("the condition cannot be read {problem}"));
                    self.findings.hint(CONDITION_HINT);
                    None
                }
            },
        };
        let then = self.side("if_true_step", "then_step");
        let otherwise = self.side("if_false_step", "else_step");
        if then.is_none() && otherwise.is_none() {
            let message = format!("step '{}' needs an if_true_step or an if_false_step", self.key);
            self.error(&[], "branch_missing", message);
        }
        let timeout_seconds = self.timeout().flatten();
        Content::Conditional { condition, then, otherwise, timeout_seconds }
    }

    fn side(&mut self, name: &'static str, synonym: &'static str) -> Option<String> {
        if let (Some(_), Some(_)) = (self.member(name), self.member(synonym)) {
            self.refuse(
                &[synonym],
                "said_twice",
                format!("'{synonym}' means the same as '{name}', which is there too"),
            );
        }
        let (name, value) = match self.member(name) {
            Some(value) => (name, value),
            None => (synonym, self.member(synonym)?),
        };
        if value.as_str().is_none() {
            self.error(&[name], "not_a_step_id", format!("'{name}' must be the id of a step"));
        }
        value.as_str().map(str::to_owned)
    }

    fn repeated(&mut self) -> Option<Content> {
        let (prefix, config) = self.config("loop_config")?;
        let at = |member: &'static str| prefix.iter().copied().chain([member]).collect::<Vec<&str>>();
        let collection = self.collection(&at("collection"), config("collection"));
        let body = self.ids(&at("loop_body"), config("loop_body"), 1, MAX_MEMBERS);
        let modes = [("sequential", false), ("parallel", true)];
        let is_parallel = self.one_of(&at("execution_mode"), config("execution_mode"), &modes);
        let on_error = [("stop", OnError::Stop), ("continue", OnError::Continue), ("collect", OnError::Collect)];
        let on_error = self.one_of(&at("on_error"), config("on_error"), &on_error);
        let max_parallelism = self.count(&at("max_parallelism"), config("max_parallelism"), MAX_AT_ONCE);
        let max_iterations = self.count(&at("max_iterations"), config("max_iterations"), MAX_ITERATIONS);
        let timeout_seconds = self.timeout();
        Some(Content::Loop(LoopContent {
            collection: Arc::new(collection),
            body: body?,
            is_parallel: is_parallel.unwrap_or_default(),
            max_parallelism: max_parallelism.flatten(),
            max_iterations: max_iterations.flatten(),
            on_error: on_error.unwrap_or(OnError::Stop),
            timeout_seconds: timeout_seconds.flatten(),
        }))
    }

    /// The members of a block's configuration: in an object of their own, or beside the others, as the requirement texts of
    /// the old system have it.
    #[expect(clippy::type_complexity, reason = "the place, and what looks a member up there")]
    fn config(
        &mut self,
        name: &'static str,
    ) -> Option<(&'static [&'static str], Box<dyn Fn(&str) -> Option<&'a Value> + 'a>)> {
        let others = &self.step.other;
        let lookup = |members: &'a Map<String, Value>| {
            Box::new(move |member: &str| members.get(member).filter(|value| !value.is_null()))
        };
        match self.member(name) {
            Some(Value::Object(members)) => {
                let prefix: &'static [&'static str] = match name {
                    "loop_config" => &["loop_config"],
                    "fork_join_config" => &["fork_join_config"],
                    "event_config" => &["event_config"],
                    _ => &["validate_config"],
                };
                self.foreign_settings(name, members);
                Some((prefix, lookup(members)))
            }
            Some(_) => {
                self.error(&[name], "not_an_object", format!("'{name}' must be an object"));
                None
            }
            None => Some((&[], Box::new(move |member: &str| others.get(member).filter(|value| !value.is_null())))),
        }
    }

    /// A mistyped filter would let everything through. Of blocks there are old documents, whose executor ignores what it does
    /// not know.
    fn foreign_settings(&mut self, name: &str, members: &Map<String, Value>) {
        let known: &[&str] = match name {
            "event_config" => &WAIT_SETTINGS,
            "validate_config" => &CHECK_SETTINGS,
            _ => return,
        };
        for (member, _) in
            members.iter().filter(|(member, value)| !value.is_null() && !known.contains(&member.as_str()))
        {
            self.refuse(&[name, member], "member_does_not_apply", format!("'{member}' has no meaning in '{name}'"));
            self.findings.hint(format!("known here: {}", known.join(", ")));
        }
    }

    fn collection(&mut self, at: &[&str], value: Option<&Value>) -> Reference {
        let text = value.and_then(Value::as_str).unwrap_or_default();
        // What follows the reference is ignored, as by the old executor.
        let raw = text.strip_prefix("${").and_then(|rest| rest.split_once('}')).map(|(raw, _)| raw);
        match raw.map(Reference::parse) {
            Some(Ok(reference)) => reference,
            Some(Err(problem)) => {
                self.error(at, "invalid_reference", problem.to_string());
                Reference::unread(text)
            }
            None => {
                self.error(at, "collection_missing", "the collection must be a reference to a list".to_owned());
                self.findings.hint("write ${workflow.input.items}, or ${step.output.items}");
                Reference::unread(text)
            }
        }
    }

    fn delay(&mut self) -> Option<Content> {
        let config = self.member("delay_config").and_then(Value::as_object);
        let member = |name: &str| config.and_then(|config| config.get(name)).filter(|value| !value.is_null());
        let (name, value) = match (member("seconds"), member("until")) {
            (Some(seconds), None) => ("seconds", seconds),
            (None, Some(until)) => ("until", until),
            _ => {
                let message = "'delay_config' must be an object with either 'seconds' or 'until'".to_owned();
                self.error(&["delay_config"], "delay_config", message);
                return None;
            }
        };
        let template = self.readable(&["delay_config", name], value);
        let delay = if name == "seconds" { Delay::Seconds(template) } else { Delay::Until(template) };
        self.check_delay(&delay, name);
        Some(Content::Delay(delay))
    }

    /// A delay without references is the same in every run.
    fn check_delay(&mut self, delay: &Delay, name: &'static str) {
        struct Nothing;
        impl super::reference::Scope for Nothing {
            fn input(&self) -> &Value {
                &Value::Null
            }
            fn output(&self, _step: &crate::ids::StepId) -> Option<&Value> {
                None
            }
        }
        if let (_, Template::Literal(_)) = delay.template()
            && let Err(problem) = delay.until(&Nothing, crate::Timestamp::UNIX_EPOCH)
        {
            self.error(&["delay_config", name], "delay_config", problem);
        }
    }
}
