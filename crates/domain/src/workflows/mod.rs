//! Workflow definitions: documents, the references in them, their check and the plan they compile to.

mod budget;
mod check;
mod condition;
mod definition;
mod delay;
mod diagnostic;
mod difference;
mod document;
mod executable;
mod external;
mod findings;
mod lenient;
mod limits;
mod path;
mod plan;
mod reference;
mod status;
mod steps;
mod tree;
mod visibility;

pub use budget::{Budget, MAX_INPUT_BYTES};
pub use check::{Examined, compile, examine, hash as hash_document};
pub use condition::{Condition, EvaluationError, SyntaxError};
pub use definition::{ChangeSummary, WorkflowDefinition, WorkflowFilter, WorkflowName, WorkflowSort};
pub use diagnostic::{Diagnostic, Severity};
pub use difference::{Change, Difference, PlacedChange};
pub use document::{StepDocument, WorkflowDocument};
pub use executable::{ExecutableVersion, VersionAddress};
pub use external::unfit_for_external;
pub use limits::{MAX_AT_ONCE, MAX_ITERATIONS, MAX_MEMBERS, MAX_NESTING, MAX_PATH, MAX_PLACES, MAX_STEPS};
pub use path::{Segment, Slice};
pub use plan::{
    AgentWork, Block, BlockKind, Branch, Choice, Delay, ForkJoin, JoinPolicy, Loop, OnError, Plan, PlanStep,
    SharedPlan, StepIndex, Work,
};
pub use reference::{InvalidReference, Iteration, LoopVariable, Reference, ResolveError, Scope, Source, Template};
pub use status::WorkflowStatus;
