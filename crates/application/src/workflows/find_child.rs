//! Finds the version that a step of type `sub_workflow` runs.

use domain::{
    ports::{StoreError, Workflows},
    runs::ChildDefinition,
    workflows::{ChildTarget, ChildWorkflow},
};

/// The version that is to be run, or why there is none: in a sentence, which ends up at the step.
pub async fn find_child(
    workflows: &dyn Workflows,
    target: &ChildTarget,
) -> Result<Result<ChildDefinition, String>, StoreError> {
    let found = match &target.workflow {
        ChildWorkflow::Named(name) => workflows.executable_named(name, target.version).await?,
        ChildWorkflow::Id(id) => workflows.executable(*id, target.version).await?,
    };
    let Some(version) = found else { return Ok(Err(format!("Workflow '{target}' not found"))) };
    if let Some(status) = version.obstacle() {
        return Ok(Err(format!("Workflow '{target}' is not active (status: {})", status.as_str())));
    }
    Ok(Ok(ChildDefinition {
        workflow: version.head,
        name: version.name.as_str().to_owned(),
        version: version.version,
        plan: version.plan,
    }))
}
