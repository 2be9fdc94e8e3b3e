//! What the head of a request names: by the parameters of its path, or by those of its query that filter a list.
//!
//! It reads what the handlers' inputs read again and check: a parameter that is given twice or cannot be read is refused
//! there, so it does not matter what is made of it here.

use actix_web::{FromRequest, HttpRequest, web};
use application::access::Named;
use domain::{access::Right, ids::RunId};

/// The one thing that the request names.
pub(super) async fn named(request: &HttpRequest, right: Right) -> Named {
    let found = of_path(request).await;
    found.or_else(|| of_query(request, right)).unwrap_or(Named::Anything)
}

async fn of_path(request: &HttpRequest) -> Option<Named> {
    // Decoded by the framework, as for the handlers: both must see the same id.
    let segments = web::Path::<Vec<String>>::extract(request).await.ok()?.into_inner();
    let names = request.match_info().iter().map(|(name, _)| name);
    names.zip(segments).find_map(|(name, text)| match name {
        "workflow_id" => Some(workflow(&text)),
        "run_id" => Some(run(&text)),
        "agent_id" => Some(text.parse().map_or(Named::Anything, Named::Agent)),
        "schedule_id" => Some(text.parse().map_or(Named::Anything, Named::Schedule)),
        "dlq_id" => Some(text.parse().map_or(Named::Anything, Named::DeadLetter)),
        _ => None,
    })
}

fn of_query(request: &HttpRequest, right: Right) -> Option<Named> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?.into_inner();
    let find = |name: &str| pairs.iter().find(|(known, text)| known == name && !text.is_empty()).map(|(_, text)| text);
    if let Some(id) = find("workflow_id").or_else(|| find("workflow_definition_id")) {
        return Some(workflow(id));
    }
    if let Some(id) = find("run_id") {
        return Some(run(id));
    }
    if let Some(name) = find("workflow_name") {
        return Some(Named::WorkflowName(name.clone()));
    }
    let name = find("name")?.clone();
    Some(match right {
        Right::AgentsRead | Right::AgentsWrite | Right::AgentsCheck => Named::AgentName(name),
        _ => Named::WorkflowName(name),
    })
}

fn workflow(text: &str) -> Named {
    text.parse().map_or(Named::Anything, Named::Workflow)
}

fn run(text: &str) -> Named {
    RunId::parse(text).map_or(Named::Anything, Named::Run)
}
