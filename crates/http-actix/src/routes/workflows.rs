//! Workflows over HTTP.

use actix_web::http::Method;
use application::UseCases;
use domain::access::{Access, Right};
use domain::{ids::WorkflowId, ports::Clock, workflows::WorkflowDefinition};

use super::{following::awaited, runs};
use crate::{
    api::{
        About, Awaited, Body, Caller, Declarations, Ending, IfMatch, IfNoneMatch, Located, Path, Prefer, Query, Reply,
        State, Tag, Tagged, Unless, Warned,
    },
    dto::{
        MessageView, examples,
        lists::{ListQuery as _, PageView},
        run_views::{RunReceipt, RunView},
        runs::ExecuteWorkflow,
        workflow_changes::UpdateWorkflow,
        workflow_views::{ValidationView, WorkflowView},
        workflows::{CreateWorkflow, ValidateWorkflow, WorkflowPath, WorkflowQuery},
    },
    problem::{Code, Problem},
};

pub(super) const GROUP: &str = "workflows";

pub(super) const COLLECTION: &str = "/api/v1/workflows";

/// What making a version may be refused with.
pub(super) const REFUSED: [Code; 4] =
    [Code::WorkflowInvalid, Code::AgentsUnusable, Code::ConcurrentChange, Code::StoreUnavailable];

#[expect(clippy::too_many_lines, reason = "a table of routes")]
pub(super) fn declare(api: Declarations) -> Declarations {
    const ONE: &str = "/api/v1/workflows/{workflow_id}";
    api.route(
        Method::POST,
        COLLECTION,
        Access::Needs(Right::WorkflowsWrite),
        create_workflow,
        About::new(
            GROUP,
            "Create a workflow",
            "Creates a workflow after checking its document; all findings are answered at once. If the name is in use, the \
             next version of that workflow is made.",
        )
        .repeatable().sends(examples::new_workflow())
        .answers(examples::workflow())
        .refuses(&REFUSED),
    )
    .route(
        Method::GET,
        COLLECTION,
        Access::Needs(Right::WorkflowsRead),
        list_workflows,
        About::new(GROUP, "List workflows", "A page of the workflows, each by its newest version.")
            .answers(examples::page(&examples::workflow()))
            .refuses(&[Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/workflows/validate",
        Access::Needs(Right::WorkflowsTest),
        validate_workflow,
        About::new(
            GROUP,
            "Check a document",
            "Says everything that is to be said about a document, warnings too, without saving it.",
        )
        .sends(examples::validated())
        .answers(examples::validation())
        .refuses(&[Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        ONE,
        Access::Needs(Right::WorkflowsRead),
        get_workflow,
        About::new(GROUP, "Read a workflow", "The workflow, or the version, with this id, deleted or not.")
            .answers(examples::workflow())
            .refuses(&[Code::WorkflowNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::PUT,
        ONE,
        Access::Needs(Right::WorkflowsWrite),
        update_workflow,
        About::new(
            GROUP,
            "Change a workflow",
            "Changes the members that are sent. `start_step`, `steps`, `input_schema`, `output`, `on_complete`, `timeout_seconds` or \
             `max_retry_budget` make a new version under the same id, even if they are the same as before, and `change_summary` tells of \
             it; the previous version moves to an id of its own, and runs go on with the version they were started with.",
        )
        .sends(examples::workflow_changes())
        .answers(examples::workflow())
        .refuses(&REFUSED)
        .refuses(&[Code::WorkflowNotFound, Code::VersionImmutable]),
    )
    .route(
        Method::DELETE,
        ONE,
        Access::Needs(Right::WorkflowsWrite),
        delete_workflow,
        About::new(
            GROUP,
            "Delete a workflow",
            "Deletes the workflow softly: it stays readable and its runs go on. The id of an older version deletes that version \
             alone, and only while no pending or running run executes it.",
        )
        .answers(examples::deleted("Workflow 'digest'"))
        .refuses(&[
            Code::WorkflowNotFound,
            Code::VersionHasLiveRuns,
            Code::ConcurrentChange,
            Code::StoreUnavailable,
        ]),
    )
    .route(
        Method::POST,
        "/api/v1/workflows/{workflow_id}/execute",
        Access::Needs(Right::RunsExecute),
        execute_workflow,
        About::new(
            GROUP,
            "Execute a workflow",
            "Starts a run of the newest active version, or without one of the newest deprecated one; of exactly the version with \
             this id, if it is an older version's; or of the version whose number is asked for. An execution of a deprecated \
             version is answered with the header `Warning`. Answers 202 as soon as the run is durable: from then on it goes on \
             whatever happens to this process. With `Prefer: wait=N` the answer waits for the end of the run, and is 200 with the \
             finished run if that comes in time. `start_at` or `delay_seconds` have it begin later; it can be cancelled before \
             that.",
        )
        .repeatable()
        .sends(examples::execution())
        .answers_with(200, examples::run("COMPLETED"))
        .answers_with(202, examples::receipt("PENDING", "Workflow execution started", serde_json::Value::Null))
        .refuses(&[Code::WorkflowNotFound, Code::VersionNotFound, Code::WorkflowNotActive, Code::InputInvalid, Code::NotForExternalEngine, Code::Overloaded, Code::StoreUnavailable]),
    )
}

/// The tag of a row: of a workflow, or of one of its versions.
pub(super) fn tag(row: &WorkflowDefinition) -> Tag {
    Tag::new(row.id.uuid(), row.revision)
}

pub(super) fn tagged(row: WorkflowDefinition) -> Tagged<Reply<200, WorkflowView>> {
    Tagged { tag: tag(&row), answer: Reply(row.into()) }
}

async fn create_workflow(
    Caller(by): Caller,
    State(app): State<UseCases>,
    Body(new): Body<CreateWorkflow>,
) -> Result<Tagged<Located<201, WorkflowView>>, Problem> {
    let new = new.command().ok_or_else(|| Problem::internal("a checked workflow name was refused"))?;
    let workflow = app.create_workflow.execute(new, &by).await?;
    Ok(Tagged { tag: tag(&workflow), answer: Located::new(COLLECTION, workflow.id, workflow.into()) })
}

async fn validate_workflow(
    State(app): State<UseCases>,
    Body(document): Body<ValidateWorkflow>,
) -> Result<Reply<200, ValidationView>, Problem> {
    Ok(Reply(app.validate_workflow.execute(&document.document()).await?.into()))
}

async fn list_workflows(
    State(app): State<UseCases>,
    Query(query): Query<WorkflowQuery>,
) -> Result<Reply<200, PageView<WorkflowView>>, Problem> {
    let (sort, order) = (query.sort_by.into(), query.sort_order.into());
    Ok(Reply(query.view(app.list_workflows.execute(&query.filter(), sort, order, query.page()).await?)))
}

async fn get_workflow(
    State(app): State<UseCases>,
    Path(path): Path<WorkflowPath>,
    known: IfNoneMatch,
) -> Result<Unless<Reply<200, WorkflowView>>, Problem> {
    let workflow = app.get_workflow.execute(WorkflowId::new(path.workflow_id)).await?;
    Ok(Unless { known, answer: tagged(workflow) })
}

async fn update_workflow(
    Caller(by): Caller,
    State(app): State<UseCases>,
    Path(path): Path<WorkflowPath>,
    IfMatch(expected): IfMatch,
    Body(changes): Body<UpdateWorkflow>,
) -> Result<Tagged<Reply<200, WorkflowView>>, Problem> {
    let id = WorkflowId::new(path.workflow_id);
    Ok(tagged(app.update_workflow.execute_if(&expected, id, &changes.command(), &by).await?))
}

async fn delete_workflow(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<WorkflowPath>,
    IfMatch(expected): IfMatch,
) -> Result<Reply<200, MessageView>, Problem> {
    let deleted = app.delete_workflow.execute(&expected, WorkflowId::new(path.workflow_id), &by).await?;
    Ok(Reply(MessageView::new(format!("Workflow '{}' deleted successfully", deleted.name.as_str()), clock.now())))
}

async fn execute_workflow(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<WorkflowPath>,
    (Body(body), prefer, ending): (Body<ExecuteWorkflow>, Prefer, Ending),
) -> Result<Warned<Awaited<Located<200, RunView>, Located<202, RunReceipt>>>, Problem> {
    let id = WorkflowId::new(path.workflow_id);
    let execution = app.execute_workflow.execute_order(id, body.order()?, &by).await?;
    let warning = execution.warning();
    let run = execution.run;
    let id = run.id.clone();
    let answer = match awaited(&app, run, prefer, &ending).await {
        Ok(ended) => Ok(Located::new(runs::COLLECTION, id, ended.into())),
        Err(run) => {
            let receipt = RunReceipt::new(run, "Workflow execution started", clock.now());
            Err(Located::new(runs::COLLECTION, id, receipt))
        }
    };
    Ok(Warned::new(Awaited::new(prefer, answer), warning))
}
