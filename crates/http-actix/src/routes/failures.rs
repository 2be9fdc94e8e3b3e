//! The one place where the refusals of use cases become problem documents.

use application::{
    agents::{CreateAgentError, DeleteAgentError, GetAgentError, InvalidSchemas, UpdateAgentError},
    dead_letters::{GetDeadLetterError, ReplayDeadLetterError},
    runs::{
        CancelRunError, ExecuteWorkflowError, GetRunError, PauseRunError, RaiseEventError, RerunRunError,
        RetryRunError, SkipStepError,
    },
    tasks::TaskError,
    workflows::{
        ChangeVersionStatusError, CreateWorkflowError, DeleteVersionError, DeleteWorkflowError, GetVersionError,
        GetWorkflowError, ListVersionsError, LiveRuns, Refused, RollBackWorkflowError, TestWorkflowError,
        UpdateWorkflowError,
    },
};
use domain::{
    agents::RefusedHost,
    payload::NotStorable,
    ports::{DONE_BEFORE, Overloaded, StoreError, Violation},
    workflows::{Diagnostic, Severity},
};

use crate::problem::{Code, Mistake, Part, Problem};

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            // Who writes has tried several times already.
            StoreError::Conflict(DONE_BEFORE) => Self::answer_lost(),
            StoreError::Conflict(_) => Self::new(Code::ConcurrentChange, error.to_string()),
            StoreError::Unavailable(_) => {
                Self::new(Code::StoreUnavailable, "Database service is temporarily unavailable").cause(error)
            }
            StoreError::Locked(_) => {
                let detail = "What this needs is encrypted under a key that this process lacks; its log names the key";
                Self::new(Code::StoreUnavailable, detail).cause(error)
            }
            StoreError::Corrupt(_) => Self::internal(error),
        }
    }
}

impl From<ListVersionsError> for Problem {
    fn from(error: ListVersionsError) -> Self {
        match error {
            ListVersionsError::NotFound(_) => Self::new(Code::WorkflowNotFound, error.to_string()),
            ListVersionsError::ForeignPlace => {
                let mistake = Mistake::new(Part::Query, "/cursor", "value_error", error.to_string());
                Self::mistakes(Code::ValidationFailed, vec![mistake])
            }
            ListVersionsError::Store(error) => error.into(),
        }
    }
}

impl From<Overloaded> for Problem {
    fn from(overloaded: Overloaded) -> Self {
        Self::new(Code::Overloaded, overloaded.to_string())
    }
}

impl From<LiveRuns> for Problem {
    fn from(live: LiveRuns) -> Self {
        Self::new(Code::VersionHasLiveRuns, live.to_string())
    }
}

/// Maps the variants that only need a code, and perhaps the place in the body that is meant, and passes nested errors on; the texts are those of the contract.
macro_rules! plain {
    ($error:ident { $($variant:pat => $code:ident $(at $pointer:literal)?),* $(,)? } $($nested:ident)*) => {
        impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                let text = error.to_string();
                match error {
                    $($variant => Self::new(Code::$code, text)$(.at($pointer))?,)*
                    $($error::$nested(error) => error.into(),)*
                }
            }
        }
    };
}

plain!(GetAgentError { GetAgentError::NotFound(_) => AgentNotFound } Store);
plain!(UpdateAgentError { UpdateAgentError::NotFound(_) => AgentNotFound } Host Schemas Outdated Store);
plain!(DeleteAgentError { DeleteAgentError::NotFound(_) => AgentNotFound } Outdated Store);
plain!(CreateAgentError { 
    CreateAgentError::NameTaken(_) => AgentNameTaken at "/name",
    CreateAgentError::NameDeleted(_) => AgentNameTaken at "/name",
} Host Schemas Store);
plain!(GetWorkflowError { GetWorkflowError::NotFound(_) => WorkflowNotFound } Store);
plain!(DeleteWorkflowError { DeleteWorkflowError::NotFound(_) => WorkflowNotFound } LiveRuns Outdated Store);
plain!(GetVersionError {
    GetVersionError::NotFound(_) => WorkflowNotFound,
    GetVersionError::NoVersion { .. } => VersionNotFound,
} Store);
plain!(DeleteVersionError { DeleteVersionError::Newest { .. } => VersionIsNewest } Version LiveRuns Outdated Store);
plain!(UpdateWorkflowError {
    UpdateWorkflowError::NotFound(_) => WorkflowNotFound,
    UpdateWorkflowError::OldVersion { .. } => VersionImmutable,
} Refused Outdated Store);
plain!(ExecuteWorkflowError {
    ExecuteWorkflowError::NotFound(_) => WorkflowNotFound,
    ExecuteWorkflowError::NoVersion { .. } => VersionNotFound,
    ExecuteWorkflowError::NotActive { .. } => WorkflowNotActive,
    ExecuteWorkflowError::VersionNotActive { .. } => WorkflowNotActive,
    ExecuteWorkflowError::NotForExternal(_) => NotForExternalEngine,
    ExecuteWorkflowError::NoDelayForExternal => NotForExternalEngine,
    ExecuteWorkflowError::TooFarAhead => ValidationFailed at "/start_at",
    ExecuteWorkflowError::TooLargeForExternal(_) => BodyTooLarge,
} UnfitInput Overloaded Store);
plain!(GetRunError { GetRunError::NotFound(_) => RunNotFound } Store);
plain!(RetryRunError {
    RetryRunError::NotFound(_) => RunNotFound,
    RetryRunError::NotRetryable(_) => RunNotRetryable,
    RetryRunError::NoDefinition(_) => RunNotRetryable,
    RetryRunError::StillCancelling(_) => RunNotRetryable,
    RetryRunError::OtherStep { .. } => RunNotResumableThere at "/resume_from_step",
} Overloaded Store);
plain!(PauseRunError {
    PauseRunError::NotFound(_) => RunNotFound,
    PauseRunError::Over(_) => RunNotPausable,
    PauseRunError::External(_) => RunNotPausable,
} Store);
plain!(RaiseEventError {
    RaiseEventError::NotFound(_) => RunNotFound,
    RaiseEventError::Over(_) => RunNotListening,
    RaiseEventError::External(_) => RunNotListening,
    RaiseEventError::TooLarge(_) => BodyTooLarge,
} Store);
plain!(TaskError {
    TaskError::NotFound(_) => RunNotFound,
    TaskError::RunOver(_) | TaskError::Ended | TaskError::NoAgent(_) => TaskOver,
} Store);
plain!(RerunRunError {
    RerunRunError::NotFound(_) => RunNotFound,
    RerunRunError::NotOver(_) | RerunRunError::External(_) => RunNotOver,
    RerunRunError::Step(_) => StepNotRerunnable at "/from_step",
} Overloaded Store);
plain!(SkipStepError {
    SkipStepError::NotFound(_) => RunNotFound,
    SkipStepError::Over(_) | SkipStepError::External(_) => StepNotSkippable,
    SkipStepError::Step(_) => StepNotSkippable at "/step",
} Overloaded Store);
plain!(CancelRunError {
    CancelRunError::NotFound(_) => RunNotFound,
    CancelRunError::NotCancellable(_) => RunNotCancellable,
} Overloaded Store);

plain!(GetDeadLetterError { GetDeadLetterError::NotFound(_) => DeadLetterNotFound } Store);
plain!(ReplayDeadLetterError {
    ReplayDeadLetterError::NotFound(_) => DeadLetterNotFound,
    ReplayDeadLetterError::AlreadyReplayed { .. } => DeadLetterReplayed,
    ReplayDeadLetterError::RunGone(_) => DeadLetterNotReplayable,
    ReplayDeadLetterError::NoDefinition(_) => DeadLetterNotReplayable,
    ReplayDeadLetterError::NoVersion(_) => DeadLetterNotReplayable,
    // The input is not in the request, whose places mistakes would name.
    ReplayDeadLetterError::Execute(ExecuteWorkflowError::UnfitInput(_)) => DeadLetterNotReplayable,
} Execute Store);

impl From<CreateWorkflowError> for Problem {
    fn from(error: CreateWorkflowError) -> Self {
        match error {
            CreateWorkflowError::Refused(refused) => refused.into(),
            CreateWorkflowError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeVersionStatusError> for Problem {
    fn from(error: ChangeVersionStatusError) -> Self {
        match error {
            ChangeVersionStatusError::Version(error) => error.into(),
            ChangeVersionStatusError::Refused(refused) => refused.into(),
            ChangeVersionStatusError::Outdated(outdated) => outdated.into(),
            ChangeVersionStatusError::Store(error) => error.into(),
        }
    }
}

impl From<TestWorkflowError> for Problem {
    fn from(error: TestWorkflowError) -> Self {
        match error {
            TestWorkflowError::NotFound(_) => Self::new(Code::WorkflowNotFound, error.to_string()),
            TestWorkflowError::UnknownSteps(names) => {
                let mistake = |name: String| {
                    let pointer = format!("/mocks/{}", name.replace('~', "~0").replace('/', "~1"));
                    Mistake::new(Part::Body, pointer, "value_error", format!("the workflow has no step '{name}'"))
                };
                Self::mistakes(Code::ValidationFailed, names.into_iter().map(mistake).collect())
            }
            TestWorkflowError::Version(error) => error.into(),
            TestWorkflowError::UnfitInput(violations) => violations.into(),
            TestWorkflowError::Store(error) => error.into(),
        }
    }
}

impl From<NotStorable> for Problem {
    /// Only the input of a run is kept as it was sent.
    fn from(refused: NotStorable) -> Self {
        Self::unkeepable("/input_data", &refused)
    }
}

impl Problem {
    /// The same with the place in the body that is to blame.
    pub(super) fn at(self, pointer: &str) -> Self {
        let (code, text) = (self.code(), self.text().to_owned());
        Self::mistakes(code, vec![Mistake::new(Part::Body, pointer, "value_error", text.clone())]).detail(text)
    }

    /// A part of the body that no store can keep.
    pub(super) fn unkeepable(pointer: &str, refused: &NotStorable) -> Self {
        let mistake = Mistake::new(Part::Body, pointer, "value_error", refused.to_string());
        Self::mistakes(Code::ValidationFailed, vec![mistake])
    }
}

impl From<RefusedHost> for Problem {
    fn from(refused: RefusedHost) -> Self {
        let mistake = Mistake::new(Part::Body, "/url", "value_error", refused.to_string());
        Self::mistakes(Code::ValidationFailed, vec![mistake])
    }
}

impl From<InvalidSchemas> for Problem {
    fn from(InvalidSchemas(invalid): InvalidSchemas) -> Self {
        let mistakes = invalid.into_iter().map(|(member, invalid)| {
            let pointer = format!("/{member}{}", invalid.pointer);
            let message = format!("this is no JSON Schema: {}", invalid.message);
            Mistake { code: Some("invalid_schema"), ..Mistake::new(Part::Body, pointer, "value_error", message) }
        });
        Self::mistakes(Code::ValidationFailed, mistakes.collect())
    }
}

impl From<Vec<Violation>> for Problem {
    /// Only the input of a run is checked against a schema of its workflow's.
    fn from(violations: Vec<Violation>) -> Self {
        let mistake = |violation: Violation| {
            Mistake::new(Part::Body, format!("/input_data{}", violation.pointer), "value_error", violation.message)
        };
        Self::mistakes(Code::InputInvalid, violations.into_iter().map(mistake).collect())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        refused_document(refused, Mistake::from)
    }
}

/// A sound document with unusable agents has a status of its own, which old clients expect (contract 1.7).
fn refused_document(refused: Refused, mistake: impl Fn(Diagnostic) -> Mistake) -> Problem {
    let first = refused.first().to_owned();
    let only_agents = refused.only_agents();
    let errors = refused.diagnostics.into_iter().filter(|found| found.severity == Severity::Error);
    let mistakes: Vec<Mistake> = errors.map(mistake).collect();
    if only_agents {
        Problem::mistakes(Code::AgentsUnusable, mistakes).detail(first)
    } else {
        Problem::mistakes(Code::WorkflowInvalid, mistakes)
    }
}

impl From<RollBackWorkflowError> for Problem {
    /// The document is not in the body, which only says which version's it is.
    fn from(error: RollBackWorkflowError) -> Self {
        match error {
            RollBackWorkflowError::Version(error) => error.into(),
            RollBackWorkflowError::Update(UpdateWorkflowError::Refused(refused)) => {
                refused_document(refused, |found| {
                    let message = format!("{} (at {} of that version)", found.message, found.pointer);
                    Mistake::from(Diagnostic { pointer: "/version".to_owned(), message, ..found })
                })
            }
            RollBackWorkflowError::Update(error) => error.into(),
        }
    }
}

impl From<Diagnostic> for Mistake {
    /// The document's pointers fit the body as well: `start_step` and `steps` stand at the top of both.
    fn from(found: Diagnostic) -> Self {
        let mut mistake = Self::new(Part::Body, found.pointer, "value_error", found.message);
        mistake.code = Some(found.code);
        mistake.hint = found.hint;
        mistake
    }
}
