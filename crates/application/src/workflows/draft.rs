//! From the content that a client sends to a version that may be stored: the check shared by creating and updating.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use domain::{
    agents::{Agent, AgentName, AgentStatus},
    ids::PlanHash,
    ports::{Agents, Schemas, StoreError, Workflows},
    workflows::{
        Diagnostic, Examined, Plan, PlanStep, Severity, WorkflowDefinition, WorkflowDocument, WorkflowStatus,
        each_once, examine_with,
    },
};

use super::descent::check_children;
use crate::{Ports, plans::PlanCache};

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

/// Checks documents against all that is known of what they name.
#[derive(Clone)]
pub(super) struct DocumentCheck {
    agents: Arc<dyn Agents>,
    workflows: Arc<dyn Workflows>,
    schemas: Arc<dyn Schemas>,
    plans: Arc<PlanCache>,
    max_nesting: usize,
}

impl DocumentCheck {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            agents: ports.agents.clone(),
            workflows: ports.workflows.clone(),
            schemas: ports.schemas.clone(),
            plans: ports.plans.clone(),
            max_nesting: ports.max_nesting,
        }
    }

    /// Checks a document: its structure, its references, its agents and the workflows that it runs, all findings at once.
    /// Answers the plan's hash.
    pub(super) async fn check(&self, document: &WorkflowDocument) -> Result<Result<PlanHash, Refused>, StoreError> {
        let (plan, diagnostics) = self.examined(document).await?;
        let is_sound = diagnostics.iter().all(|found| found.severity != Severity::Error);
        Ok(match plan {
            Some(plan) if is_sound => Ok(plan),
            Some(_) | None => Err(Refused { diagnostics }),
        })
    }

    /// Checks a draft that is to become active: since it was saved, what it names may have gone. Other changes of a status need
    /// none; a version that has been executed may be, once more.
    pub(super) async fn check_activation(
        &self,
        row: &WorkflowDefinition,
        status: WorkflowStatus,
    ) -> Result<Result<(), Refused>, StoreError> {
        if row.status != WorkflowStatus::Draft || !status.is_executable() {
            return Ok(Ok(()));
        }
        Ok(self.check(&row.document).await?.map(|_| ()))
    }

    /// Everything that is to be said about a document, and the hash of its plan if there is one.
    pub(super) async fn examined(
        &self,
        document: &WorkflowDocument,
    ) -> Result<(Option<PlanHash>, Vec<Diagnostic>), StoreError> {
        let known = named(&*self.agents, document).await?;
        let Examined { plan, mut findings } = examine_with(document, &*self.schemas, &known.iter().collect());
        findings.extend(check_agents(&known, document));
        if let Some(plan) = &plan {
            findings.extend(check_nesting(plan, self.max_nesting));
            findings.extend(check_children(&*self.workflows, &self.plans, plan, document).await?);
        }
        Ok((plan.map(|plan| plan.hash()), each_once(findings)))
    }
}

/// The deepest nesting may be set lower than what the engine can do.
fn check_nesting(plan: &Plan, most: usize) -> Option<Diagnostic> {
    let depth = |step: &PlanStep| step.place.matches('/').count();
    let deepest = plan.steps().max_by_key(|step| depth(step)).filter(|step| depth(step) > most)?;
    let message = format!("step '{}' lies deeper in blocks than this server's limit of {most} levels", deepest.id);
    Some(Diagnostic::error(pointer(deepest.id.as_str(), ""), "nested_too_deep", message))
}

/// A JSON Pointer to a step, or to a member of it (RFC 6901, section 3).
pub(super) fn pointer(step: &str, member: &str) -> String {
    let step = step.replace('~', "~0").replace('/', "~1");
    if member.is_empty() { format!("/steps/{step}") } else { format!("/steps/{step}/{member}") }
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
        Some(Diagnostic::error(pointer(key, "agent_name"), code, message).hint(hint))
    });
    findings.collect()
}
