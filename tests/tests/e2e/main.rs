//! End-to-end tests: the binary, real HTTP, real agents, real crashes. One binary for all of them, because linking is what
//! takes time.

mod applying;
mod audit;
mod bad_input;
mod blocks;
mod chaining;
mod configuration;
mod control;
mod crash;
mod dead_letters;
mod delayed;
mod demo;
mod doors;
mod faulty_agents;
mod following;
mod following_all;
mod idempotency;
mod identity_providers;
mod interventions;
mod language;
mod linear_runs;
mod moving_in;
mod reporting;
mod terminal;
mod tokens;
mod versions;
mod waiting;
mod webhooks;

use e2e_tests::{AgentSpec, Client, DemoAgents, Orrery, eventually};
use tempfile::TempDir;

/// A server on an empty folder, demo agents beside it, and the agent `echo` registered.
struct House {
    orrery: Orrery,
    agents: DemoAgents,
    folder: TempDir,
}

impl House {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The same with further arguments for the server.
    async fn with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let data = folder.path().to_str().expect("the folder's path is UTF-8");
        let arguments = [&["--data", data], arguments].concat();
        let orrery = Orrery::launch(&arguments, folder.path()).await;
        eventually("the server is ready", async || orrery.is_ready().await.then_some(())).await;
        let agents = DemoAgents::start().await;
        orrery.client().register(AgentSpec::new("echo", agents.url("echo"))).await;
        Self { orrery, agents, folder }
    }

    fn client(&self) -> &Client {
        self.orrery.client()
    }

    /// SIGKILL, then a new server on the same folder.
    async fn crash(self) -> Self {
        self.orrery.kill9();
        let orrery = Orrery::start(self.folder.path()).await;
        Self { orrery, agents: self.agents, folder: self.folder }
    }
}
