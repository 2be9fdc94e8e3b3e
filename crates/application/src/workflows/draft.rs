//! From the content that a client sends to a version that may be stored: the check shared by creating and updating.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{
    agents::{Agent, AgentName, AgentStatus},
    ids::PlanHash,
    ports::{Agents, Schemas, StoreError},
    workflows::{Diagnostic, Examined, Severity, WorkflowDocument, examine_with},
};

/// Everything that is wrong with a document; never empty.
#[derive(Debug)]
pub struct Refused {
    /// The findings.
    pub diagnostics: Vec<Diagnostic>,
}

impl Refused {
    /// Whether the document itself is sound and only its agents are missing or inactive (old clients know this case by
    /// another status, contract 1.7).
    pub fn only_agents(&self) -> bool {
        let mut errors = self.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        errors.all(|found| matches!(found.code, UNKNOWN_AGENT | INACTIVE_AGENT))
    }

    /// The first finding, for a one-line message.
    pub fn first(&self) -> &str {
        let errors = self.diagnostics.iter().find(|found| found.severity == Severity::Error);
        errors.map_or("the document was refused", |found| &found.message)
    }
}

const UNKNOWN_AGENT: &str = "unknown_agent";
const INACTIVE_AGENT: &str = "inactive_agent";

/// Checks a document: its structure, its references and its agents, all findings at once. Answers the plan's hash.
pub(super) async fn check(
    agents: &dyn Agents,
    schemas: &dyn Schemas,
    document: &WorkflowDocument,
) -> Result<Result<PlanHash, Refused>, StoreError> {
    let (plan, diagnostics) = examined(agents, schemas, document).await?;
    let is_sound = diagnostics.iter().all(|found| found.severity != Severity::Error);
    Ok(match plan {
        Some(plan) if is_sound => Ok(plan),
        Some(_) | None => Err(Refused { diagnostics }),
    })
}

/// Everything that is to be said about a document, and the hash of its plan if there is one.
pub(super) async fn examined(
    agents: &dyn Agents,
    schemas: &dyn Schemas,
    document: &WorkflowDocument,
) -> Result<(Option<PlanHash>, Vec<Diagnostic>), StoreError> {
    let known = named(agents, document).await?;
    let Examined { plan, mut findings } = examine_with(document, schemas, &known.iter().collect());
    findings.extend(check_agents(&known, document));
    Ok((plan.map(|plan| plan.hash()), findings))
}

/// The agents that a document names, as far as there are such.
pub(crate) async fn named(agents: &dyn Agents, document: &WorkflowDocument) -> Result<Vec<Agent>, StoreError> {
    // A name that is no name has been reported by the compiler.
    let parsed = document.steps.values().filter_map(|step| AgentName::parse(step.agent_name.as_deref()?).ok());
    let names: Vec<AgentName> = parsed.collect::<BTreeSet<_>>().into_iter().collect();
    agents.by_names(&names).await
}

fn check_agents(known: &[Agent], document: &WorkflowDocument) -> Vec<Diagnostic> {
    let known: HashMap<&str, &Agent> = known.iter().map(|agent| (agent.name.as_str(), agent)).collect();
    let used: BTreeMap<&String, &String> =
        document.steps.iter().filter_map(|(key, step)| Some((key, step.agent_name.as_ref()?))).collect();
    let findings = used.into_iter().filter(|(_, name)| AgentName::parse(name).is_ok()).filter_map(|(key, name)| {
        let (code, message, hint) = match known.get(name.as_str()).map(|agent| agent.status) {
            None => (UNKNOWN_AGENT, format!("Agent '{name}' not found"), "register it first, or mend the name"),
            Some(AgentStatus::Active) => return None,
            Some(status) => {
                let status = status.as_str();
                (
                    INACTIVE_AGENT,
                    format!("Agent '{name}' is not active (status: {status})"),
                    "activate it first, or use another agent",
                )
            }
        };
        let pointer = format!("/steps/{}/agent_name", key.replace('~', "~0").replace('/', "~1"));
        Some(Diagnostic::error(pointer, code, message).hint(hint))
    });
    findings.collect()
}
