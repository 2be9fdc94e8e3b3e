//! One run in the hands of its owner: a mailbox, a state ahead of the store by at most one commit, and that commit.
//!
//! Inputs that arrive while a commit is under way are decided together into the next one.

use std::collections::{BTreeSet, VecDeque};

use domain::{
    Timestamp,
    ids::{CommitId, Epoch, InboxId, RunId, Seq, StepPath},
    planted::{self, Bug},
    runs::{
        AdvanceRun, AgentCall, CallFailure, CallOutcome, ChildDefinition, ChildResume, CommitOutcome, FailureKind,
        InboxEntry, InboxMessage, Input, MonitoringUpdate, Rejection, Reported, RunData, RunEvent, RunState,
        Transition, Wake, advance,
    },
    workflows::{ChildTarget, SharedPlan},
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
    /// How many letters at the front are decided one at a time: the store could not hold what came of them together, and one
    /// that is to blame must not take others with it.
    singly: usize,
    /// The entries of its inbox that it has been given, drained ones included: a look at the inbox may be late.
    given: BTreeSet<InboxId>,
    pending: Option<Pending>,
    /// The workflows that are being looked up; the run is not given back meanwhile.
    asked: BTreeSet<ChildTarget>,
    /// Those of them that nobody has been asked for yet.
    wanted: Vec<ChildTarget>,
    /// The commits by which runs are being resumed for it; it is not given back before it is known that they are.
    resuming: BTreeSet<CommitId>,
    /// Whether the state is known to differ from the store's, so that nothing must be decided on it.
    reloading: bool,
    /// When its owner wakes it.
    pub(crate) timer: Option<Timestamp>,
}

/// A commit under way: what it was decided from, and what may be done once it is durable.
struct Pending {
    commit: CommitId,
    letters: Vec<Letter>,
    calls: Vec<AgentCall>,
    aborts: Vec<StepPath>,
    answered: Vec<StepPath>,
    resumes: Vec<ChildResume>,
    rings: bool,
    holds: Option<bool>,
    news: Vec<MonitoringUpdate>,
    wake: Wake,
    unfinished: bool,
}

/// What follows from some letters, before it is a commit.
struct Decided {
    seq: Seq,
    letters: Vec<Letter>,
    drained: Vec<InboxId>,
    made: Transition,
    wake: Wake,
}

/// How a run is to be taken forward.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// It is given back as soon as nothing of its own is under way.
    pub draining: bool,
    /// Whoever watches is told.
    pub reporting: bool,
}

/// Whether an event holds calls back, or lets them go.
fn holds(event: &RunEvent) -> Option<bool> {
    match event {
        RunEvent::RunPaused { .. } => Some(true),
        RunEvent::RunUnpaused { .. } => (!planted::is(Bug::UnpauseKeepsHolding)).then_some(false),
        _ => None,
    }
}

/// What a settled commit leaves to be done.
#[derive(Debug, Default, PartialEq)]
pub struct Following {
    /// What to tell those who watch.
    pub news: Vec<MonitoringUpdate>,
    /// The calls whose answers are no longer wanted.
    pub aborts: Vec<StepPath>,
    /// The calls that their agents have reported about.
    pub answered: Vec<StepPath>,
    /// The calls to be made, after that.
    pub calls: Vec<AgentCall>,
    /// The runs to be resumed.
    pub resumes: Vec<ChildResume>,
    /// Whether other runs may be claimable now.
    pub rings: bool,
    /// Whether calls that have not left yet are to wait, where that has changed.
    pub holds: Option<bool>,
}

/// What the end of a commit means for its run.
#[derive(Debug, PartialEq)]
pub enum Settled {
    /// The run goes on.
    GoOn(Following),
    /// The run is given back or over; no calls follow.
    Done(Following),
    /// The run is somebody else's.
    Lost,
    /// The run is over without us.
    Over,
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
            singly: 0,
            given: BTreeSet::new(),
            pending: None,
            asked: BTreeSet::new(),
            wanted: Vec::new(),
            resuming: BTreeSet::new(),
            reloading: false,
            timer: None,
        }
    }

    /// Tells the run something.
    pub fn tell(&mut self, input: Input) {
        self.mailbox.push_back(Letter::Input(input));
    }

    /// The run was claimed: its predecessor may not have resumed the runs that it wanted to be.
    pub fn resumes(&mut self, again: &[ChildResume]) {
        self.resuming.extend(again.iter().map(|resume| resume.commit));
    }

    /// A workflow has been looked up.
    pub fn looked_up(&mut self, target: ChildTarget, found: Result<ChildDefinition, String>) {
        self.asked.remove(&target);
        self.tell(Input::LookedUp { target, found });
    }

    /// A run that a step had started is live again; or it is not, because it ended in another way meanwhile. The word of an
    /// earlier owner, about an earlier attempt of the step, says nothing about the one under way.
    pub fn resumed(&mut self, commit: CommitId, ended: Option<InboxMessage>) {
        if self.resuming.remove(&commit) {
            self.tell(ended.map_or(Input::Continue, Input::Told));
        }
    }

    /// The workflows to be looked up now.
    pub fn take_wanted(&mut self) -> Vec<ChildTarget> {
        std::mem::take(&mut self.wanted)
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
        while !self.is_committing() && !self.mailbox.is_empty() {
            let most = if self.singly > 0 { 1 } else { self.mailbox.len() };
            let letters: Vec<Letter> = self.mailbox.drain(..most).collect();
            self.singly = self.singly.saturating_sub(1);
            if let Some(made) = self.decide_together(letters, now, manner) {
                return Some(self.commit(commit(), made, now, manner));
            }
        }
        None
    }

    /// None where nothing follows from the letters.
    fn decide_together(&mut self, letters: Vec<Letter>, now: Timestamp, manner: Manner) -> Option<Decided> {
        let seq = self.state.seq();
        let mut made = self.advance_all(&letters, now, !manner.draining);
        for target in std::mem::take(&mut made.lookups) {
            if self.asked.insert(target.clone()) {
                self.wanted.push(target);
            }
        }
        self.resuming.extend(made.resumes.iter().map(|resume| resume.commit));
        let drained: Vec<InboxId> = letters.iter().filter_map(Letter::entry).collect();
        // A run that was claimed without need is given back by a commit without events.
        let wake = self.wake(now, manner.draining, made.unfinished);
        if made.events.is_empty() && drained.is_empty() && wake == Wake::Owned {
            return None;
        }
        Some(Decided { seq, letters, drained, made, wake })
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
                    // Dispatched by one of these letters and ended by another: nobody waits for its answer, so it is not made.
                    let is_over = |path: &StepPath| made.aborts.contains(path) || made.answered.contains(path);
                    all.calls.retain(|call| !is_over(&call.key.path));
                    all.events.append(&mut made.events);
                    all.closed.append(&mut made.closed);
                    all.calls.append(&mut made.calls);
                    all.aborts.append(&mut made.aborts);
                    all.answered.append(&mut made.answered);
                    all.outward.append(made.outward);
                    all.resumes.append(&mut made.resumes);
                    all.lookups.append(&mut made.lookups);
                    all.unfinished |= made.unfinished;
                    all.update = made.update.or(all.update);
                }
                // Late and doubled answers are expected; the rules have refused them.
                Err(Rejection::StaleCall | Rejection::Terminal(_)) => {}
            }
        }
        all
    }

    fn commit(&mut self, commit: CommitId, decided: Decided, now: Timestamp, manner: Manner) -> AdvanceRun {
        let Decided { seq, letters, drained, made, wake } = decided;
        let news = if manner.reporting {
            news_of(&self.run, self.state.origin().from, &self.plan, &made, now)
        } else {
            Vec::new()
        };
        let Transition { events, closed, update, calls, aborts, answered, outward, resumes, unfinished, lookups: _ } =
            made;
        let holds = events.iter().rev().find_map(holds);
        let rings = !outward.children.is_empty() || !outward.notes.is_empty();
        self.pending =
            Some(Pending { commit, letters, calls, aborts, answered, resumes, rings, holds, news, wake, unfinished });
        AdvanceRun {
            commit,
            run: self.run.clone(),
            epoch: self.epoch,
            seq,
            at: now,
            origin: self.state.origin(),
            events,
            closed,
            update,
            drained,
            wake,
            outward,
        }
    }

    fn wake(&self, now: Timestamp, draining: bool, unfinished: bool) -> Wake {
        if self.state.status().is_terminal() {
            return Wake::Never;
        }
        if self.is_asleep() {
            return Wake::Asleep;
        }
        if self.state.in_flight().next().is_some() {
            return Wake::Owned;
        }
        match self.state.wake_at(&self.plan) {
            // What was not begun for the sake of the drain is begun by the next owner.
            _ if draining => Wake::At(now),
            _ if unfinished || !self.mailbox.is_empty() => Wake::Owned,
            _ if !self.asked.is_empty() || !self.resuming.is_empty() => Wake::Owned,
            Some(due) if due - now > chrono::TimeDelta::seconds(PARK_SECONDS) => Wake::At(due),
            // Nothing but somebody else's word moves it.
            None if self.state.waiting().next().is_some() => Wake::Asleep,
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
                    let Pending { news, aborts, answered, calls, resumes, rings, holds, .. } = pending;
                    Settled::GoOn(Following { news, aborts, answered, calls, resumes, rings, holds })
                }
                Wake::At(_) | Wake::Asleep | Wake::Never => {
                    let Pending { news, aborts, answered, rings, .. } = pending;
                    Settled::Done(Following { news, aborts, answered, rings, ..Following::default() })
                }
            },
            CommitOutcome::Moved => {
                // Nothing is thrown away: the same inputs are decided again on the state that the store has.
                let singly = usize::from(self.singly > 0);
                self.decide_anew(pending, singly, |letter| letter)
            }
            // One of several answers is to blame. It fails its step, the others must not be lost with it.
            CommitOutcome::Unstorable if pending.letters.len() > 1 => {
                let singly = pending.letters.len();
                self.decide_anew(pending, singly, |letter| letter)
            }
            // Decided again as a failure, on the state that the store has: the step ends with a reason.
            CommitOutcome::Unstorable => self.decide_anew(pending, 1, Letter::given_up),
            CommitOutcome::Absorbed => Settled::Over,
            CommitOutcome::Fenced | CommitOutcome::Duplicate | CommitOutcome::Gone => Settled::Lost,
        }
    }

    /// What was decided is void, and with it the runs that were to be resumed for it. So many of its letters are decided one
    /// at a time.
    fn decide_anew(&mut self, void: Pending, singly: usize, reword: impl Fn(Letter) -> Letter) -> Settled {
        for resume in &void.resumes {
            self.resuming.remove(&resume.commit);
        }
        self.singly += singly;
        void.letters.into_iter().rev().for_each(|letter| self.mailbox.push_front(reword(letter)));
        self.reloading = true;
        Settled::Reload
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

    /// Whether it stands still for no reason: nothing is under way, nothing is due, nobody is waited for.
    pub(crate) fn is_idle(&self) -> bool {
        let has_news = self.is_committing() || !self.mailbox.is_empty();
        let is_asking = !self.asked.is_empty() || !self.resuming.is_empty();
        let waits = self.state.in_flight().next().is_some() || self.state.waiting().next().is_some();
        !has_news && !is_asking && !waits && !self.state.is_paused() && self.wakes_at().is_none()
    }

    /// When time alone moves it.
    pub fn wakes_at(&self) -> Option<Timestamp> {
        self.state.wake_at(&self.plan)
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
                let failure = CallFailure::permanent(FailureKind::Validation, "the agent's answer could not be stored");
                Self::Input(Input::CallEnded { key, outcome: CallOutcome::Failed(failure), policy })
            }
            Self::Entry(InboxEntry {
                id,
                message: InboxMessage::CallReported { path, generation, round, retry, .. },
            }) => {
                let outcome = Reported::Failed { error: "what the agent reported could not be stored".to_owned() };
                let message = InboxMessage::CallReported { path, generation, round, outcome, retry };
                Self::Entry(InboxEntry { id, message })
            }
            Self::Input(Input::Continue | Input::Told(_) | Input::LookedUp { .. }) | Self::Entry(_) => self,
        }
    }
}
