//! Versions of workflows over HTTP.

use actix_web::http::Method;
use application::{UseCases, access::Named};
use domain::access::{Access, Right};
use domain::{ids::WorkflowId, ports::Clock};

use super::workflows::{COLLECTION, GROUP, REFUSED, tag, tagged};
use crate::{
    api::{
        About, Body, Caller, Declarations, IfMatch, IfNoneMatch, Located, Path, Query, Reply, State, Tagged, Unless,
        Writer,
    },
    dto::{
        MessageView, examples,
        lists::{ListQuery as _, PageView},
        version_views::DifferenceView,
        versions::{ChangeVersion, RollBackWorkflow, VersionPath, VersionsPath},
        workflow_views::WorkflowView,
        workflows::{VersionQuery, WorkflowPath},
    },
    problem::{Code, Problem},
};

pub(super) fn declare(api: Declarations) -> Declarations {
    const ONE: &str = "/api/v1/workflows/{workflow_id}/versions/{version}";
    const UNKNOWN: [Code; 3] = [Code::WorkflowNotFound, Code::VersionNotFound, Code::StoreUnavailable];
    api.route(
        Method::GET,
        "/api/v1/workflows/{workflow_id}/versions",
        Access::Needs(Right::WorkflowsRead),
        list_versions,
        About::new(GROUP, "List a workflow's versions", "A page of all versions, newest first; each can be executed by its id.")
            .answers(examples::page(&examples::workflow()))
            .refuses(&[Code::WorkflowNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        ONE,
        Access::Needs(Right::WorkflowsRead),
        get_version,
        About::new(GROUP, "Read a version", "The version of the workflow with this number, deleted or not.")
            .answers(examples::workflow())
            .refuses(&UNKNOWN),
    )
    .route(
        Method::PUT,
        ONE,
        Access::Needs(Right::WorkflowsWrite),
        change_version,
        About::new(
            GROUP,
            "Change the status of a version",
            "Nothing else of a version ever changes. Runs go on with the version they were started with, whatever its status \
             becomes. A draft that is activated is checked once more, as when it was saved.",
        )
        .sends(examples::version_changes())
        .answers(examples::workflow())
        .refuses(&UNKNOWN)
        .refuses(&[Code::WorkflowInvalid, Code::AgentsUnusable, Code::ConcurrentChange]),
    )
    .route(
        Method::DELETE,
        ONE,
        Access::Needs(Right::WorkflowsWrite),
        delete_version,
        About::new(
            GROUP,
            "Delete a version",
            "Deletes the version softly: it stays readable and is executed no more. Refused while pending or running runs execute \
             it. The newest of several versions is only deleted with the workflow.",
        )
        .answers(examples::deleted("Version 1 of workflow 'digest'"))
        .refuses(&UNKNOWN)
        .refuses(&[Code::VersionHasLiveRuns, Code::VersionIsNewest, Code::ConcurrentChange]),
    )
    .route(
        Method::GET,
        "/api/v1/workflows/{workflow_id}/versions/{version}/diff/{other}",
        Access::Needs(Right::WorkflowsRead),
        compare_versions,
        About::new(
            GROUP,
            "Compare two versions",
            "What changed from one version to the other, place by place. Their ids and numbers, which always differ, are left out.",
        )
        .answers(examples::difference())
        .refuses(&UNKNOWN),
    )
    .route(
        Method::POST,
        "/api/v1/workflows/{workflow_id}/rollback",
        Access::Needs(Right::WorkflowsWrite),
        roll_back_workflow,
        About::new(
            GROUP,
            "Roll a workflow back",
            "Makes a new version with the content of an older one, after checking it as any other.",
        )
        .repeatable().sends(examples::rollback())
        .answers(examples::workflow())
        .refuses(&UNKNOWN)
        .refuses(&REFUSED)
        .refuses(&[Code::VersionImmutable]),
    )
}

async fn list_versions(
    State(app): State<UseCases>,
    Path(path): Path<WorkflowPath>,
    Query(query): Query<VersionQuery>,
) -> Result<Reply<200, PageView<WorkflowView>>, Problem> {
    let id = WorkflowId::new(path.workflow_id);
    Ok(Reply(query.view(app.list_versions.execute(id, query.page()).await?)))
}

async fn get_version(
    State(app): State<UseCases>,
    Path(path): Path<VersionPath>,
    known: IfNoneMatch,
) -> Result<Unless<Reply<200, WorkflowView>>, Problem> {
    let version = app.get_version.execute(WorkflowId::new(path.workflow_id), path.version).await?;
    Ok(Unless { known, answer: tagged(version) })
}

async fn change_version(
    Caller(by): Caller,
    State(app): State<UseCases>,
    Path(path): Path<VersionPath>,
    IfMatch(expected): IfMatch,
    Body(change): Body<ChangeVersion>,
) -> Result<Tagged<Reply<200, WorkflowView>>, Problem> {
    let (id, status) = (WorkflowId::new(path.workflow_id), change.status());
    Ok(tagged(app.change_version_status.execute(&expected, id, path.version, status, &by).await?))
}

async fn delete_version(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<VersionPath>,
    IfMatch(expected): IfMatch,
) -> Result<Reply<200, MessageView>, Problem> {
    let id = WorkflowId::new(path.workflow_id);
    let deleted = app.delete_version.execute(&expected, id, path.version, &by).await?;
    let (version, name) = (deleted.version, deleted.name.as_str());
    Ok(Reply(MessageView::new(format!("Version {version} of workflow '{name}' deleted successfully"), clock.now())))
}

async fn compare_versions(
    State(app): State<UseCases>,
    Path(path): Path<VersionsPath>,
) -> Result<Reply<200, DifferenceView>, Problem> {
    let id = WorkflowId::new(path.workflow_id);
    Ok(Reply(app.compare_versions.execute(id, path.version, path.other).await?.into()))
}

async fn roll_back_workflow(
    Caller(by): Caller,
    writer: Writer,
    State(app): State<UseCases>,
    Path(path): Path<WorkflowPath>,
    Body(back): Body<RollBackWorkflow>,
) -> Result<Tagged<Located<201, WorkflowView>>, Problem> {
    let (id, summary) = (WorkflowId::new(path.workflow_id), back.change_summary());
    if writer.is_restricted() {
        let old = app.get_version.execute(id, back.version).await?;
        writer.may_write(&Named::Workflow(id), old.document.mentions(), "/version").await?;
    }
    let workflow = app.roll_back_workflow.execute(id, back.version, summary, &by).await?;
    Ok(Tagged { tag: tag(&workflow), answer: Located::new(COLLECTION, workflow.id, workflow.into()) })
}
