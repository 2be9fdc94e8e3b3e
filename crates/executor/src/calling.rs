//! One call to an agent, from its name to what came of it: found, let through by the gate, and made only while this process may.
//!
//! What a call that is dropped on its way has got is given back; the rest is for whoever owns the run then.

use std::{sync::Arc, time::Instant};

use domain::{
    agents::{OnUnknown, RetryPolicy},
    ids::ExecutorId,
    ports::AgentGateway,
    runs::{AgentCall, AgentRequest, CallFailure, CallOutcome, FailureKind, RunOrigin},
    workflows::SharedPlan,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    call_tokens::CallTokens,
    directory::{AgentDirectory, FRESH, Found},
    gate::Gate,
    membership::Membership,
    patience::{Insisted, insist_unless_corrupt},
    spans::CallSpans,
};

/// Who makes a call.
pub(crate) struct Caller {
    pub(crate) membership: Membership,
    /// Whose run it is.
    pub(crate) me: ExecutorId,
    /// The plan of the run; none if it is over already.
    pub(crate) plan: Option<SharedPlan>,
    /// From where the run comes; none if it is over already.
    pub(crate) origin: Option<RunOrigin>,
    /// Whether the run is paused, so that nothing leaves that has not left yet.
    pub(crate) held: watch::Receiver<bool>,
}

/// How a call gets to its agent.
pub(crate) struct Way {
    pub(crate) directory: Arc<AgentDirectory>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) gateway: Arc<dyn AgentGateway>,
    pub(crate) tokens: Option<CallTokens>,
    pub(crate) tracing: CallSpans,
}

/// None if the engine stops before the call was made: the next owner makes it.
pub(crate) async fn make_call(
    stop: &CancellationToken,
    caller: &Caller,
    way: &Way,
    call: &AgentCall,
) -> Option<(CallOutcome, RetryPolicy)> {
    let mut found = find(stop, &way.directory, call).await?;
    if let Found::Ready(agent) = &found {
        let policy = agent.retry_policy();
        // Whoever made it may have done it, and it must not be done twice.
        if call.repeated && call.on_unknown.unwrap_or(policy.on_unknown()) != OnUnknown::Retry {
            let failure = CallFailure::unknown(FailureKind::Connection, LOST);
            return Some((CallOutcome::Failed(failure), policy.clone()));
        }
    }
    let mut permit = None;
    if let Found::Ready(agent) = &found
        && agent.is_guarded()
    {
        let (policy, since) = (agent.retry_policy().clone(), Instant::now());
        let workflow = caller.plan.as_ref().map_or("", |plan| plan.name());
        while permit.is_none() {
            // Nobody says it any more where nobody wants the call any more.
            let _ = caller.held.clone().wait_for(|held| !held).await;
            match way.gate.enter(agent, call, workflow).await {
                // The run was paused while its call waited; others may have its place.
                Ok(granted) if *caller.held.borrow() => drop(granted),
                Ok(granted) => permit = Some(granted),
                Err(failure) => return Some((CallOutcome::Failed(failure), policy)),
            }
        }
        if since.elapsed() >= FRESH {
            found = find(stop, &way.directory, call).await?;
        }
    }
    Some(match found {
        Found::Ready(agent) => {
            tokio::select! {
                () = caller.membership.lease().held() => {}
                () = stop.cancelled(), if !caller.membership.lease().holds() => return None,
            }
            // Others have taken this process for dead, and make the call; the shell may not have heard of it yet.
            if caller.membership.me() != caller.me {
                return None;
            }
            let started = Instant::now();
            let pass = way.tokens.as_ref().map(|tokens| tokens.pass(&call.key, &agent));
            let traced = way.tracing.begin(call, caller.origin);
            let request = AgentRequest { pass, trace: Some(traced.place), ..call.request() };
            let outcome = way.gateway.call(&agent, &request).await;
            way.tracing.end(&traced, call, &outcome);
            metrics::histogram!("orrery_agent_call_duration_seconds").record(started.elapsed());
            if let Some(permit) = permit {
                permit.end(&outcome);
            }
            (outcome, agent.retry_policy().clone())
        }
        Found::Unknown => uncallable(format!("Agent '{}' not found", call.agent)),
        Found::Unusable(message) => uncallable(message),
    })
}

/// None if the engine stops before the store has answered.
async fn find(stop: &CancellationToken, directory: &AgentDirectory, call: &AgentCall) -> Option<Found> {
    match insist_unless_corrupt(stop, || directory.find(&call.agent)).await {
        Insisted::Answer(found) => Some(
            found.unwrap_or_else(|error| Found::Unusable(format!("Agent '{}' cannot be read: {error}", call.agent))),
        ),
        Insisted::Stopped => None,
    }
}

/// The message of a call whose outcome went with the executor that made it.
const LOST: &str = "the executor that made the call is gone, and its outcome with it";

fn uncallable(message: String) -> (CallOutcome, RetryPolicy) {
    (CallOutcome::Failed(CallFailure::permanent(FailureKind::Agent, message)), RetryPolicy::default())
}
