//! Runs that runs start: the workflows that they execute, and their resumption.

use std::sync::Arc;

use domain::{
    access::Actor,
    ids::RunId,
    ports::Clock,
    runs::{ChildResume, CommitOutcome, ResumeRun, Resumption, RunCommit},
    workflows::WorkflowName,
};
use executor::{Effect, end_of};

use crate::{
    documents::children,
    node::{Pending, Told},
    now,
    shell::From,
    world::{World, new_workflow},
};

impl World {
    /// The workflows that steps of type `sub_workflow` run.
    pub(crate) fn register_children(&mut self) -> Result<(), String> {
        for (name, document) in children() {
            let name = WorkflowName::parse(name).expect("a name");
            let new = new_workflow(name, document);
            now(self.wiring.uses.create_workflow.execute(new, &Actor::named("me")))
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
        let (what, at_now) = (Resumption::Unfinished, self.nodes[at].clock.now());
        let commit = ResumeRun { what, commit, run: resume.run.clone(), at: at_now, by, from: None, audit: None };
        let outcome = self.arrive(&RunCommit::Resume(commit), From::Node(at))?;
        if self.faults && self.rng.u8(0..12) == 0 {
            self.later(at, effect);
            return Ok(());
        }
        let is_live = matches!(outcome, CommitOutcome::Committed | CommitOutcome::AlreadyApplied);
        let ended = if is_live { None } else { now(end_of(&self.wiring.store, resume)).map_err(|e| e.to_string())? };
        self.nodes[at].pending.push(Pending::Tell(Told::Resumed(run.clone(), resume.commit, ended)));
        Ok(())
    }
}
