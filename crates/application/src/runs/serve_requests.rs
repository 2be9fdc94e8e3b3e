//! Does what foreign producers ask for over the bus: makes sure that a run exists, and leaves it to be claimed.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::{Action, AuditEntry},
    ids::{AuditId, CommitId, PlanHash, StepId, WorkflowRef},
    ports::{Clock, Engine, Handled, IdGenerator, RequestHandler, RunWriter, Schemas, StoreError, Transactions},
    runs::{AdoptRun, Adoption, CancelRun, CancellationRequest, CommitOutcome, ExecutionRequest, RunCommit},
    workflows::{Diagnostic, Plan, WorkflowDocument, compile, hash_document},
};

use crate::{Ports, plans::PlanCache};

/// Who cancels where a request does not say it.
const SOMEBODY: &str = "system";

/// Serves the requests of foreign producers.
pub struct ServeRequests {
    transactions: Arc<dyn Transactions>,
    plans: Arc<PlanCache>,
    schemas: Arc<dyn Schemas>,
    writer: Arc<dyn RunWriter>,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl ServeRequests {
    /// Wires the use case to its ports.
    pub fn new(ports: &Ports) -> Self {
        Self {
            transactions: ports.transactions.clone(),
            plans: ports.plans.clone(),
            schemas: ports.schemas.clone(),
            writer: ports.writer.clone(),
            engine: ports.engine.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    async fn adopt(&self, request: ExecutionRequest, document: WorkflowDocument) -> Result<Handled, StoreError> {
        let plan = hash_document(&document);
        let (steps, failure) = match self.plans.cached(plan) {
            Some(known) => (steps_of(&known), None),
            None => self.keep(plan, &document).await?,
        };
        let mut adopt = AdoptRun {
            commit: CommitId::new(self.ids.unique()),
            run: request.run,
            workflow: WorkflowRef::from_text(&document.workflow_id),
            workflow_name: document.name,
            plan,
            steps,
            input: request.input,
            at: self.clock.now(),
            cause: Adoption::Request,
            from: request.from,
            failure,
            audit: None,
        };
        let id = AuditId::new(self.ids.unique());
        adopt.audit = Some(Arc::new(AuditEntry::of_adoption(id, &Actor::bus(), Action::Execute, None, &adopt)));
        Ok(self.write(RunCommit::Adopt(adopt)).await)
    }

    /// Stores the document before any run is pinned to it. Answers its steps, or why it cannot be executed.
    async fn keep(
        &self,
        hash: PlanHash,
        document: &WorkflowDocument,
    ) -> Result<(Vec<StepId>, Option<String>), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.keep_plan(hash, document).await?;
        work.commit().await?;
        Ok(match compile(document, &*self.schemas) {
            Ok(plan) => (steps_of(&self.plans.insert(hash, plan)), None),
            Err(found) => (Vec::new(), Some(why(&found))),
        })
    }

    async fn write(&self, commit: RunCommit) -> Handled {
        let engine = Arc::clone(&self.engine);
        let run = commit.run().clone();
        let then = move |_| {
            engine.ring();
            engine.cancelled(&run);
        };
        match self.writer.write_then(commit, Box::new(then)).await {
            Err(overloaded) => Handled::Later(overloaded.to_string()),
            Ok(CommitOutcome::Unstorable) => Handled::Refused("the store cannot hold the request's data".to_owned()),
            Ok(
                CommitOutcome::Committed
                | CommitOutcome::AlreadyApplied
                | CommitOutcome::Absorbed
                | CommitOutcome::Duplicate
                | CommitOutcome::Fenced
                | CommitOutcome::Moved
                | CommitOutcome::Gone,
            ) => Handled::Done,
        }
    }
}

#[async_trait::async_trait]
impl RequestHandler for ServeRequests {
    async fn execution(&self, request: ExecutionRequest) -> Handled {
        let document = match WorkflowDocument::read_leniently(&request.plan) {
            Ok(document) => document,
            Err(reason) => return Handled::Refused(reason),
        };
        match self.adopt(request, document).await {
            Ok(handled) => handled,
            Err(error @ (StoreError::Unavailable(_) | StoreError::Locked(_) | StoreError::Conflict(_))) => {
                Handled::Later(error.to_string())
            }
            Err(error @ StoreError::Corrupt(_)) => Handled::Refused(error.to_string()),
        }
    }

    async fn cancellation(&self, request: CancellationRequest) -> Handled {
        let mut cancel = CancelRun {
            commit: CommitId::new(self.ids.unique()),
            run: request.run,
            at: self.clock.now(),
            by: request.by.unwrap_or_else(|| SOMEBODY.to_owned()),
            reason: request.reason,
            ahead: true,
            from: None,
            audit: None,
        };
        let id = AuditId::new(self.ids.unique());
        cancel.audit = Some(Arc::new(AuditEntry::of_cancel(id, &Actor::bus(), &cancel)));
        self.write(RunCommit::Cancel(cancel)).await
    }
}

fn steps_of(plan: &Plan) -> Vec<StepId> {
    plan.leading_agents()
}

/// The findings of a plan that cannot be executed, in one sentence for the run's row.
fn why(found: &[Diagnostic]) -> String {
    let findings: Vec<&str> = found.iter().map(|found| found.message.as_str()).take(10).collect();
    format!("The workflow plan cannot be executed: {}", findings.join("; "))
}
