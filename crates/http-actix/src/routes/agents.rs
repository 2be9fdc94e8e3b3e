//! Agents over HTTP.

use actix_web::http::Method;
use application::UseCases;
use domain::access::{Access, Right};
use domain::{agents::Agent, ids::AgentId, ports::Clock};

use crate::{
    api::{About, Body, Caller, Declarations, IfMatch, Located, Path, Query, Reply, State, Tag, Tagged},
    dto::{
        MessageView,
        agent_requests::{AgentPath, AgentQuery, CreateAgent, UpdateAgent},
        agents::{AgentHealthView, AgentView, UpdatedAgentView},
        examples,
        lists::{ListQuery as _, PageView},
    },
    problem::{Code, Problem},
};

pub(super) const GROUP: &str = "agents";

const COLLECTION: &str = "/api/v1/agents";

pub(super) fn declare(api: Declarations) -> Declarations {
    const ONE: &str = "/api/v1/agents/{agent_id}";
    api.route(
        Method::POST,
        COLLECTION,
        Access::Needs(Right::AgentsWrite),
        create_agent,
        About::new(
            GROUP,
            "Register an agent",
            "Registers an agent, which is active at once. Credentials are never returned.",
        )
        .repeatable().sends(examples::new_agent())
        .answers(examples::agent())
        .refuses(&[Code::AgentNameTaken, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        COLLECTION,
        Access::Needs(Right::AgentsRead),
        list_agents,
        About::new(GROUP, "List agents", "A page of the agents, by name.")
            .answers(examples::page(&examples::agent()))
            .refuses(&[Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        ONE,
        Access::Needs(Right::AgentsRead),
        get_agent,
        About::new(GROUP, "Read an agent", "The agent with this id, deleted or not.")
            .answers(examples::agent())
            .refuses(&[Code::AgentNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::PUT,
        ONE,
        Access::Needs(Right::AgentsWrite),
        update_agent,
        About::new(
            GROUP,
            "Change an agent",
            "Changes the members that are sent. Credentials that are left out are kept as long as the kind stays. Where \
             schemas change, the answer names the active workflows that no longer check.",
        )
        .sends(examples::agent_changes())
        .answers(examples::agent())
        .refuses(&[Code::AgentNotFound, Code::ConcurrentChange, Code::StoreUnavailable]),
    )
    .route(
        Method::DELETE,
        ONE,
        Access::Needs(Right::AgentsWrite),
        delete_agent,
        About::new(
            GROUP,
            "Delete an agent",
            "Deletes the agent softly: it stays readable and its name stays taken. Deleting it again changes nothing.",
        )
        .answers(examples::deleted("Agent 'Summariser'"))
        .refuses(&[Code::AgentNotFound, Code::ConcurrentChange, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        "/api/v1/agents/{agent_id}/health",
        Access::Needs(Right::AgentsCheck),
        check_agent_health,
        About::new(
            GROUP,
            "Check an agent's health",
            "Asks the agent for its card. An agent that does not answer is unhealthy, which is no error.",
        )
        .answers(examples::agent_health())
        .refuses(&[Code::AgentNotFound, Code::StoreUnavailable]),
    )
}

/// How an agent's calls are getting on is not part of it.
fn tag(agent: &Agent) -> Tag {
    Tag::new(agent.id.uuid(), agent.revision)
}

async fn create_agent(
    Caller(by): Caller,
    State(app): State<UseCases>,
    Body(new): Body<CreateAgent>,
) -> Result<Tagged<Located<201, AgentView>>, Problem> {
    let agent = app.create_agent.execute(new.command().map_err(Problem::internal)?, &by).await?;
    Ok(Tagged { tag: tag(&agent), answer: Located::new(COLLECTION, agent.id, agent.into()) })
}

async fn list_agents(
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Query(query): Query<AgentQuery>,
) -> Result<Reply<200, PageView<AgentView>>, Problem> {
    let (sort, order) = (query.sort_by.into(), query.sort_order.into());
    let found = app.list_agents.execute(&query.filter(), sort, order, query.page()).await?;
    let now = clock.now();
    Ok(Reply(query.view(found.map(|observed| AgentView::observed(observed, now)))))
}

async fn get_agent(
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<AgentPath>,
) -> Result<Tagged<Reply<200, AgentView>>, Problem> {
    let observed = app.get_agent.execute(AgentId::new(path.agent_id)).await?;
    Ok(Tagged { tag: tag(&observed.agent), answer: Reply(AgentView::observed(observed, clock.now())) })
}

async fn update_agent(
    Caller(by): Caller,
    State(app): State<UseCases>,
    Path(path): Path<AgentPath>,
    IfMatch(expected): IfMatch,
    Body(changes): Body<UpdateAgent>,
) -> Result<Tagged<Reply<200, UpdatedAgentView>>, Problem> {
    let changes = changes.command().map_err(Problem::internal)?;
    let updated = app.update_agent.execute_if(&expected, AgentId::new(path.agent_id), &changes, &by).await?;
    Ok(Tagged { tag: tag(&updated.agent), answer: Reply(updated.into()) })
}

async fn delete_agent(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<AgentPath>,
    IfMatch(expected): IfMatch,
) -> Result<Reply<200, MessageView>, Problem> {
    let agent = app.delete_agent.execute(&expected, AgentId::new(path.agent_id), &by).await?;
    Ok(Reply(MessageView::new(format!("Agent '{}' deleted successfully", agent.name), clock.now())))
}

async fn check_agent_health(
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<AgentPath>,
) -> Result<Reply<200, AgentHealthView>, Problem> {
    let health = app.check_agent_health.execute(AgentId::new(path.agent_id)).await?;
    Ok(Reply(AgentHealthView::new(health, clock.now())))
}
