//! Runs that runs start: the workflows that they execute, and their resumption.

use std::sync::Arc;

use domain::{
    ids::RunId,
    ports::Clock,
    runs::{ChildResume, CommitOutcome, ResumeRun, Resumption, RunCommit},
    workflows::WorkflowName,
};
use executor::{Effect, end_of};

use crate::{
    documents::children,
    now,
    world::{Pending, Told, World, new_workflow},
};

impl World {
    /// The workflows that steps of type `sub_workflow` run.
    pub(crate) fn register_children(&mut self) -> Result<(), String> {
        for (name, document) in children() {
            let name = WorkflowName::parse(name).expect("a name");
            let new = new_workflow(name, document);
            now(self.wiring.uses.create_workflow.execute(new, "me"))
                .map_err(|e| format!("a child was refused: {e}"))?;
        }
        Ok(())
    }

    pub(crate) fn resume_child(
        &mut self,
        at: usize,
        run: &RunId,
        resume: &ChildResume,
        effect: &Arc<Effect>,
    ) -> Result<(), String> {
        let (commit, by) = (resume.commit, run.to_string());
        let commit = ResumeRun { what: Resumption::Unfinished, commit, run: resume.run.clone(), at: self.wiring.clock.now(), by };
        let outcome = self.wiring.store.commit_now(&[RunCommit::Resume(commit)])[0];
        self.log(|| format!("node {at} resumes {} for {run}: {outcome:?}", resume.run));
        if self.faults && self.rng.u8(0..12) == 0 {
            self.nodes[at].pending.push(Pending::Do(Arc::clone(effect)));
        } else {
            let is_live = matches!(outcome, CommitOutcome::Committed | CommitOutcome::AlreadyApplied);
            let ended =
                if is_live { None } else { now(end_of(&self.wiring.store, resume)).map_err(|e| e.to_string())? };
            let told = Told::Resumed(run.clone(), resume.path.clone(), ended);
            self.nodes[at].pending.push(Pending::Tell(told));
        }
        self.check(&resume.run).map(drop)
    }
}
