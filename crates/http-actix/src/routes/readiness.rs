//! Whether the process can do its work, as the composition root knows it.

use std::time::Duration;

use async_trait::async_trait;

/// How one component is.
#[derive(Debug, Clone)]
pub struct ComponentCheck {
    /// Its name, for instance `database` or `executor`.
    pub name: &'static str,
    /// Whether it works.
    pub ready: bool,
    /// Whether the process can work without it, though not with everything it does.
    pub optional: bool,
    /// What it is or what is wrong, for people; without secrets.
    pub message: String,
    /// How long the check took.
    pub response_time: Duration,
}

/// Checks the components without which the process should get no requests.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// Checks every component. MUST end within a second or two: an orchestrator waits for it.
    async fn check(&self) -> Vec<ComponentCheck>;
}
