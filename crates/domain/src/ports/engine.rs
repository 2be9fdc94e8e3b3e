//! The engine next door, if this process has one.

use crate::{
    agents::WaitingCall,
    ids::{Epoch, ExecutorId, RunId},
    runs::{AgentCall, RunData, RunState},
    workflows::SharedPlan,
};

/// A run that was started for an executor of this process and is durable.
#[derive(Debug, Clone)]
pub struct Adopted {
    /// The executor that it was started for.
    pub executor: ExecutorId,
    /// The run.
    pub run: RunId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its plan.
    pub plan: SharedPlan,
    /// Its state.
    pub state: RunState,
    /// Its data.
    pub data: RunData,
    /// The calls to be made now.
    pub calls: Vec<AgentCall>,
}

/// A local executor. All of this may be lost: what it is told here it also finds by its scans.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Engine: Send + Sync {
    /// The executor that would look after one more run now; none if it is full, draining or not there.
    fn offer(&self) -> Option<ExecutorId>;

    /// Hands over a run that was started with [`Engine::offer`]'s executor as its owner.
    fn adopt(&self, run: Adopted);

    /// A run can be claimed.
    fn ring(&self);

    /// An agent was changed: what is known of agents is to be read anew.
    fn agents_changed(&self);

    /// A run was cancelled, perhaps one of this executor's.
    fn cancelled(&self, run: &RunId);

    /// The calls of a run that its owner keeps from their agents for the moment; none where the owner is another executor.
    fn waiting_of(&self, owner: ExecutorId, run: &RunId) -> Option<Vec<WaitingCall>>;
}
