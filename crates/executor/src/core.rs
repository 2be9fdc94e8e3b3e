//! The executor's logic, without any IO: inputs and a time go in, effects come out.
//!
//! Whoever performs the effects may crash between any two of them, lose or double their results, or be somebody else's
//! zombie by now; the rules that make this harmless are in the commits and in the store.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use domain::{
    Timestamp,
    agents::RetryPolicy,
    ids::{CommitId, Epoch, RunId, StepPath},
    ports::{Adopted, IdGenerator, Mail},
    runs::{
        AgentCall, CallKey, CallOutcome, ChildDefinition, ChildResume, CommitOutcome, InboxEntry, InboxMessage, Input,
        MonitoringUpdate, RunCommit,
    },
    workflows::ChildTarget,
};

use crate::{
    actor::{Manner, RunActor, Settled},
    loading::Loaded,
};

/// Something that the executor is told.
#[derive(Debug)]
pub enum EngineInput {
    /// A run was started for this executor.
    Adopted(Adopted),
    /// A run was claimed.
    Claimed {
        /// The run.
        run: RunId,
        /// Its new epoch.
        epoch: Epoch,
        /// What the store has of it.
        loaded: Loaded,
        /// What waited in its inbox.
        inbox: Vec<InboxEntry>,
    },
    /// Somebody has something to say to a run.
    Mail(Mail),
    /// The store's events of a run, asked for by [`Effect::Reload`].
    Reloaded {
        /// The run.
        run: RunId,
        /// The epoch under which it was owned when they were asked for.
        epoch: Epoch,
        /// What the store has of it.
        loaded: Loaded,
    },
    /// A run that cannot be continued; whoever found out has written it down.
    GivenUp(RunId),
    /// A call has ended.
    CallEnded {
        /// Which call.
        key: CallKey,
        /// What came of it.
        outcome: CallOutcome,
        /// The agent's policy, as it is now.
        policy: RetryPolicy,
    },
    /// A commit has ended.
    CommitEnded {
        /// The run.
        run: RunId,
        /// The commit.
        commit: CommitId,
        /// What became of it.
        outcome: CommitOutcome,
    },
    /// A workflow has been looked up, asked for by [`Effect::LookUp`].
    LookedUp {
        /// The run that it was looked up for.
        run: RunId,
        /// The workflow.
        target: ChildTarget,
        /// The version to be run, or why there is none.
        found: Result<ChildDefinition, String>,
    },
    /// A run has been resumed, asked for by [`Effect::Resume`].
    Resumed {
        /// The run that it was resumed for.
        run: RunId,
        /// The commit that was to resume it.
        commit: CommitId,
        /// Its end, where it had ended in another way and could not be resumed.
        ended: Option<InboxMessage>,
    },
    /// A run was cancelled while this executor owned it under an epoch.
    Cancelled(RunId, Epoch),
    /// Others have taken this executor for dead: every run is somebody else's.
    Disowned,
    /// The live runs that the store says are this executor's.
    Owned(Vec<(RunId, Epoch)>),
    /// Time has passed: fire what is due.
    Tick,
}

/// Something to be done for the executor.
#[derive(Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "an effect is moved a few times and gone; a box for each commit costs more"
)]
pub enum Effect {
    /// Write this commit, as often as it takes to learn its outcome, then tell `CommitEnded`.
    Commit(RunCommit),
    /// Make this call, then tell `CallEnded`.
    Call(AgentCall),
    /// Stop the call at this step of the run: somebody else makes it, or will, or the agent has reported about it.
    Abort(RunId, StepPath),
    /// The same where nobody wants it to be done any more: the agent may be told so.
    Cancel(RunId, StepPath),
    /// Calls of the run that have not left yet wait from now on, or do no longer: it was paused, or goes on.
    Hold(RunId, bool),
    /// Load the events of the run, which is owned under this epoch, then tell `Reloaded`.
    Reload(RunId, Epoch),
    /// Give these runs back: the answer that said that they are this executor's was lost.
    GiveBack(Vec<(RunId, Epoch)>),
    /// Tell those who watch; may be lost.
    Report(MonitoringUpdate),
    /// Look a workflow up for a run, then tell `LookedUp`.
    LookUp(RunId, ChildTarget),
    /// Resume a run for another one, then tell `Resumed`.
    Resume(RunId, ChildResume),
    /// Other runs may be claimable now.
    Ring,
}

/// All the runs that an executor owns.
pub struct EngineCore {
    ids: Arc<dyn IdGenerator>,
    runs: HashMap<RunId, RunActor>,
    timers: BTreeSet<(Timestamp, RunId)>,
    manner: Manner,
    /// The runs that the store said are ours when it was asked last, and that nobody here knew of.
    strays: BTreeSet<(RunId, Epoch)>,
}

impl EngineCore {
    /// An executor without runs.
    pub fn new(ids: Arc<dyn IdGenerator>) -> Self {
        Self { ids, runs: HashMap::new(), timers: BTreeSet::new(), manner: Manner::default(), strays: BTreeSet::new() }
    }

    /// The same, telling those who watch.
    pub fn reporting(mut self) -> Self {
        self.manner.reporting = true;
        self
    }

    /// Takes an input and adds the effects to `effects`, in the order in which they may be done.
    pub fn on(&mut self, input: EngineInput, now: Timestamp, effects: &mut Vec<Effect>) {
        match input {
            EngineInput::Adopted(new) => {
                // Late: the run has been cancelled, resumed and claimed meanwhile, under a higher epoch.
                if self.runs.contains_key(&new.run) {
                    return;
                }
                let run = new.run.clone();
                let mut actor = RunActor::new(new.run, new.epoch, new.plan, new.state, new.data);
                effects.extend(new.calls.into_iter().map(Effect::Call));
                // A start that calls nobody, or not all at once, goes on by itself.
                actor.tell(Input::Continue);
                self.runs.insert(run.clone(), actor);
                self.turn(&run, now, effects);
            }
            EngineInput::Claimed { run, epoch, loaded, inbox } => {
                self.drop_run(&run, Effect::Abort, effects);
                let Loaded { plan, state, data, calls, resumes } = loaded;
                let mut actor = RunActor::new(run.clone(), epoch, plan, state, data);
                actor.resumes(&resumes);
                let holds = actor.state().is_paused() && !calls.is_empty();
                effects.extend(calls.into_iter().map(Effect::Call));
                effects.extend(holds.then(|| Effect::Hold(run.clone(), true)));
                effects.extend(resumes.into_iter().map(|resume| Effect::Resume(run.clone(), resume)));
                actor.deliver(inbox);
                actor.tell(Input::Continue);
                self.runs.insert(run.clone(), actor);
                self.turn(&run, now, effects);
            }
            EngineInput::Mail(Mail { run, epoch, entries }) => {
                // It may be late, as the notice of a cancellation may.
                if let Some(actor) = self.runs.get_mut(&run).filter(|actor| actor.epoch() == epoch) {
                    actor.deliver(entries);
                    self.turn(&run, now, effects);
                }
            }
            EngineInput::Reloaded { run, epoch, loaded } => {
                // Asked for by an earlier owner, they would set this one back behind what it has been told since.
                let Some(actor) = self.runs.get_mut(&run).filter(|actor| actor.epoch() == epoch) else { return };
                if loaded.state.status().is_terminal() {
                    self.drop_run(&run, Effect::Cancel, effects);
                } else {
                    // The calls under way were never interrupted.
                    actor.reloaded(loaded.state, loaded.data);
                    self.turn(&run, now, effects);
                }
            }
            EngineInput::GivenUp(run) => self.drop_run(&run, Effect::Abort, effects),
            EngineInput::CallEnded { key, outcome, policy } => {
                // A call of a run that has been given back: its new owner makes it again.
                let run = key.run.clone();
                if let Some(actor) = self.runs.get_mut(&run) {
                    actor.tell(Input::CallEnded { key, outcome, policy });
                    self.turn(&run, now, effects);
                }
            }
            EngineInput::LookedUp { run, target, found } => {
                if let Some(actor) = self.runs.get_mut(&run) {
                    actor.looked_up(target, found);
                    self.turn(&run, now, effects);
                }
            }
            EngineInput::Resumed { run, commit, ended } => {
                if let Some(actor) = self.runs.get_mut(&run) {
                    actor.resumed(commit, ended);
                    self.turn(&run, now, effects);
                }
            }
            EngineInput::CommitEnded { run, commit, outcome } => self.commit_ended(&run, commit, outcome, now, effects),
            EngineInput::Cancelled(run, epoch) => {
                // The notice may be late: the run may have been resumed and claimed anew.
                if self.runs.get(&run).is_some_and(|actor| actor.epoch() == epoch) {
                    self.drop_run(&run, Effect::Cancel, effects);
                }
            }
            EngineInput::Disowned => {
                // In an order, so that a simulation replays.
                let runs: BTreeSet<RunId> = self.runs.keys().cloned().collect();
                for run in &runs {
                    self.drop_run(run, Effect::Abort, effects);
                }
                self.timers.clear();
            }
            EngineInput::Owned(owned) => self.find_strays(owned, effects),
            EngineInput::Tick => self.fire(now, effects),
        }
    }

    /// From now on runs are given back as soon as nothing of theirs is under way.
    pub fn drain(&mut self) {
        self.manner.draining = true;
    }

    /// How many runs the executor owns.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether it owns none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether any run has a call or a commit under way.
    pub fn is_busy(&self) -> bool {
        self.runs.values().any(|run| run.is_committing() || run.state().in_flight().next().is_some())
    }

    /// How many runs stand still here for no reason.
    pub fn idle(&self) -> usize {
        self.runs.values().filter(|run| run.is_idle()).count()
    }

    /// When [`EngineInput::Tick`] is next due.
    pub fn next_tick(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// A run by its id.
    pub fn run(&self, run: &RunId) -> Option<&RunActor> {
        self.runs.get(run)
    }

    /// A run that is a stray twice in a row is not on its way here: its claim's answer was lost, or its start's hand-over.
    fn find_strays(&mut self, owned: Vec<(RunId, Epoch)>, effects: &mut Vec<Effect>) {
        let is_here = |(run, epoch): &(RunId, Epoch)| self.runs.get(run).is_some_and(|actor| actor.epoch() >= *epoch);
        let strays: BTreeSet<_> = owned.into_iter().filter(|owned| !is_here(owned)).collect();
        let lost: Vec<_> = strays.intersection(&self.strays).cloned().collect();
        self.strays = strays;
        if !lost.is_empty() {
            effects.push(Effect::GiveBack(lost));
        }
    }

    fn commit_ended(
        &mut self,
        run: &RunId,
        commit: CommitId,
        outcome: CommitOutcome,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(actor) = self.runs.get_mut(run) else { return };
        match actor.settle(commit, outcome) {
            Settled::GoOn(following) => {
                effects.extend(following.news.into_iter().map(Effect::Report));
                effects.extend(following.aborts.into_iter().map(|path| Effect::Cancel(run.clone(), path)));
                effects.extend(following.answered.into_iter().map(|path| Effect::Abort(run.clone(), path)));
                effects.extend(following.calls.into_iter().map(Effect::Call));
                effects.extend(following.holds.map(|holds| Effect::Hold(run.clone(), holds)));
                effects.extend(following.resumes.into_iter().map(|resume| Effect::Resume(run.clone(), resume)));
                effects.extend(following.rings.then_some(Effect::Ring));
                self.turn(run, now, effects);
            }
            Settled::Done(following) => {
                effects.extend(following.news.into_iter().map(Effect::Report));
                effects.extend(following.aborts.into_iter().map(|path| Effect::Cancel(run.clone(), path)));
                effects.extend(following.answered.into_iter().map(|path| Effect::Abort(run.clone(), path)));
                effects.extend(following.rings.then_some(Effect::Ring));
                // What is under way in a run that is given back is none of these.
                self.drop_run(run, Effect::Cancel, effects);
            }
            Settled::Lost => self.drop_run(run, Effect::Abort, effects),
            Settled::Over => self.drop_run(run, Effect::Cancel, effects),
            Settled::Reload => effects.push(Effect::Reload(run.clone(), actor.epoch())),
            Settled::Stale => {}
        }
    }

    /// Lets a run decide what it has been told, and sets its timer.
    fn turn(&mut self, run: &RunId, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(actor) = self.runs.get_mut(run) else { return };
        let ids = &self.ids;
        if let Some(commit) = actor.decide(now, || CommitId::new(ids.unique()), self.manner) {
            effects.push(Effect::Commit(RunCommit::Advance(commit)));
        } else if !self.manner.draining && !actor.is_committing() {
            // One timer a run: of a run that is over, or waits for something else by now, none is left behind.
            let due = actor.wakes_at();
            if let Some(before) = actor.timer.filter(|before| Some(*before) != due) {
                self.timers.remove(&(before, run.clone()));
            }
            if let Some(due) = due.filter(|due| actor.timer != Some(*due)) {
                self.timers.insert((due, run.clone()));
            }
            actor.timer = due;
        }
        effects.extend(actor.take_wanted().into_iter().map(|target| Effect::LookUp(run.clone(), target)));
    }

    fn fire(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let mut due = Vec::new();
        while let Some(timer) = self.timers.first().filter(|(due, _)| *due <= now).cloned() {
            self.timers.remove(&timer);
            due.push(timer.1);
        }
        for run in due {
            // The run may be gone, or its wait over: then this decides nothing.
            if let Some(actor) = self.runs.get_mut(&run) {
                actor.timer = None;
                actor.tell(Input::Continue);
                self.turn(&run, now, effects);
            }
        }
    }

    fn drop_run(&mut self, run: &RunId, stop: fn(RunId, StepPath) -> Effect, effects: &mut Vec<Effect>) {
        if let Some(actor) = self.runs.remove(run) {
            if let Some(timer) = actor.timer {
                self.timers.remove(&(timer, run.clone()));
            }
            effects.extend(actor.state().in_flight().map(|(path, _)| stop(run.clone(), path.clone())));
        }
    }
}
