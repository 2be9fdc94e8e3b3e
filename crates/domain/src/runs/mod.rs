//! Runs: the event-sourced state machine, the commits it makes and the views that people read.
//!
//! The truth about a run is its list of events. [`decide`] says which events an input causes, [`RunState::apply`] folds
//! them; both are pure. What a store must write is a [`RunCommit`]: a value, so that commits can be grouped.

mod adopt;
mod block_state;
mod blocks;
mod call;
mod change;
mod child;
mod commit;
mod contract;
mod dead_letter;
mod dead_letter_entry;
mod dead_letter_left;
mod decide;
mod decision;
mod event;
mod event_wait;
mod following;
mod inbox;
mod labels;
mod log;
mod message;
mod origin;
mod report;
mod rerun;
mod scope;
mod skip;
mod state;
mod step_state;
mod told;
mod view;
mod waiting;
mod waiting_on;

#[cfg(test)]
mod block_tests;
#[cfg(test)]
mod dead_letter_tests;
#[cfg(test)]
#[path = "decide_tests.rs"]
mod decide_tests;
#[cfg(test)]
mod waiting_tests;

pub use adopt::{AdoptRun, Adoption};
pub use block_state::{BlockPhase, BlockState};
pub use call::{AgentCall, AgentRequest, CallFailure, CallIds, CallKey, CallOutcome, CallPass, FailureKind, Verdict};
pub use change::RunChange;
pub use child::{ChildDefinition, ChildOutcome, ChildResume, Parent, followed, follower_of};
pub use commit::{
    AdvanceRun, CancelRun, ClosedAttempt, CommitOutcome, Outward, ResumeRun, Resumption, RunCommit, RunUpdate,
    StartRun, Wake,
};
pub use contract::AgentContract;
pub use dead_letter::{DeadLetter, ReplayOf};
pub use dead_letter_entry::{DeadLetterEntry, DeadLetterFilter, DeadLetterStatus, Replay};
pub use dead_letter_left::{DeadLetterLeft, OriginalTask};
pub use decide::{
    CannotRepeat, Input, Rejection, RunData, Transition, advance, calls_in_flight, input_of_call, outputs_needed,
    restore_outputs, resumed_children, start, start_from,
};
pub use event::{EventRecord, RunEvent};
pub use event_wait::EventWait;
pub use inbox::{InboxEntry, InboxMessage, Reported};
pub use labels::{InvalidLabels, Labels, MAX_LABEL_NAME, MAX_LABEL_VALUE, MAX_LABELS};
pub use log::{LogEntry, LogLevel};
pub use message::{
    AgentTask, CancellationRequest, ExecutionRequest, ExternalRequest, MonitoringUpdate, News, OutboxMessage,
    RaisedEvent, Receivers, RunEnded, TaskOutcome,
};
pub use origin::RunOrigin;
pub use report::{Progress, TaskState};
pub use rerun::{CannotRerun, Rerun};
pub use skip::{CannotSkip, skippable};
pub use state::{CorruptHistory, Pause, RunState, RunStatus};
pub use step_state::{Attempt, StepState};
pub use told::{EndedAttempt, NumberedEvent, RunTip, ToldEvent};
pub use view::{Run, RunEngine, RunFilter, RunSort, StepExecution, StepStatus, open_attempts};
pub use waiting_on::{WaitingOn, waiting_on};
