//! Versions of workflows over HTTP.

use actix_web::http::Method;
use application::UseCases;
use domain::ids::WorkflowId;

use super::workflows::GROUP;
use crate::{
    api::{About, Declarations, Path, Query, Reply, State},
    dto::{
        examples,
        lists::{self, PageView},
        workflow_views::WorkflowView,
        workflows::{VersionQuery, WorkflowPath},
    },
    problem::{Code, Problem},
};

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::GET,
        "/api/v1/workflows/{workflow_id}/versions",
        list_versions,
        About::new(
            GROUP,
            "List a workflow's versions",
            "A page of all versions, newest first; each can be executed by its id.",
        )
        .answers(examples::page(&examples::workflow()))
        .refuses(&[Code::WorkflowNotFound, Code::StoreUnavailable]),
    )
}

async fn list_versions(
    State(app): State<UseCases>,
    Path(path): Path<WorkflowPath>,
    Query(query): Query<VersionQuery>,
) -> Result<Reply<200, PageView<WorkflowView>>, Problem> {
    let page = lists::page(query.page, query.page_size);
    let found = app.list_versions.execute(WorkflowId::new(path.workflow_id), page).await?;
    Ok(Reply(PageView::new(found, page)))
}
