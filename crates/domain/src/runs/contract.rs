//! What one revision of an agent declares, ready to be asked: what is sent must fit its `input_schema`, what it answers its
//! `output_schema`. The one rule of runs and of rehearsals.

use std::sync::Arc;

use super::call::{CallFailure, CallOutcome, FailureKind};
use crate::{
    agents::{Agent, AgentName},
    payload::Payload,
    ports::{InvalidSchema, Schema, Schemas, Violation},
};

/// The schemas of one revision of an agent.
#[derive(Debug, Clone)]
pub struct AgentContract {
    agent: AgentName,
    input: Checker,
    output: Checker,
}

/// None where the agent does not say; an error if it says something that this program cannot read.
type Checker = Option<Result<Arc<dyn Schema>, InvalidSchema>>;

impl AgentContract {
    /// Compiles what the agent declares.
    pub fn of(agent: &Agent, schemas: &dyn Schemas) -> Self {
        let compile = |schema: &Option<_>| schema.as_ref().map(|schema| schemas.compile(schema));
        Self { agent: agent.name.clone(), input: compile(&agent.schemas.input), output: compile(&agent.schemas.output) }
    }

    /// Why an input must not be sent, if it must not. The same input fits no better at the next attempt.
    pub fn refuses(&self, input: &Payload) -> Option<CallFailure> {
        let problem = misfit(&self.input, input)?;
        let message = format!("The input does not fit the input_schema of agent '{}': {problem}", self.agent);
        Some(CallFailure::permanent(FailureKind::Validation, message))
    }

    /// What comes of a call whose answer is this one. One that does not fit may be better next time, which is a new call: the
    /// agent has done its work.
    pub fn judge(&self, outcome: CallOutcome) -> CallOutcome {
        let CallOutcome::Completed(answer) = &outcome else { return outcome };
        match misfit(&self.output, answer) {
            None => outcome,
            Some(problem) => {
                let message = format!("The output does not fit the output_schema of agent '{}': {problem}", self.agent);
                CallOutcome::Failed(CallFailure::definite(FailureKind::Validation, message))
            }
        }
    }
}

/// Why a value does not fit, if it does not.
fn misfit(checker: &Checker, value: &Payload) -> Option<String> {
    match checker.as_ref()? {
        Ok(schema) => {
            let violations = schema.violations(value.value());
            (!violations.is_empty()).then(|| Violation::sentence(&violations))
        }
        Err(invalid) => Some(format!("it is no JSON Schema: {invalid}")),
    }
}
