//! Finds the version that a step of type `sub_workflow` runs.

use domain::{
    ports::{StoreError, Workflows},
    runs::ChildDefinition,
    workflows::{ChildTarget, ChildWorkflow, ExecutableVersion, WorkflowStatus},
};

/// The version that is to be run, or why there is none: in a sentence, which ends up at the step.
pub async fn find_child(
    workflows: &dyn Workflows,
    target: &ChildTarget,
) -> Result<Result<ChildDefinition, String>, StoreError> {
    let found = match &target.workflow {
        ChildWorkflow::Named(name) => workflows.head(name).await?.as_ref().map(ExecutableVersion::from),
        ChildWorkflow::Id(id) => workflows.executable(*id).await?,
    };
    Ok(match found.filter(|found| target.version.is_none_or(|version| version == found.version)) {
        None => Err(format!("Workflow '{target}' not found")),
        Some(version) if version.status != WorkflowStatus::Active => {
            Err(format!("Workflow '{target}' is not active (status: {})", version.status.as_str()))
        }
        Some(version) => Ok(ChildDefinition {
            workflow: version.id,
            name: version.name.as_str().to_owned(),
            version: version.version,
            plan: version.plan,
        }),
    })
}
