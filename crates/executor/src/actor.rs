//! One run in the hands of its owner: a mailbox, a state ahead of the store by at most one commit, and that commit.
//!
//! Inputs that arrive while a commit is under way are decided together into the next one.

use std::collections::VecDeque;

use domain::{
    Timestamp,
    ids::{CommitId, Epoch, RunId, Seq},
    runs::{
        AdvanceRun, AgentCall, CallFailure, CallOutcome, CommitOutcome, Input, Rejection, RunData, RunState,
        Transition, Wake, advance,
    },
    workflows::SharedPlan,
};

/// A wait longer than this many seconds gives the run back: a parked run costs a row and no memory.
const PARK_SECONDS: i64 = 10;

/// A run that this executor owns.
pub struct RunActor {
    run: RunId,
    epoch: Epoch,
    plan: SharedPlan,
    state: RunState,
    data: RunData,
    mailbox: VecDeque<Input>,
    pending: Option<Pending>,
    /// Whether the state is known to differ from the store's, so that nothing must be decided on it.
    reloading: bool,
}

/// A commit under way: what it was decided from, and what may be done once it is durable.
struct Pending {
    commit: CommitId,
    inputs: Vec<Input>,
    calls: Vec<AgentCall>,
    wake: Wake,
}

/// What the end of a commit means for its run.
#[derive(Debug, PartialEq)]
pub enum Settled {
    /// The run goes on: make these calls.
    GoOn(Vec<AgentCall>),
    /// The run is given back or over; these calls were cut from it.
    Done,
    /// The run is somebody else's or over without us.
    Lost,
    /// The store has other events: load them, then tell [`RunActor::reloaded`].
    Reload,
    /// Not the commit that is under way.
    Stale,
}

impl RunActor {
    /// A run whose state is the store's and whose calls under way are being made.
    pub fn new(run: RunId, epoch: Epoch, plan: SharedPlan, state: RunState, data: RunData) -> Self {
        Self { run, epoch, plan, state, data, mailbox: VecDeque::new(), pending: None, reloading: false }
    }

    /// Tells the run something.
    pub fn tell(&mut self, input: Input) {
        self.mailbox.push_back(input);
    }

    /// Decides what the mailbox holds, unless a commit is under way. Answers the commit to be written, if anything changed.
    pub fn decide(&mut self, now: Timestamp, commit: impl FnOnce() -> CommitId, draining: bool) -> Option<AdvanceRun> {
        if self.is_committing() || self.mailbox.is_empty() {
            return None;
        }
        let inputs: Vec<Input> = self.mailbox.drain(..).collect();
        let seq = self.state.seq();
        let made = self.advance_all(&inputs, now);
        if made.events.is_empty() {
            return None;
        }
        Some(self.commit(commit(), seq, inputs, made, now, draining))
    }

    fn advance_all(&mut self, inputs: &[Input], now: Timestamp) -> Transition {
        let mut all = Transition::default();
        for input in inputs {
            match advance(&self.plan, &mut self.state, &mut self.data, input.clone(), now) {
                Ok(mut made) => {
                    all.events.append(&mut made.events);
                    all.closed.append(&mut made.closed);
                    all.calls.append(&mut made.calls);
                    all.update = made.update.or(all.update);
                }
                // Late and doubled answers are expected; the rules have refused them.
                Err(Rejection::StaleCall | Rejection::Terminal(_)) => {}
            }
        }
        all
    }

    fn commit(
        &mut self,
        commit: CommitId,
        seq: Seq,
        inputs: Vec<Input>,
        made: Transition,
        now: Timestamp,
        draining: bool,
    ) -> AdvanceRun {
        let wake = self.wake(now, draining);
        self.pending = Some(Pending { commit, inputs, calls: made.calls, wake });
        AdvanceRun {
            commit,
            run: self.run.clone(),
            epoch: self.epoch,
            seq,
            at: now,
            events: made.events,
            closed: made.closed,
            update: made.update,
            wake,
        }
    }

    fn wake(&self, now: Timestamp, draining: bool) -> Wake {
        if self.state.status().is_terminal() {
            return Wake::Never;
        }
        match self.state.wake_at() {
            Some(due) if draining || due - now > chrono::TimeDelta::seconds(PARK_SECONDS) => Wake::At(due),
            None if draining => Wake::At(now),
            Some(_) | None => Wake::Owned,
        }
    }

    /// The commit has ended.
    pub fn settle(&mut self, commit: CommitId, outcome: CommitOutcome) -> Settled {
        let Some(pending) = self.pending.take_if(|pending| pending.commit == commit) else { return Settled::Stale };
        match outcome {
            CommitOutcome::Committed | CommitOutcome::AlreadyApplied => match pending.wake {
                Wake::Owned => Settled::GoOn(pending.calls),
                Wake::At(_) | Wake::Never => Settled::Done,
            },
            CommitOutcome::Moved => {
                // Nothing is thrown away: the same inputs are decided again on the state that the store has.
                pending.inputs.into_iter().rev().for_each(|input| self.mailbox.push_front(input));
                self.reloading = true;
                Settled::Reload
            }
            CommitOutcome::Unstorable => {
                // Decided again as failures, on the state that the store has: the run ends with a reason.
                pending.inputs.into_iter().rev().for_each(|input| self.mailbox.push_front(given_up(input)));
                self.reloading = true;
                Settled::Reload
            }
            CommitOutcome::Fenced | CommitOutcome::Absorbed | CommitOutcome::Duplicate | CommitOutcome::Gone => {
                Settled::Lost
            }
        }
    }

    /// The run as the store has it, after [`Settled::Reload`].
    pub fn reloaded(&mut self, state: RunState, data: RunData) {
        self.reloading = false;
        self.state = state;
        self.data = data;
    }

    /// The run's plan.
    pub fn plan(&self) -> &SharedPlan {
        &self.plan
    }

    /// The run's state, perhaps one commit ahead of the store.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// The epoch under which the run is owned.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether a commit is under way, or the state is being loaded anew after one.
    pub fn is_committing(&self) -> bool {
        self.pending.is_some() || self.reloading
    }
}

/// What a run is told instead of an answer that its store cannot hold.
fn given_up(input: Input) -> Input {
    match input {
        Input::Continue => Input::Continue,
        Input::CallEnded { key, policy, .. } => {
            let message = "the agent's answer could not be stored".to_owned();
            let failure = CallFailure { message, definite: true, retry_after: None, permanent: true };
            Input::CallEnded { key, outcome: CallOutcome::Failed(failure), policy }
        }
    }
}
