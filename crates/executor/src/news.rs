//! What those who watch are told of a transition (contract 3.3, monitoring updates).

use domain::{
    Timestamp,
    ids::{RunId, StepExecutionId, StepId},
    runs::{AgentCall, CallIds, CallKey, ClosedAttempt, MonitoringUpdate, News, RunEvent, RunStatus, Transition},
    trace::TraceParent,
    workflows::Plan,
};

/// The news of a transition, in the order in which they became true.
pub(crate) fn news_of(
    run: &RunId,
    from: Option<TraceParent>,
    plan: &Plan,
    made: &Transition,
    at: Timestamp,
) -> Vec<MonitoringUpdate> {
    let mut news: Vec<News> = made.closed.iter().map(|closed| step_news(run, closed)).collect();
    if let Some(update) = made.update.as_ref().filter(|update| update.status == RunStatus::Failed) {
        let step = made.events.iter().rev().find_map(|event| failed_step(plan, event));
        // Its step's own words, where there are any; the row has them with the name of the step before.
        let told = made.closed.last().filter(|closed| Some(&closed.step) == step.as_ref());
        let error = told.and_then(|closed| closed.error.clone()).or_else(|| update.error.clone());
        news.push(News::RunFailed { workflow: plan.name().to_owned(), step, error: error.unwrap_or_default() });
    }
    news.into_iter().map(|news| MonitoringUpdate { run: run.clone(), from, at, news }).collect()
}

fn failed_step(plan: &Plan, event: &RunEvent) -> Option<StepId> {
    match event {
        RunEvent::StepFailed { path, .. } => plan.at(path).map(|step| step.id.clone()),
        _ => None,
    }
}

/// The news of a call that is about to be made.
pub(crate) fn started(call: &AgentCall, from: Option<TraceParent>, at: Timestamp) -> MonitoringUpdate {
    let (step, agent) = (call.step.clone(), call.agent.clone());
    let news = News::StepStarted { step, agent, execution: call.execution_id(), task: call.ids().task };
    MonitoringUpdate { run: call.key.run.clone(), from, at, news }
}

fn step_news(run: &RunId, closed: &ClosedAttempt) -> News {
    let (step, agent) = (closed.step.clone(), closed.agent.clone());
    let execution = StepExecutionId::derive(run, &closed.step, closed.execution);
    match &closed.error {
        Some(error) => News::StepFailed { step, agent, execution, error: error.clone() },
        None => News::StepCompleted { step, agent, execution, task: ids_of(run, closed).task },
    }
}

fn ids_of(run: &RunId, closed: &ClosedAttempt) -> CallIds {
    let (path, generation, round) = (closed.path.clone(), closed.generation, closed.round);
    CallKey { run: run.clone(), path, generation, round }.ids(&closed.step)
}
