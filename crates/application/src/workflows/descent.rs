//! The workflows that a document runs, and those that they run: whether they are there, and whether a run of the document would
//! ever come back to itself.

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
        // That has been said already.
        if matches!(&target.workflow, ChildWorkflow::Named(name) if name.as_str() == document.name) {
            continue;
        }
        let member = if matches!(target.workflow, ChildWorkflow::Named(_)) { "workflow_name" } else { "workflow_id" };
        let has_member = document.steps.get(step.as_str()).is_some_and(|step| step.other.contains_key(member));
        let at = pointer(step.as_str(), if has_member { member } else { "workflow_id" });
        let found = descent.go(step.as_str(), target).await?;
        findings.extend(found.map(|(code, message, severity)| {
            let found = Diagnostic { severity, ..Diagnostic::error(at, code, message) };
            if code == UNKNOWN_WORKFLOW { found.hint("save and activate it first, or mend the name") } else { found }
        }));
    }
    Ok(findings)
}

/// What is wrong with a workflow that a step runs.
type Found = Option<(&'static str, String, Severity)>;

struct Descent<'a> {
    workflows: &'a dyn Workflows,
    plans: &'a PlanCache,
    /// The workflow that the document is of.
    name: &'a str,
    /// Those that have been looked into.
    seen: BTreeSet<ChildTarget>,
    /// Those that are not there, and why: each step that runs one is told.
    missing: BTreeMap<ChildTarget, String>,
}

fn absent(step: &str, why: &str) -> (&'static str, String, Severity) {
    (UNKNOWN_WORKFLOW, format!("step '{step}': {why}"), Severity::Error)
}

impl Descent<'_> {
    /// Level by level, so that the shortest way round is told.
    async fn go(&mut self, step: &str, target: &ChildTarget) -> Result<Found, StoreError> {
        let mut level: Vec<(ChildTarget, String)> = vec![(target.clone(), String::new())];
        for depth in 1..=MAX_CHILD_DEPTH {
            let mut below = Vec::new();
            for (target, way) in level {
                if let Some(why) = self.missing.get(&target).filter(|_| depth == 1) {
                    return Ok(Some(absent(step, why)));
                }
                if self.seen.len() > MOST || !self.seen.insert(target.clone()) {
                    continue;
                }
                let found = match find_child(self.workflows, &target).await? {
                    Ok(found) => found,
                    Err(why) if depth == 1 => {
                        self.missing.insert(target, why.clone());
                        return Ok(Some(absent(step, &why)));
                    }
                    // Whoever saved that one was told, and it may be mended before it is reached.
                    Err(why) => {
                        let message = format!("step '{step}' runs {way}, which cannot go on: {why}");
                        return Ok(Some((UNKNOWN_WORKFLOW, message, Severity::Warning)));
                    }
                };
                let way = if way.is_empty() { found.name.clone() } else { format!("{way} -> {}", found.name) };
                if found.name == self.name {
                    let message = format!("step '{step}' leads back to the workflow that it is part of: {way}");
                    return Ok(Some(("workflow_in_itself", message, Severity::Error)));
                }
                let plan: SharedPlan = self.plans.get(found.plan).await?;
                below.extend(plan.children().map(|(_, target)| (target.clone(), way.clone())));
            }
            level = below;
        }
        let deeper = level.first().map(|(_, way)| {
            let message = format!("step '{step}' starts runs more than {MAX_CHILD_DEPTH} levels deep: {way}");
            ("nested_too_deep", message, Severity::Error)
        });
        Ok(deeper)
    }
}
