//! Decisions about steps that wait for somebody else: a run that they have started, an event; and what a run that ends owes
//! to others. Checks are here too: like these, they make their output themselves.

use serde_json::json;

use super::{
    child::{ChildDefinition, ChildOutcome, ChildResume, Parent},
    decision::{Decision, shorten},
    event::RunEvent,
    event_wait::EventWait,
    inbox::InboxMessage,
    state::after,
    step_state::{Attempt, StepState},
};
use crate::{
    ids::{EventId, RunId, StepPath},
    payload::{NotStorable, Payload},
    ports::{InboxNote, Violation},
    workflows::{Budget, CheckWork, ChildWork, MAX_CHILD_DEPTH, PlanStep, WaitWork, Work},
};

/// The most events that a run keeps for steps that do not wait yet; later ones are forgotten.
const MAX_KEPT: usize = 100;

/// How messages of steps begin that failed before anything was done (contract 5.2).
const BEFORE: &str = "Exception during step execution:";

impl Decision<'_> {
    pub(super) fn start_child(&mut self, step: &PlanStep, child: &ChildWork, path: &StepPath) {
        let depth = self.state.parent().map_or(0, |parent| parent.depth) + 1;
        if depth > MAX_CHILD_DEPTH {
            let message = format!("Runs start runs more than {MAX_CHILD_DEPTH} levels deep (sub-workflow depth)");
            return self.cannot_begin(step, path, &message);
        }
        let definition = match self.data.definitions.get(&child.target) {
            Some(Ok(definition)) => definition.clone(),
            Some(Err(why)) => {
                let why = why.clone();
                return self.cannot_begin(step, path, &why);
            }
            None => return self.made.lookups.push(child.target.clone()),
        };
        let input = child.resolve_input(&self.scope(step, path)).map_err(|problem| problem.to_string());
        match input.and_then(|input| Payload::new(input).map_err(|problem: NotStorable| problem.to_string())) {
            Ok(input) => self.start_run(child, path, depth, definition, input),
            Err(problem) => self.cannot_begin(step, path, &format!("{BEFORE} {problem}")),
        }
    }

    fn start_run(
        &mut self,
        child: &ChildWork,
        path: &StepPath,
        depth: u32,
        definition: ChildDefinition,
        input: Payload,
    ) {
        let until = child.timeout_seconds.map(|seconds| after(self.now, seconds));
        let generation = self.state.generation();
        self.emit(RunEvent::ChildStarted { path: path.clone(), generation, until });
        self.data.calls.insert(path.clone(), input.clone());
        let following = self.state.following();
        let parent = Parent { run: self.data.run.clone(), path: path.clone(), depth, following };
        let run = self.data.run.child(path, generation);
        let from = self.state.origin().span(&self.data.run);
        self.made.outward.children.push(definition.start(run, input, parent, from, self.now));
    }

    /// The run that the step had started is done after all; what it has completed stays completed.
    pub(super) fn resume_child(&mut self, child: &ChildWork, path: &StepPath, last: &Attempt) {
        let until = child.timeout_seconds.map(|seconds| after(self.now, seconds));
        self.emit(RunEvent::ChildResumed { path: path.clone(), until });
        if let Some(StepState::Child { attempt, .. }) = self.state.step(path) {
            debug_assert_eq!(attempt.generation, last.generation, "the same run is resumed");
            self.made.resumes.push(ChildResume::of(&self.data.run, path, attempt));
        }
    }

    pub(super) fn child_ended(&mut self, path: &StepPath, child: &RunId, outcome: ChildOutcome) {
        let Some(StepState::Child { attempt, .. }) = self.state.step(path).copied() else { return };
        let Some(step) = self.plan.at(path).filter(|_| self.data.run.child(path, attempt.generation) == *child) else {
            return;
        };
        let why = match outcome {
            ChildOutcome::Completed { output } => return self.succeeded(step, path, &attempt, output),
            ChildOutcome::Failed { error } => format!("Sub-workflow run '{child}' failed: {error}"),
            // The run was cancelled and resumed before its own word had reached the child.
            ChildOutcome::Cancelled { by_parent: true, .. } => {
                if let Work::Child(child) = &step.work {
                    let message = "It was still being cancelled; it is resumed once more".to_owned();
                    self.close_attempt(step, path, &attempt, None, Some(message));
                    self.resume_child(child, path, &attempt);
                }
                return;
            }
            ChildOutcome::Cancelled { error: Some(error), .. } => {
                format!("Sub-workflow run '{child}' was cancelled: {error}")
            }
            ChildOutcome::Cancelled { error: None, .. } => format!("Sub-workflow run '{child}' was cancelled"),
        };
        self.attempt_failed(step, path, &attempt, &why);
    }

    pub(super) fn child_is_late(&mut self, step: &PlanStep, path: &StepPath, attempt: &Attempt) {
        let Work::Child(child) = &step.work else { return };
        let message =
            format!("The sub-workflow took longer than {} seconds", child.timeout_seconds.unwrap_or_default());
        self.cancel_child(path, attempt, &message);
        self.attempt_failed(step, path, attempt, &message);
    }

    /// The run that the step has started is not needed any more.
    pub(super) fn cancel_child(&mut self, path: &StepPath, attempt: &Attempt, reason: &str) {
        let by = self.data.run.to_string();
        let message = InboxMessage::Cancel { by: by.clone(), reason: Some(reason.to_owned()) };
        let dedupe = format!("cancel-{}", attempt.execution);
        let run = self.data.run.child(path, attempt.generation);
        self.made.outward.notes.push(InboxNote { run, dedupe, message, at: self.now });
    }

    fn attempt_failed(&mut self, step: &PlanStep, path: &StepPath, attempt: &Attempt, message: &str) {
        let message = shorten(message);
        self.close_attempt(step, path, attempt, None, Some(message.clone()));
        let execution = Some(attempt.execution);
        self.emit(RunEvent::StepFailed { path: path.clone(), execution, definite: true });
        self.goes_wrong(step, path, &message);
    }

    pub(super) fn listen(&mut self, step: &PlanStep, wait: &WaitWork, path: &StepPath) {
        let correlation = match wait.correlation(&self.scope(step, path)) {
            Ok(correlation) => correlation,
            Err(problem) => return self.cannot_begin(step, path, &format!("{BEFORE} {problem}")),
        };
        let until = wait.timeout_seconds.map(|seconds| after(self.now, seconds));
        self.emit(RunEvent::EventAwaited { path: path.clone(), until });
        let named = self.state.kept().filter(|(_, name, _)| *name == wait.event.as_str());
        let wanted =
            named.map(|(number, _, data)| (number, data.clone())).find(|(_, data)| self.wants(step, path, data));
        if let Some((kept, data)) = wanted {
            self.emit(RunEvent::EventTaken { kept });
            return self.came(step, path, &data);
        }
        self.made.outward.waits.push(EventWait {
            event: wait.event.as_str().to_owned(),
            correlation,
            path: path.clone(),
        });
    }

    /// Something happened. The first step that waits for it gets it; what nobody waits for yet is kept for the step that
    /// will; what a filter does not let through is ignored.
    pub(super) fn happened(&mut self, name: String, path: Option<&StepPath>, data: Payload, id: Option<EventId>) {
        if id.is_some_and(|id| self.state.has_heard(id)) {
            return;
        }
        let listens = |(waiting, state): &(&StepPath, &StepState)| {
            matches!(state, StepState::Listening { .. }) && path.is_none_or(|path| path == *waiting)
        };
        let listening: Vec<StepPath> = self
            .state
            .waiting()
            .filter(listens)
            .map(|(path, _)| path.clone())
            .filter(|at| self.awaits(at, &name))
            .collect();
        for at in &listening {
            if let Some(step) = self.plan.at(at).filter(|step| self.wants(step, at, &data)) {
                self.hear(id);
                self.made.outward.settled.push(at.clone());
                return self.came(step, at, &data);
            }
        }
        let is_awaited =
            self.plan.steps().any(|step| matches!(&step.work, Work::Wait(wait) if wait.event.as_str() == name));
        if listening.is_empty() && path.is_none() && is_awaited && self.state.kept().len() < MAX_KEPT {
            self.hear(id);
            self.emit(RunEvent::EventKept { name, data });
        }
    }

    fn hear(&mut self, id: Option<EventId>) {
        if let Some(id) = id {
            self.emit(RunEvent::EventHeard { id });
        }
    }

    fn awaits(&self, path: &StepPath, name: &str) -> bool {
        let work = self.plan.at(path).map(|step| &step.work);
        matches!(work, Some(Work::Wait(wait)) if wait.event.as_str() == name)
    }

    fn wants(&self, step: &PlanStep, path: &StepPath, data: &Payload) -> bool {
        let Work::Wait(wait) = &step.work else { return false };
        let event = json!({"event": wait.event.as_str(), "data": data.value()});
        wait.lets_through(&event, &self.scope(step, path))
    }

    fn came(&mut self, step: &PlanStep, path: &StepPath, data: &Payload) {
        let Work::Wait(wait) = &step.work else { return };
        let Some(StepState::Listening { attempt, .. }) = self.state.step(path).copied() else { return };
        // What can be kept can be kept in an object: it is one level deeper, and the door takes only small ones.
        let output = Payload::new(wait.output(Some(data.value()))).unwrap_or_else(|_| Payload::null());
        self.succeeded(step, path, &attempt, output);
    }

    pub(super) fn event_is_late(&mut self, step: &PlanStep, path: &StepPath, attempt: &Attempt) {
        let Work::Wait(wait) = &step.work else { return };
        self.made.outward.settled.push(path.clone());
        if wait.goes_on {
            let output = Payload::new(wait.output(None)).unwrap_or_else(|_| Payload::null());
            return self.succeeded(step, path, attempt, output);
        }
        let seconds = wait.timeout_seconds.unwrap_or_default();
        let message = format!("The event '{}' did not come within {seconds} seconds", wait.event);
        self.attempt_failed(step, path, attempt, &message);
    }

    pub(super) fn check(&mut self, step: &PlanStep, check: &CheckWork, path: &StepPath) {
        let report = match check.check(&self.scope(step, path)) {
            Ok(report) => report,
            Err(problem) => return self.cannot_begin(step, path, &format!("{BEFORE} {problem}")),
        };
        let failed = check.is_strict && !report.violations.is_empty();
        let error = failed.then(|| shorten(&format!("Validation failed: {}", Violation::sentence(&report.violations))));
        let output = Payload::new(report.output()).unwrap_or_else(|_| Payload::null());
        self.data.calls.insert(path.clone(), Payload::new(report.data).unwrap_or_else(|_| Payload::null()));
        // Begun and done in one event, whose number names the row.
        let execution = self.state.seq().next();
        let generation = self.state.generation();
        let attempt = Attempt { execution, number: 1, generation, round: 0, dispatched_at: self.now };
        match error {
            None => self.succeeded(step, path, &attempt, output),
            Some(message) => self.attempt_failed(step, path, &attempt, &message),
        }
    }

    /// The first step, unless the run's input is not what the document demands. The API refuses such input; runs that other
    /// runs start, and that come from the bus, are looked at here.
    pub(super) fn begin_run(&mut self) {
        match self.plan.refuses(&self.data.input) {
            Some(problem) => self.emit(RunEvent::RunFailed { error: shorten(&problem) }),
            None => self.begin(&self.plan.first().top_level()),
        }
    }

    /// Every step has succeeded: the run's output is made.
    pub(super) fn complete(&mut self, last: &StepPath) {
        let end = self.plan.end();
        let output = match &end.work {
            Work::End(Some(template)) => {
                let path = end.id.top_level();
                let made = template.resolve("output", &self.scope(end, &path), &mut Budget::default());
                let made = made.map_err(|problem| problem.to_string());
                made.and_then(|value| Payload::new(value).map_err(|problem| problem.to_string())).map(Some)
            }
            _ => Ok(self.data.outputs.get(last).cloned()),
        };
        match output {
            Ok(output) => {
                if !self.follow_up(output.as_ref()) {
                    return;
                }
                self.emit(RunEvent::RunCompleted);
                if let Some(update) = &mut self.made.update {
                    update.output = output;
                }
            }
            Err(problem) => {
                let error = shorten(&format!("The workflow's output cannot be made: {problem}"));
                self.emit(RunEvent::RunFailed { error });
            }
        }
    }

    /// A run that has ended tells the run that started it, needs those no more that it has started, and waits for nothing.
    pub(super) fn say_what_follows(&mut self) {
        let Some(update) = self.made.update.as_ref().filter(|update| update.status.is_terminal()) else { return };
        let mut outcome = ChildOutcome::of(update.status, update.output.as_ref(), update.error.as_deref());
        let waiting: Vec<(StepPath, StepState)> =
            self.state.waiting().map(|(path, step)| (path.clone(), *step)).collect();
        for (path, step) in waiting {
            match step {
                StepState::Child { attempt, .. } => {
                    self.cancel_child(&path, &attempt, "The run that started this one has ended");
                }
                _ => self.made.outward.settled.push(path),
            }
        }
        // Only a parent says it to the run itself; everybody else cancels a run behind its back.
        if let Some(ChildOutcome::Cancelled { by_parent, .. }) = &mut outcome {
            *by_parent = true;
        }
        if let (Some(parent), Some(outcome)) = (self.state.parent(), outcome) {
            let note = parent.told(&self.data.run, outcome, self.state.seq(), self.now);
            self.made.outward.notes.push(note);
        }
    }
}
