//! Rehearsals over HTTP.

use actix_web::http::Method;
use application::UseCases;
use domain::access::{Access, Right};
use domain::ids::WorkflowId;

use super::workflows::GROUP;
use crate::{
    api::{About, Body, Declarations, Path, Reply, State},
    aside::aside,
    dto::{
        examples,
        rehearsals::{RehearsalView, TestWorkflow},
        workflows::WorkflowPath,
    },
    problem::{Code, Problem},
};

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::POST,
        "/api/v1/workflows/{workflow_id}/test",
        Access::Needs(Right::WorkflowsTest),
        test_workflow,
        About::new(
            GROUP,
            "Rehearse a workflow",
            "Executes a version against mocks, with the same engine: no agent is called, nothing is stored, and time passes at \
             once. Answers the path taken, every attempt with its input and output, and the run's output.",
        )
        .sends(examples::rehearsal())
        .answers(examples::rehearsed())
        .refuses(&[Code::WorkflowNotFound, Code::VersionNotFound, Code::InputInvalid, Code::StoreUnavailable]),
    )
}

async fn test_workflow(
    State(app): State<UseCases>,
    Path(path): Path<WorkflowPath>,
    Body(body): Body<TestWorkflow>,
) -> Result<Reply<200, RehearsalView>, Problem> {
    let version = body.version;
    let (input, mocks) = body.parts()?;
    let id = WorkflowId::new(path.workflow_id);
    let rehearsed = aside(async move { app.test_workflow.execute(id, version, input, &mocks).await }).await??;
    Ok(Reply(rehearsed.into()))
}
