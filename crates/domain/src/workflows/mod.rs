//! Workflow definitions: documents, the references in them, their check and the plan they compile to.

mod budget;
mod check;
mod condition;
mod definition;
mod diagnostic;
mod document;
mod external;
mod lenient;
mod plan;
mod reference;

pub use budget::{Budget, MAX_INPUT_BYTES};
pub use check::{compile, hash as hash_document};
pub use condition::{Condition, EvaluationError, SyntaxError};
pub use definition::{
    ExecutableVersion, WorkflowDefinition, WorkflowFilter, WorkflowName, WorkflowSort, WorkflowStatus,
};
pub use diagnostic::{Diagnostic, Severity};
pub use document::{StepDocument, WorkflowDocument};
pub use external::unfit_for_external;
pub use plan::{Plan, PlanStep, SharedPlan, StepIndex};
pub use reference::{
    InvalidReference, Iteration, LoopVariable, Reference, ResolveError, Scope, Segment, Source, Template,
};
