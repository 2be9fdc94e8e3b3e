//! Decisions about the runs that follow a run which has completed.

use super::{
    child::ChildDefinition,
    decision::{Decision, shorten},
    event::RunEvent,
};
use crate::{
    payload::Payload,
    planted::{self, Bug},
    workflows::{ChildTarget, Ended, FollowUp, MAX_FOLLOWING},
};

/// What is to become of a run that may follow.
enum Next {
    /// It is started.
    Start(ChildDefinition, Payload),
    /// It is not.
    Leave { reason: String, unwanted: bool },
}

impl Decision<'_> {
    /// Starts the runs that follow, in the commit that completes this one. Whatever is in their way, this one completes: it says what
    /// was left. False while their workflows are still to be looked up.
    pub(super) fn follow_up(&mut self, output: Option<&Payload>) -> bool {
        let plan = self.plan;
        if plan.follow_ups().is_empty() {
            return true;
        }
        let nothing = Payload::null();
        let input = self.data.input.clone();
        let ended = Ended { input: input.value(), output: output.unwrap_or(&nothing).value() };
        let mut unknown: Vec<ChildTarget> = Vec::new();
        let mut found = Vec::new();
        for (number, follow_up) in (0..).zip(plan.follow_ups()) {
            match self.what_follows(follow_up, &ended) {
                Some(next) => found.push((number, next)),
                None => unknown.push(follow_up.target.clone()),
            }
        }
        if !unknown.is_empty() && !planted::is(Bug::FollowUpsNotAwaited) {
            self.made.lookups.append(&mut unknown);
            return false;
        }
        for (number, next) in found {
            self.follow_one(number, next);
        }
        true
    }

    /// None if the workflow is still to be looked up.
    fn what_follows(&self, follow_up: &FollowUp, ended: &Ended<'_>) -> Option<Next> {
        let leave = |reason: String| Some(Next::Leave { reason: shorten(&reason), unwanted: false });
        match follow_up.is_wanted(ended) {
            Ok(true) => {}
            Ok(false) => return Some(Next::Leave { reason: "Its condition does not hold".to_owned(), unwanted: true }),
            Err(problem) => return leave(format!("Its condition cannot be evaluated: {problem}")),
        }
        if self.state.following() >= MAX_FOLLOWING {
            return leave(format!("Runs follow each other more than {MAX_FOLLOWING} times"));
        }
        let definition = match self.data.definitions.get(&follow_up.target)? {
            Ok(definition) => definition.clone(),
            Err(why) => return leave(why.clone()),
        };
        let input = follow_up.resolve_input(ended).map_err(|problem| problem.to_string());
        match input.and_then(|input| Payload::new(input).map_err(|problem| problem.to_string())) {
            Ok(input) => Some(Next::Start(definition, input)),
            Err(problem) => leave(format!("Its input cannot be made: {problem}")),
        }
    }

    fn follow_one(&mut self, number: u32, next: Next) {
        match next {
            Next::Leave { reason, unwanted } => self.emit(RunEvent::FollowUpLeft { number, reason, unwanted }),
            Next::Start(definition, input) => {
                let run = self.data.run.follower(number, self.state.generation());
                self.emit(RunEvent::FollowUpStarted { number, run: run.clone() });
                let (depth, from) = (self.state.following() + 1, self.state.origin().span(&self.data.run));
                self.made.outward.children.push(definition.follow(run, input, &self.data.run, depth, from, self.now));
            }
        }
    }
}
