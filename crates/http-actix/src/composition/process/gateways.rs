//! How a process calls agents.

use std::sync::Arc;

use adapters_http::{GatewayConfig, HttpAgentGateway};
use anyhow::Context;
use domain::ports::{AgentGateway, Clock};
use executor::CallTokens;

use super::Building;
use crate::cli::{AgentCalls, AgentTokens, Auth, Serve};

impl Building<'_> {
    /// Connections belong to the runtime that opened them: requests must not share the engine's.
    pub(super) fn gateway(&self) -> anyhow::Result<Arc<dyn AgentGateway>> {
        let clock: Arc<dyn Clock> = self.store.clock.clone();
        let config = GatewayConfig { networks: self.options.limits.agent_networks.clone(), ..GatewayConfig::default() };
        let gateway = HttpAgentGateway::new(config, clock).context("cannot make an HTTP client")?;
        Ok(Arc::new(gateway))
    }

    pub(super) fn gateway_of_runs(&mut self) -> anyhow::Result<Arc<dyn AgentGateway>> {
        let http = self.gateway()?;
        match (self.options.agent_calls, &self.bus) {
            (AgentCalls::Bridge, Some(bus)) => {
                let (gateway, results) = bus.agent_gateway(http);
                self.egress.spawn(&mut self.crew, "reader of results", |stop| results.run(stop));
                Ok(gateway)
            }
            (AgentCalls::Http | AgentCalls::Bridge, _) => Ok(http),
        }
    }

    /// Kafka keeps messages for days, and whoever reads them would hold the tokens: calls over the bridge carry none.
    pub(super) fn call_tokens(&self) -> Option<CallTokens> {
        let Serve { agent_calls, agent_tokens, door, .. } = self.options;
        let carried =
            *agent_calls == AgentCalls::Http && *agent_tokens == AgentTokens::On && door.auth == Auth::Required;
        let public_url = door.public_url.as_deref();
        carried.then(|| CallTokens::new(self.tokens.clone(), self.store.clock.clone(), public_url))
    }
}
