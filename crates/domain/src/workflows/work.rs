//! What steps do that neither call an agent nor consist of others: start a run of another workflow, wait for an event, check
//! a value.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    budget::Budget,
    condition::Condition,
    definition::WorkflowName,
    reference::{Iteration, ResolveError, Scope, Template},
};
use crate::{
    agents::AgentName,
    ids::{StepId, WorkflowId},
    ports::{Schema, Violation},
};

/// A run of another workflow.
#[derive(Debug)]
pub struct ChildWork {
    /// The workflow.
    pub target: ChildTarget,
    /// How many seconds the run may take.
    pub timeout_seconds: Option<u32>,
    /// What the rows of the step show in place of an agent.
    pub performer: AgentName,
    pub(super) input: Vec<(String, Template)>,
}

/// Which workflow a step runs. Without a version it is the latest active one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildTarget {
    /// The workflow.
    pub workflow: ChildWorkflow,
    /// The number of the version.
    pub version: Option<u32>,
}

/// How a step names the workflow that it runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChildWorkflow {
    /// By its name.
    Named(WorkflowName),
    /// By its id.
    Id(WorkflowId),
}

impl std::fmt::Display for ChildTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.workflow {
            ChildWorkflow::Named(name) => f.write_str(name.as_str())?,
            ChildWorkflow::Id(id) => write!(f, "{id}")?,
        }
        self.version.map_or(Ok(()), |version| write!(f, " (version {version})"))
    }
}

/// A wait for something that others tell the run.
#[derive(Debug)]
pub struct WaitWork {
    /// The event's name.
    pub event: AgentName,
    /// Which of all runs that wait for such an event is meant.
    pub correlation: Option<Template>,
    /// Whether an event is the right one.
    pub filter: Option<Condition>,
    /// How many seconds to wait.
    pub timeout_seconds: Option<u32>,
    /// Whether the run goes on if the event does not come in time.
    pub goes_on: bool,
}

/// A check of a value.
#[derive(Debug)]
pub struct CheckWork {
    /// The value.
    pub data: Template,
    /// What it must be like.
    pub schema: Option<Arc<dyn Schema>>,
    /// What must hold.
    pub assertions: Vec<Assertion>,
    /// Whether the step fails if the value is not as it must be.
    pub is_strict: bool,
    /// What the rows of the step show in place of an agent.
    pub performer: AgentName,
}

/// Something that must hold of a value.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// The condition.
    pub condition: Condition,
    /// What is wrong if it does not hold.
    pub message: String,
}

/// What a check comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The value.
    pub data: Value,
    /// What is wrong with it.
    pub violations: Vec<Violation>,
}

/// A mapping with every reference replaced.
pub(super) fn resolve_mapping(
    mapping: &[(String, Template)],
    scope: &dyn Scope,
    budget: &mut Budget,
) -> Result<Value, ResolveError> {
    let members = mapping.iter().map(|(field, template)| Ok((field.clone(), template.resolve(field, scope, budget)?)));
    members.collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

impl ChildWork {
    /// The child's input.
    pub fn resolve_input(&self, scope: &dyn Scope) -> Result<Value, ResolveError> {
        resolve_mapping(&self.input, scope, &mut Budget::default())
    }
}

impl WaitWork {
    /// What tells this run from others that wait for such an event; empty if nothing does.
    pub fn correlation(&self, scope: &dyn Scope) -> Result<String, String> {
        let Some(template) = &self.correlation else { return Ok(String::new()) };
        match template.resolve("correlation", scope, &mut Budget::default()).map_err(|problem| problem.to_string())? {
            Value::String(text) if (1..=MAX_CORRELATION).contains(&text.chars().count()) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(format!("'correlation' must be a text of 1 to {MAX_CORRELATION} characters, not {other}")),
        }
    }

    /// What is waited for, for people.
    pub fn describe(&self, scope: &dyn Scope) -> Value {
        let mut described = json!({"event": self.event.as_str()});
        if let Some(correlation) = self.correlation(scope).ok().filter(|text| !text.is_empty()) {
            described["correlation"] = correlation.into();
        }
        described
    }

    /// Whether an event is the one that is waited for. A filter that cannot be evaluated lets nothing through.
    pub fn lets_through(&self, event: &Value, scope: &dyn Scope) -> bool {
        let about = About { scope, given: event };
        self.filter.as_ref().is_none_or(|filter| filter.evaluate(&about).unwrap_or(false))
    }

    /// The output once the event has come, or once it has not come in time.
    pub fn output(&self, data: Option<&Value>) -> Value {
        json!({"event": self.event.as_str(), "timed_out": data.is_none(), "data": data})
    }
}

/// The longest text that correlates an event, in characters.
pub const MAX_CORRELATION: usize = 200;

impl CheckWork {
    /// Checks the value; an assertion that cannot be evaluated does not hold.
    pub fn check(&self, scope: &dyn Scope) -> Result<Report, ResolveError> {
        let data = self.data.resolve("data", scope, &mut Budget::default())?;
        let mut violations = self.schema.as_ref().map_or_else(Vec::new, |schema| schema.violations(&data));
        let about = About { scope, given: &data };
        for assertion in &self.assertions {
            let problem = match assertion.condition.evaluate(&about) {
                Ok(true) => continue,
                Ok(false) => assertion.message.clone(),
                Err(error) => format!("{} ({error})", assertion.message),
            };
            violations.push(Violation { pointer: String::new(), message: problem });
        }
        Ok(Report { data, violations })
    }
}

impl Report {
    /// The step's output.
    pub fn output(&self) -> Value {
        let error = |violation: &Violation| json!({"pointer": violation.pointer, "message": violation.message});
        let errors: Vec<Value> = self.violations.iter().map(error).collect();
        json!({"valid": errors.is_empty(), "errors": errors})
    }
}

/// A scope in which something is asked about a value.
struct About<'a> {
    scope: &'a dyn Scope,
    given: &'a Value,
}

impl Scope for About<'_> {
    fn input(&self) -> &Value {
        self.scope.input()
    }

    fn output(&self, step: &StepId) -> Option<&Value> {
        self.scope.output(step)
    }

    fn iteration(&self) -> Option<Iteration<'_>> {
        self.scope.iteration()
    }

    fn given(&self) -> Option<&Value> {
        Some(self.given)
    }
}
