//! One run in the hands of its owner: a mailbox, a state ahead of the store by at most one commit, and that commit.
//!
//! Inputs that arrive while a commit is under way are decided together into the next one.

use std::collections::{BTreeSet, VecDeque};

use domain::{
    Timestamp,
    ids::{CommitId, Epoch, InboxId, RunId, Seq, StepPath},
    runs::{
        AdvanceRun, AgentCall, CallFailure, CallOutcome, CommitOutcome, InboxEntry, Input, MonitoringUpdate, Rejection,
        RunData, RunState, Transition, Wake, advance,
    },
    workflows::SharedPlan,
};

use crate::news::news_of;

/// A wait longer than this many seconds gives the run back: a parked run costs a row and no memory.
const PARK_SECONDS: i64 = 10;

/// A run that this executor owns.
pub struct RunActor {
    run: RunId,
    epoch: Epoch,
    plan: SharedPlan,
    state: RunState,
    data: RunData,
    mailbox: VecDeque<Letter>,
    /// The entries of its inbox that it has been given, drained ones included: a look at the inbox may be late.
    given: BTreeSet<InboxId>,
    pending: Option<Pending>,
    /// Whether the state is known to differ from the store's, so that nothing must be decided on it.
    reloading: bool,
}

/// A commit under way: what it was decided from, and what may be done once it is durable.
struct Pending {
    commit: CommitId,
    letters: Vec<Letter>,
    calls: Vec<AgentCall>,
    aborts: Vec<StepPath>,
    news: Vec<MonitoringUpdate>,
    wake: Wake,
    unfinished: bool,
}

/// How a run is to be taken forward.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// It is given back as soon as nothing of its own is under way.
    pub draining: bool,
    /// Whoever watches is told.
    pub reporting: bool,
}

/// What a settled commit leaves to be done.
#[derive(Debug, Default, PartialEq)]
pub struct Following {
    /// What to tell those who watch.
    pub news: Vec<MonitoringUpdate>,
    /// The calls whose answers are no longer wanted.
    pub aborts: Vec<StepPath>,
    /// The calls to be made, after that.
    pub calls: Vec<AgentCall>,
}

/// What the end of a commit means for its run.
#[derive(Debug, PartialEq)]
pub enum Settled {
    /// The run goes on.
    GoOn(Following),
    /// The run is given back or over; no calls follow.
    Done(Following),
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
        Self {
            run,
            epoch,
            plan,
            state,
            data,
            mailbox: VecDeque::new(),
            given: BTreeSet::new(),
            pending: None,
            reloading: false,
        }
    }

    /// Tells the run something.
    pub fn tell(&mut self, input: Input) {
        self.mailbox.push_back(Letter::Input(input));
    }

    /// Gives the run what was in its inbox; what it has been given before is left out.
    pub fn deliver(&mut self, entries: Vec<InboxEntry>) {
        for entry in entries {
            if self.given.insert(entry.id) {
                self.mailbox.push_back(Letter::Entry(entry));
            }
        }
    }

    /// Decides what the mailbox holds, unless a commit is under way. Answers the commit to be written, if anything changed.
    pub fn decide(&mut self, now: Timestamp, commit: impl FnOnce() -> CommitId, manner: Manner) -> Option<AdvanceRun> {
        if self.is_committing() || self.mailbox.is_empty() {
            return None;
        }
        let letters: Vec<Letter> = self.mailbox.drain(..).collect();
        let seq = self.state.seq();
        let made = self.advance_all(&letters, now, !manner.draining);
        let drained: Vec<InboxId> = letters.iter().filter_map(Letter::entry).collect();
        // A paused run that was claimed without need is given back by a commit without events.
        let is_given_back = manner.draining && self.state.in_flight().next().is_none();
        if made.events.is_empty() && drained.is_empty() && !self.is_asleep() && !is_given_back {
            return None;
        }
        Some(self.commit(commit(), seq, letters, drained, made, now, manner))
    }

    /// Whether there is nothing to be done until somebody says so.
    fn is_asleep(&self) -> bool {
        self.state.is_paused() && self.state.in_flight().next().is_none()
    }

    fn advance_all(&mut self, letters: &[Letter], now: Timestamp, begin: bool) -> Transition {
        let mut all = Transition::default();
        for letter in letters {
            match advance(&self.plan, &mut self.state, &mut self.data, letter.input(), now, begin) {
                Ok(mut made) => {
                    all.events.append(&mut made.events);
                    all.closed.append(&mut made.closed);
                    all.calls.append(&mut made.calls);
                    all.aborts.append(&mut made.aborts);
                    all.unfinished |= made.unfinished;
                    all.update = made.update.or(all.update);
                }
                // Late and doubled answers are expected; the rules have refused them.
                Err(Rejection::StaleCall | Rejection::Terminal(_)) => {}
            }
        }
        all
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of the one commit that is put together here")]
    fn commit(
        &mut self,
        commit: CommitId,
        seq: Seq,
        letters: Vec<Letter>,
        drained: Vec<InboxId>,
        made: Transition,
        now: Timestamp,
        manner: Manner,
    ) -> AdvanceRun {
        let wake = self.wake(now, manner.draining);
        let news = if manner.reporting { news_of(&self.run, &self.plan, &made, now) } else { Vec::new() };
        let Transition { events, closed, update, calls, aborts, unfinished } = made;
        self.pending = Some(Pending { commit, letters, calls, aborts, news, wake, unfinished });
        AdvanceRun {
            commit,
            run: self.run.clone(),
            epoch: self.epoch,
            seq,
            at: now,
            events,
            closed,
            update,
            drained,
            wake,
        }
    }

    fn wake(&self, now: Timestamp, draining: bool) -> Wake {
        if self.state.status().is_terminal() {
            return Wake::Never;
        }
        if self.is_asleep() {
            return Wake::Asleep;
        }
        if self.state.in_flight().next().is_some() {
            return Wake::Owned;
        }
        match self.state.wake_at() {
            // What was not begun for the sake of the drain is begun by the next owner.
            _ if draining => Wake::At(now),
            Some(due) if due - now > chrono::TimeDelta::seconds(PARK_SECONDS) => Wake::At(due),
            Some(_) | None => Wake::Owned,
        }
    }

    /// The commit has ended.
    pub fn settle(&mut self, commit: CommitId, outcome: CommitOutcome) -> Settled {
        let Some(pending) = self.pending.take_if(|pending| pending.commit == commit) else { return Settled::Stale };
        match outcome {
            CommitOutcome::Committed | CommitOutcome::AlreadyApplied => match pending.wake {
                Wake::Owned => {
                    if pending.unfinished {
                        self.tell(Input::Continue);
                    }
                    let Pending { news, aborts, calls, .. } = pending;
                    Settled::GoOn(Following { news, aborts, calls })
                }
                Wake::At(_) | Wake::Asleep | Wake::Never => {
                    Settled::Done(Following { news: pending.news, aborts: pending.aborts, calls: Vec::new() })
                }
            },
            CommitOutcome::Moved => {
                // Nothing is thrown away: the same inputs are decided again on the state that the store has.
                pending.letters.into_iter().rev().for_each(|letter| self.mailbox.push_front(letter));
                self.reloading = true;
                Settled::Reload
            }
            CommitOutcome::Unstorable => {
                // Decided again as failures, on the state that the store has: the run ends with a reason.
                pending.letters.into_iter().rev().for_each(|letter| self.mailbox.push_front(letter.given_up()));
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

/// Something in the mailbox: said by this process, or found in the run's inbox.
#[derive(Debug, Clone)]
enum Letter {
    Input(Input),
    Entry(InboxEntry),
}

impl Letter {
    fn input(&self) -> Input {
        match self {
            Self::Input(input) => input.clone(),
            Self::Entry(entry) => Input::Told(entry.message.clone()),
        }
    }

    fn entry(&self) -> Option<InboxId> {
        match self {
            Self::Input(_) => None,
            Self::Entry(entry) => Some(entry.id),
        }
    }

    /// What a run is told instead of an answer that its store cannot hold.
    fn given_up(self) -> Self {
        match self {
            Self::Input(Input::CallEnded { key, policy, .. }) => {
                let message = "the agent's answer could not be stored".to_owned();
                let failure =
                    CallFailure { message, definite: true, retry_after: None, permanent: true, passing: false };
                Self::Input(Input::CallEnded { key, outcome: CallOutcome::Failed(failure), policy })
            }
            Self::Input(Input::Continue | Input::Told(_)) | Self::Entry(_) => self,
        }
    }
}
