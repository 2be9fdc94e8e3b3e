//! Workflow definitions: documents, the references in them, their check and the plan they compile to.

mod budget;
mod check;
mod condition;
mod declared;
mod definition;
mod delay;
mod diagnostic;
mod difference;
mod document;
mod executable;
mod external;
mod findings;
mod follow_up;
mod lenient;
mod limits;
mod mentions;
mod nearest;
mod path;
mod plan;
mod reference;
mod status;
mod steps;
mod tree;
mod types;
mod visibility;
mod work;

#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod limit_tests;
#[cfg(test)]
mod mistake_tests;

pub use budget::{Budget, MAX_INPUT_BYTES};
pub use check::{Examined, compile, examine, examine_with, hash as hash_document};
pub use condition::{Condition, EvaluationError, SyntaxError};
pub use declared::Declared;
pub use definition::{ChangeSummary, WorkflowDefinition, WorkflowFilter, WorkflowName, WorkflowSort};
pub use diagnostic::{Diagnostic, Severity, each_once};
pub use difference::{Change, Difference, PlacedChange};
pub use document::{RunLimits, StepDocument, WorkflowDocument};
pub use executable::{ExecutableVersion, VersionAddress};
pub use external::{doubtful_for_external, dropped_by_external, unfit_for_external};
pub use follow_up::{Ended, FollowUp};
pub use limits::{
    MAX_AT_ONCE, MAX_CHILD_DEPTH, MAX_EVENT_NAME, MAX_FOLLOW_UPS, MAX_FOLLOWING, MAX_ITERATIONS, MAX_LOOKUPS,
    MAX_MEMBERS, MAX_NESTING, MAX_PATH, MAX_PLACES, MAX_STEPS,
};
pub use mentions::{Mention, Mentioned};
pub use path::{Segment, Slice};
pub use plan::{
    AgentWork, Block, BlockKind, Branch, Choice, Delay, ForkJoin, JoinPolicy, Loop, OnError, Plan, PlanStep,
    SharedPlan, StepIndex, Work,
};
pub use reference::{InvalidReference, Iteration, LoopVariable, Reference, ResolveError, Scope, Source, Template};
pub use status::WorkflowStatus;
pub use work::{Assertion, CheckWork, ChildTarget, ChildWork, ChildWorkflow, MAX_CORRELATION, Report, WaitWork};
