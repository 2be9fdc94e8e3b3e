//! Tokens for calls: each call carries one with which its agent may report about that call, fetch its input and raise events
//! for its run, and nothing else (ADR 0026).

use std::{fmt, sync::Arc, time::Duration};

use domain::{
    Timestamp,
    access::{Role, Scope, TaskGrant, TokenGrant},
    agents::Agent,
    ports::{Clock, Tokens},
    runs::{CallKey, CallPass},
};

/// How long a token outlives the time that its call may take: a report may come while the call waits to be repeated.
const SLACK: Duration = Duration::from_mins(1);

/// Mints the tokens of calls. Clones share everything.
#[derive(Clone)]
pub struct CallTokens {
    tokens: Arc<dyn Tokens>,
    clock: Arc<dyn Clock>,
    callback: Option<Arc<str>>,
}

impl CallTokens {
    /// Mints with these keys; `callback` is the URL under which agents reach the API, if somebody has said.
    pub fn new(tokens: Arc<dyn Tokens>, clock: Arc<dyn Clock>, callback: Option<&str>) -> Self {
        Self { tokens, clock, callback: callback.map(|url| url.trim_end_matches('/').into()) }
    }

    /// What a call carries that is about to be made. A signature is made for it (some 70 µs), so this is for the call's own task.
    pub fn pass(&self, key: &CallKey, agent: &Agent) -> CallPass {
        let CallKey { run, path, generation, round } = key.clone();
        let name = agent.name.clone();
        let grant = TokenGrant {
            principal: format!("agent:{name}"),
            source: None,
            role: Role::Agent,
            scope: Scope::default(),
            hides_payloads: false,
            expires_at: self.ends(agent.timeout),
            task: Some(TaskGrant { run, step: path, generation, round, agent: name }),
        };
        CallPass { token: self.tokens.mint(&grant), callback: self.callback.clone() }
    }

    fn ends(&self, allowed: Duration) -> Timestamp {
        let lives = chrono::TimeDelta::from_std(allowed + SLACK).unwrap_or(chrono::TimeDelta::MAX);
        self.clock.now().checked_add_signed(lives).unwrap_or(Timestamp::MAX_UTC)
    }
}

impl fmt::Debug for CallTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallTokens").field("callback", &self.callback).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        agents::{AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, RetryPolicy, Secret},
        ids::{AgentId, RunId, StepId},
        ports::{MockClock, MockTokens},
    };

    use super::*;

    fn agent() -> Agent {
        Agent {
            id: AgentId::new(uuid::Uuid::nil()),
            name: AgentName::parse("A").expect("a name"),
            url: AgentUrl::parse("http://a/").expect("a URL"),
            description: None,
            auth: AgentAuth::None,
            timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
            retry_strategy: None,
            circuit_breaker: None,
            max_concurrent_calls: None,
            schemas: AgentSchemas::default(),
            status: AgentStatus::Active,
            revision: 1,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            created_by: None,
            updated_by: None,
        }
    }

    #[test]
    fn a_token_is_of_one_call_and_ends_a_minute_after_the_time_that_its_agent_has() {
        let (mut tokens, mut clock) = (MockTokens::new(), MockClock::new());
        clock.expect_now().return_const(Timestamp::UNIX_EPOCH);
        tokens.expect_mint().times(1).returning(|grant| {
            assert_eq!((grant.principal.as_str(), grant.role, &grant.source), ("agent:A", Role::Agent, &None));
            assert_eq!(grant.expires_at, Timestamp::UNIX_EPOCH + Duration::from_secs(90));
            Secret::new(format!("{:?}", grant.task.as_ref().expect("the token of a call").key()))
        });
        let path = StepId::parse("s").expect("an id").top_level();
        let key = CallKey { run: RunId::parse("r").expect("an id"), path, generation: 1, round: 2 };
        let minting = CallTokens::new(Arc::new(tokens), Arc::new(clock), Some("https://orrery.example/"));
        let pass = minting.pass(&key, &agent());
        assert_eq!(pass.token.reveal(), format!("{key:?}"));
        assert_eq!(pass.callback.as_deref(), Some("https://orrery.example"));
    }
}
