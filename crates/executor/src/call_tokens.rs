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
