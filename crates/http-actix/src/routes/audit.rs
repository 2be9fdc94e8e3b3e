//! The audit log over HTTP.

use actix_web::http::Method;
use application::UseCases;
use domain::access::{Access, Right};

use crate::{
    api::{About, Declarations, Query, Reply, State},
    dto::{
        audit::{AuditPageView, AuditQuery},
        examples,
    },
    problem::{Code, Problem},
};

pub(super) const GROUP: &str = "audit-logs";

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::GET,
        "/api/v1/audit-logs",
        Access::Needs(Right::AuditRead),
        list_audit_logs,
        About::new(
            GROUP,
            "Read the audit log",
            "Who changed what, newest first. Rows that the old system wrote are listed too. What is written later does not move \
             what follows a cursor.",
        )
        .answers(examples::audit_page())
        .refuses(&[Code::StoreUnavailable]),
    )
}

async fn list_audit_logs(
    State(app): State<UseCases>,
    Query(query): Query<AuditQuery>,
) -> Result<Reply<200, AuditPageView>, Problem> {
    let page = app.list_audit_log.execute(&query.filter(), query.before(), query.page_size).await?;
    Ok(Reply(page.into()))
}
