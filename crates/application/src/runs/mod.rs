//! Use cases for runs.

mod cancel_run;
mod change_many_runs;
mod execute_workflow;
mod follow_run;
mod follow_runs;
mod get_run;
mod kept_calls;
mod list_runs;
mod list_steps;
mod pause_run;
mod raise_event;
mod read_log;
mod rerun_run;
mod resuming;
mod retry_run;
mod serve_events;
mod serve_requests;
mod skip_step;

pub use cancel_run::{CancelRun, CancelRunError};
pub use change_many_runs::{Change, ChangeManyRuns, Changed, MAX_CHANGED, ManyChanged, Selection};
pub use execute_workflow::{Begins, ExecuteWorkflow, ExecuteWorkflowError, Execution, MAX_DELAY, Order};
pub(crate) use execute_workflow::{New, Prepared};
pub use follow_run::{FollowRun, FollowRunError, Following, RunEvents};
pub use follow_runs::{ChangeFilter, FollowFrom, FollowRuns, FollowRunsError, FollowingRuns, RunChanges};
pub use get_run::{GetRun, GetRunError, Reason};
pub use list_runs::ListRuns;
pub use list_steps::ListSteps;
pub use pause_run::{PauseRun, PauseRunError};
pub use raise_event::{MAX_EVENT_BYTES, MAX_RECEIVERS, NewEvent, RaiseEvent, RaiseEventError};
pub use read_log::{FollowingLog, LogFilter, ReadLog, RunLog};
pub use rerun_run::{RerunRun, RerunRunError};
pub use retry_run::{RetryRun, RetryRunError};
pub use serve_events::ServeEvents;
pub use serve_requests::ServeRequests;
pub use skip_step::{SkipStep, SkipStepError};
