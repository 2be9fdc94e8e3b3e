//! What follows a run that has completed: runs of other workflows (`on_complete`).
//!
//! Nobody waits for them, and a cancellation does not reach them. Their conditions and inputs look at the input and the output
//! of the run that has completed, and at nothing else: its steps are its own affair.

use serde_json::{Map, Value};

use super::{
    budget::Budget,
    condition::{Condition, EvaluationError},
    definition::WorkflowName,
    document::WorkflowDocument,
    findings::Findings,
    limits::MAX_FOLLOW_UPS,
    reference::{Reference, ResolveError, Scope, Source, Template},
    steps::CONDITION_HINT,
    work::{ChildTarget, ChildWorkflow, resolve_mapping},
};
use crate::ids::{StepId, WorkflowId};

/// A run that follows.
#[derive(Debug)]
pub struct FollowUp {
    /// The workflow.
    pub target: ChildTarget,
    /// Whether it is wanted; without one it is.
    pub condition: Option<Condition>,
    pub(super) input: Vec<(String, Template)>,
}

/// A run that has completed, as what follows it sees it.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Its input.
    pub input: &'a Value,
    /// Its output; null where it has none.
    pub output: &'a Value,
}

impl Scope for Ended<'_> {
    fn input(&self) -> &Value {
        self.input
    }

    fn output(&self, _step: &StepId) -> Option<&Value> {
        None
    }

    fn run_output(&self) -> Option<&Value> {
        Some(self.output)
    }
}

impl FollowUp {
    /// Whether it is wanted after this.
    pub fn is_wanted(&self, after: &Ended<'_>) -> Result<bool, EvaluationError> {
        self.condition.as_ref().map_or(Ok(true), |condition| condition.evaluate(after))
    }

    /// Its input.
    pub fn resolve_input(&self, after: &Ended<'_>) -> Result<Value, ResolveError> {
        resolve_mapping(&self.input, after, &mut Budget::default())
    }
}

const MEMBERS: [&str; 5] = ["workflow_name", "workflow_id", "workflow_version", "condition", "input_mapping"];

/// Reads what a document says about it; what is wrong is reported.
pub(super) fn read(document: &WorkflowDocument, findings: &mut Findings) -> Vec<FollowUp> {
    let Some(value) = &document.on_complete else { return Vec::new() };
    let Some(items) = value.as_array().filter(|items| items.len() <= MAX_FOLLOW_UPS) else {
        let message = format!("'on_complete' must be a list of at most {MAX_FOLLOW_UPS} runs that follow");
        findings.error(&["on_complete"], "invalid_on_complete", message);
        return Vec::new();
    };
    let read = |(number, item): (usize, &Value)| {
        let number = number.to_string();
        let Some(members) = item.as_object() else {
            let message = "what follows a run is said by an object".to_owned();
            findings.error(&["on_complete", &number], "invalid_on_complete", message);
            return None;
        };
        Reader { number: &number, members, document, findings }.read()
    };
    items.iter().enumerate().filter_map(read).collect()
}

struct Reader<'a, 'f> {
    number: &'a str,
    members: &'a Map<String, Value>,
    document: &'a WorkflowDocument,
    findings: &'f mut Findings,
}

impl Reader<'_, '_> {
    fn read(mut self) -> Option<FollowUp> {
        for member in self.members.keys().filter(|member| !MEMBERS.contains(&member.as_str())) {
            let message = format!("'{member}' has no meaning in on_complete");
            self.findings.error(&["on_complete", self.number, member], "member_does_not_apply", message);
            self.findings.hint(format!("the members are {}", MEMBERS.join(", ")));
        }
        let workflow = self.workflow();
        let version = self.version();
        let condition = self.condition();
        let input = self.input();
        Some(FollowUp {
            target: ChildTarget { workflow: workflow?, version: version? },
            condition: condition?,
            input: input?,
        })
    }

    fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn error(&mut self, member: &str, code: &'static str, message: String) {
        self.findings.error(&["on_complete", self.number, member], code, message);
    }

    fn workflow(&mut self) -> Option<ChildWorkflow> {
        let (name, value) = match (self.member("workflow_name"), self.member("workflow_id")) {
            (Some(value), None) => ("workflow_name", value),
            (None, Some(value)) => ("workflow_id", value),
            (Some(_), Some(_)) => {
                let message = "'workflow_id' means the same as 'workflow_name', which is there too".to_owned();
                self.error("workflow_id", "said_twice", message);
                return None;
            }
            (None, None) => {
                let message = "what follows a run needs a workflow_name or a workflow_id".to_owned();
                self.findings.error(&["on_complete", self.number], "workflow_missing", message);
                return None;
            }
        };
        let text = value.as_str().unwrap_or_default().to_owned();
        let id = (name == "workflow_id").then(|| text.parse::<WorkflowId>().ok()).flatten();
        let found = id.map(ChildWorkflow::Id).or_else(|| WorkflowName::parse(&text).map(ChildWorkflow::Named));
        match &found {
            None => {
                let message = format!("'{name}' must be the name of a workflow, or its id");
                self.error(name, "invalid_workflow_name", message);
            }
            Some(ChildWorkflow::Named(named)) if named.as_str() == self.document.name => {
                self.error(name, "workflow_in_itself", "the workflow would follow itself for ever".to_owned());
            }
            Some(_) => {}
        }
        found
    }

    #[expect(clippy::option_option, reason = "a wrong number, none at all, and one are three things")]
    fn version(&mut self) -> Option<Option<u32>> {
        let Some(value) = self.member("workflow_version") else { return Some(None) };
        let number = value.as_u64().filter(|number| *number >= 1).and_then(|number| u32::try_from(number).ok());
        if number.is_none() {
            let message = "'workflow_version' must be a whole number from 1".to_owned();
            self.error("workflow_version", "not_a_count", message);
        }
        number.map(Some)
    }

    #[expect(clippy::option_option, reason = "one that cannot be read, none at all, and one are three things")]
    fn condition(&mut self) -> Option<Option<Condition>> {
        let Some(value) = self.member("condition") else { return Some(None) };
        let parsed = match value.as_str().filter(|text| !text.trim().is_empty()) {
            None => {
                self.error("condition", "condition_missing", "'condition' must be the text of a condition".to_owned());
                return None;
            }
            Some(text) => Condition::parse(text),
        };
        match parsed {
            Ok(condition) => {
                self.check(&["condition"], &condition.references());
                Some(Some(condition))
            }
            Err(problem) => {
                self.error("condition", "invalid_condition", format!("the condition cannot be read {problem}"));
                self.findings.hint(CONDITION_HINT);
                None
            }
        }
    }

    fn input(&mut self) -> Option<Vec<(String, Template)>> {
        let Some(value) = self.member("input_mapping") else { return Some(Vec::new()) };
        let Some(members) = value.as_object().cloned() else {
            let message = "'input_mapping' must be an object".to_owned();
            self.error("input_mapping", "input_mapping_not_an_object", message);
            return None;
        };
        let mut input = Vec::new();
        for (field, value) in &members {
            let (template, problems) = Template::parse_readable(value);
            for problem in problems {
                let at = ["on_complete", self.number, "input_mapping", field];
                self.findings.error(&at, "invalid_reference", problem.to_string());
            }
            self.check(&["input_mapping", field], &template.references());
            input.push((field.clone(), template));
        }
        Some(input)
    }

    /// References look at the input and the output of the run.
    fn check(&mut self, at: &[&str], references: &[&Reference]) {
        for reference in references {
            match reference.source {
                Source::Input | Source::RunOutput | Source::Unread => {}
                Source::Output(_) | Source::Loop(_) | Source::Given => {
                    let at: Vec<&str> = ["on_complete", self.number].iter().chain(at).copied().collect();
                    let message = format!("'${{{}}}' cannot be seen by what follows the run", reference.raw);
                    self.findings.error(&at, "reference_outside_run", message);
                    self.findings.hint("it sees ${workflow.input…} and ${workflow.output…}");
                }
            }
        }
    }
}
