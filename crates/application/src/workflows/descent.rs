//! The workflows that a document runs in its steps and after its runs, and those that they run: whether they are there, and
//! whether a run of the document would ever come back to itself.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    ports::{StoreError, Workflows},
    workflows::{
        ChildTarget, ChildWorkflow, Diagnostic, MAX_CHILD_DEPTH, Plan, Severity, SharedPlan, WorkflowDocument,
    },
};

use super::{draft::pointer, find_child};
use crate::plans::PlanCache;

const UNKNOWN_WORKFLOW: &str = "unknown_workflow";

/// The most workflows that are read for one document: whoever runs more of them finds out at run time.
const MOST: usize = 200;

/// Everything that is to be said about the workflows that a document runs.
pub(super) async fn check_children(
    workflows: &dyn Workflows,
    plans: &PlanCache,
    plan: &Plan,
    document: &WorkflowDocument,
) -> Result<Vec<Diagnostic>, StoreError> {
    let mut findings = Vec::new();
    let mut descent =
        Descent { workflows, plans, name: &document.name, seen: BTreeSet::new(), missing: BTreeMap::new() };
    for (step, target) in plan.children() {
        let has_member =
            |member: &str| document.steps.get(step.as_str()).is_some_and(|step| step.other.contains_key(member));
        let member = ["workflow_name", "workflow_id"].into_iter().find(|member| has_member(member));
        let begin = Begin { who: format!("step '{step}'"), target, is_step: true };
        if let Some(found) = descent.look(&begin).await? {
            let member = to_blame(workflows, target, &found, member.unwrap_or("workflow_id")).await?;
            findings.push(found.at(pointer(step.as_str(), member)));
        }
    }
    for (number, follow_up) in plan.follow_ups().iter().enumerate() {
        let item = document.on_complete.as_ref().and_then(|items| items.get(number));
        let has_name = item.is_some_and(|item| item.get("workflow_name").is_some_and(|name| !name.is_null()));
        let member = if has_name { "workflow_name" } else { "workflow_id" };
        let begin =
            Begin { who: format!("on_complete (number {})", number + 1), target: &follow_up.target, is_step: false };
        if let Some(found) = descent.look(&begin).await? {
            let member = to_blame(workflows, &follow_up.target, &found, member).await?;
            findings.push(found.at(format!("/on_complete/{number}/{member}")));
        }
    }
    Ok(findings)
}

/// The member that is to blame: the version, where the workflow is there and only this version of it is not.
async fn to_blame<'m>(
    workflows: &dyn Workflows,
    target: &ChildTarget,
    found: &Found,
    member: &'m str,
) -> Result<&'m str, StoreError> {
    let is_missing = found.code == UNKNOWN_WORKFLOW && found.severity == Severity::Error;
    if !is_missing || target.version.is_none() {
        return Ok(member);
    }
    let any = ChildTarget { version: None, ..target.clone() };
    Ok(if find_child(workflows, &any).await?.is_ok() { "workflow_version" } else { member })
}

/// A place of the document that runs a workflow.
struct Begin<'a> {
    who: String,
    target: &'a ChildTarget,
    /// In a step, and not after the run.
    is_step: bool,
}

/// What is wrong with a workflow that is run somewhere.
struct Found {
    code: &'static str,
    message: String,
    severity: Severity,
}

impl Found {
    fn error(code: &'static str, message: String) -> Self {
        Self { code, message, severity: Severity::Error }
    }

    fn at(self, place: String) -> Diagnostic {
        let found = Diagnostic { severity: self.severity, ..Diagnostic::error(place, self.code, self.message) };
        if self.code == UNKNOWN_WORKFLOW { found.hint("save and activate it first, or mend the name") } else { found }
    }
}

/// A workflow on the way down.
struct Below {
    target: ChildTarget,
    /// The names of those before it.
    way: String,
    /// How many of them wait for it.
    nested: u32,
}

struct Descent<'a> {
    workflows: &'a dyn Workflows,
    plans: &'a PlanCache,
    /// The workflow that the document is of.
    name: &'a str,
    /// Those that have been looked into.
    seen: BTreeSet<ChildTarget>,
    /// Those that are not there, and why: each place that runs one is told.
    missing: BTreeMap<ChildTarget, String>,
}

impl Descent<'_> {
    /// Level by level, so that the shortest way round is told.
    async fn look(&mut self, begin: &Begin<'_>) -> Result<Option<Found>, StoreError> {
        let Begin { who, target, is_step } = begin;
        // That has been said already.
        if matches!(&target.workflow, ChildWorkflow::Named(name) if name.as_str() == self.name) {
            return Ok(None);
        }
        let absent = |why: &str| Found::error(UNKNOWN_WORKFLOW, format!("{who}: {why}"));
        if let Some(why) = self.missing.get(target) {
            return Ok(Some(absent(why)));
        }
        let first = Below { target: (*target).clone(), way: String::new(), nested: u32::from(*is_step) };
        let mut level = vec![first];
        while !level.is_empty() {
            let mut below = Vec::new();
            for Below { target, way, nested } in level {
                if nested > MAX_CHILD_DEPTH {
                    let message = format!("{who} starts runs more than {MAX_CHILD_DEPTH} levels deep: {way}");
                    return Ok(Some(Found::error("nested_too_deep", message)));
                }
                if self.seen.len() > MOST || !self.seen.insert(target.clone()) {
                    continue;
                }
                let found = match find_child(self.workflows, &target).await? {
                    Ok(found) => found,
                    Err(why) if way.is_empty() => {
                        self.missing.insert(target, why.clone());
                        return Ok(Some(absent(&why)));
                    }
                    // Whoever saved that one was told, and it may be mended before it is reached.
                    Err(why) => {
                        let message = format!("{who} runs {way}, which cannot go on: {why}");
                        return Ok(Some(Found { code: UNKNOWN_WORKFLOW, message, severity: Severity::Warning }));
                    }
                };
                let way = if way.is_empty() { found.name.clone() } else { format!("{way} -> {}", found.name) };
                if found.name == self.name {
                    let message = format!("{who} leads back to the workflow that it is part of: {way}");
                    return Ok(Some(Found::error("workflow_in_itself", message)));
                }
                let plan: SharedPlan = self.plans.get(found.plan).await?;
                below.extend(plan.children().map(|(_, target)| Below {
                    target: target.clone(),
                    way: way.clone(),
                    nested: nested + 1,
                }));
                below.extend(plan.follow_ups().iter().map(|follow_up| Below {
                    target: follow_up.target.clone(),
                    way: way.clone(),
                    nested: 0,
                }));
            }
            level = below;
        }
        Ok(None)
    }
}
