//! Typed identifiers. Each has one door (`new`, `parse` or a derivation); behind it nobody checks again.
//!
//! Ids that a restart must be able to recompute (step executions, messages, tasks) are *derived*; only agents,
//! definitions, runs, executors and commits are minted, and those come from the [`IdGenerator`](crate::ports::IdGenerator).

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use uuid::{Builder, Uuid};

mod plan_hash;

pub use plan_hash::PlanHash;

/// Why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {problem}")]
pub struct InvalidId {
    what: &'static str,
    problem: &'static str,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that names this kind of thing.
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The bare UUID, for adapters.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.parse().map(Self).map_err(|_| InvalidId { what: stringify!($name), problem: "is not a UUID" })
            }
        }
    };
}

uuid_id!(
    /// An agent.
    AgentId
);
uuid_id!(
    /// One row of a workflow's chain of versions. The head of the chain keeps the id it was created with; every older
    /// version has an id of its own, so that each version can be read and executed by id.
    WorkflowId
);
uuid_id!(
    /// One life of one executor process: new at each start, so that a restarted process cannot be mistaken for its
    /// predecessor.
    ExecutorId
);
uuid_id!(
    /// Something that has happened and that a run was told of; derived from what its sender calls it.
    EventId
);
uuid_id!(
    /// One commit to a run, repeated when its outcome is unknown: lets a store tell "already applied" from "somebody else moved".
    CommitId
);
uuid_id!(
    /// An API key; part of the key's text, so no secret.
    ApiKeyId
);
uuid_id!(
    /// A person who may log in.
    UserId
);
uuid_id!(
    /// An entry among the dead letters: a step of a run that has failed for good.
    DeadLetterId
);
uuid_id!(
    /// An entry of the audit log.
    AuditId
);
uuid_id!(
    /// A request that changes many things at once.
    BulkId
);
uuid_id!(
    /// A webhook.
    WebhookId
);
uuid_id!(
    /// A message to a webhook.
    DeliveryId
);

uuid_id!(
    /// One attempt to do a request that may be sent again.
    AttemptId
);

/// The namespace of ids of what is done to one of many; a random constant.
const MEMBER_NAMESPACE: Uuid = Uuid::from_u128(0x51c2_7d0e_b94a_4f83_a6e7_20f3_8d5b_19cd);

impl BulkId {
    /// An id for what the request does to one of its things: the same however often and in whatever order that is tried, and of
    /// the time of the request, if its id tells that.
    pub fn member(self, of: &str, what: &str) -> Uuid {
        let derived = Uuid::new_v5(&MEMBER_NAMESPACE, format!("{self}\n{of}\n{what}").as_bytes());
        let Some(time) = self.0.get_timestamp() else { return derived };
        let (seconds, nanos) = time.to_unix();
        let mut random = [0; 10];
        random.copy_from_slice(&derived.as_bytes()[..10]);
        Builder::from_unix_timestamp_millis(seconds * 1000 + u64::from(nanos / 1_000_000), &random).into_uuid()
    }
}

uuid_id!(
    /// A schedule.
    ScheduleId
);
uuid_id!(
    /// A tick of a schedule: derived from the schedule and the tick's time, so that whoever decides about it again decides about
    /// the same one; minted for a tick that somebody asks for.
    TickId
);

/// The namespace of ids of ticks; a random constant.
const TICK_NAMESPACE: Uuid = Uuid::from_u128(0x52c7_0d9e_4b61_4e8f_9a3d_70f2_c81b_65ea);

impl TickId {
    /// The tick of a schedule at a time.
    pub fn of(schedule: ScheduleId, at: crate::Timestamp) -> Self {
        Self(Uuid::new_v5(&TICK_NAMESPACE, format!("{schedule}\n{}", at.timestamp_micros()).as_bytes()))
    }

    /// The run that is started for it.
    pub fn run(self) -> RunId {
        RunId::mint(self.0)
    }
}

/// The namespace of ids of dead letters; a random constant.
const DEAD_LETTER_NAMESPACE: Uuid = Uuid::from_u128(0x6d0f_b1c4_92e7_4a38_8c55_1e9a_d743_0b6f);

impl DeadLetterId {
    /// The entry of a step: the same one however often the step fails, also when it is done anew from scratch.
    pub fn of(run: &RunId, path: &StepPath) -> Self {
        Self(Uuid::new_v5(&DEAD_LETTER_NAMESPACE, format!("{run}\n{path}").as_bytes()))
    }
}

impl CommitId {
    /// The commit that starts a run for another one, which is started once.
    pub(crate) fn of_start(child: &RunId) -> Self {
        Self(Uuid::new_v5(&CHILD_NAMESPACE, format!("{child}\nstart").as_bytes()))
    }

    /// The commit by which an attempt of a parent's step resumes a run.
    pub(crate) fn of_child(child: &RunId, attempt: Seq) -> Self {
        Self(Uuid::new_v5(&CHILD_NAMESPACE, format!("{child}\nresume\n{attempt}").as_bytes()))
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::parse(&std::borrow::Cow::<'de, str>::deserialize(from)?).map_err(D::Error::custom)
            }
        }
    };
}

text_id!(
    /// A run. Ours are `run-` + UUIDv7 (ordered by creation); runs of foreign producers may carry any text of 1 to 255
    /// characters without control characters.
    RunId
);

/// The namespace of ids of runs that runs start, and of what is said to them; a random constant.
const CHILD_NAMESPACE: Uuid = Uuid::from_u128(0x3b1e_9c84_07d5_4f6a_b2a0_6c5d_91e7_f438);

impl RunId {
    /// The id of a run that this system starts.
    pub fn mint(unique: Uuid) -> Self {
        Self(format!("run-{unique}").into())
    }

    /// The id of the run that a step of this run starts: equal for the same step of the same generation, so that a run is
    /// started once, however often that is tried.
    pub fn child(&self, path: &StepPath, generation: u32) -> Self {
        Self::mint(Uuid::new_v5(&CHILD_NAMESPACE, format!("{self}\n{path}\n{generation}").as_bytes()))
    }

    /// The id of the run that follows this one, by its place in `on_complete`: equal for the same end of this run, so that it is
    /// started once; another one after a rerun.
    pub fn follower(&self, number: u32, generation: u32) -> Self {
        Self::mint(Uuid::new_v5(&CHILD_NAMESPACE, format!("{self}\non_complete\n{number}\n{generation}").as_bytes()))
    }

    /// Reads an id from outside.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let what = "run id";
        match text.chars().count() {
            0 => Err(InvalidId { what, problem: "is empty" }),
            256.. => Err(InvalidId { what, problem: "is longer than 255 characters" }),
            _ if text.chars().any(char::is_control) => Err(InvalidId { what, problem: "contains a control character" }),
            _ => Ok(Self(text.into())),
        }
    }
}

text_id!(
    /// The workflow of a run, as it was addressed: the id of a definition, or whatever a foreign producer calls its plan, 1 to
    /// 255 characters.
    WorkflowRef
);

impl WorkflowRef {
    /// Reads what a foreign producer says; what is too long is cut.
    pub fn from_text(text: &str) -> Self {
        let clean = text.chars().filter(|c| !c.is_control()).take(255).collect::<String>();
        Self(if clean.is_empty() { "unknown" } else { &clean }.into())
    }

    /// Reads a stored reference; none is refused.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        Ok(Self::from_text(text))
    }

    /// The definition, if it is one's id.
    pub fn definition(&self) -> Option<WorkflowId> {
        self.0.parse().ok()
    }
}

impl From<WorkflowId> for WorkflowRef {
    fn from(id: WorkflowId) -> Self {
        Self(id.to_string().into())
    }
}

text_id!(
    /// A step of a workflow document: 1 to 128 letters, digits, `-` or `_`.
    StepId
);

impl StepId {
    /// What stands behind the last step of a document. It is in no path and no row.
    pub(crate) fn end() -> Self {
        Self("output".into())
    }

    /// The longest step id accepted at the REST door; keeps derived ids below the 255 characters of the shared tables.
    pub const MAX_CHARS: usize = 128;

    /// Reads a step id from a document.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let what = "step id";
        match text.chars().count() {
            0 => Err(InvalidId { what, problem: "is empty" }),
            n if n > Self::MAX_CHARS => Err(InvalidId { what, problem: "is longer than 128 characters" }),
            _ if !text.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_') => {
                Err(InvalidId { what, problem: "may only contain letters, digits, '-' and '_'" })
            }
            _ => Ok(Self(text.into())),
        }
    }

    /// The place of this step where it stands at the top level of the document.
    pub fn top_level(&self) -> StepPath {
        StepPath(Arc::clone(&self.0))
    }
}

text_id!(
    /// Where in a run a step is executed: its id, behind the places of the blocks around it.
    ///
    /// `each[17]/fan.1/check` is the step `check`, member 1 of the block `fan`, in iteration 17 of the loop `each`; numbers are
    /// from 0. None of these signs can stand in an id.
    StepPath
);

/// The place of a step within a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// An iteration of a loop.
    Iteration(u32),
    /// A member or a branch.
    Branch(u32),
}

impl Slot {
    /// Its number, from 0.
    pub fn number(self) -> u32 {
        match self {
            Self::Iteration(number) | Self::Branch(number) => number,
        }
    }
}

impl StepPath {
    /// Reads a path that this system has written.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if text.is_empty() {
            return Err(InvalidId { what: "step path", problem: "is empty" });
        }
        Ok(Self(text.into()))
    }

    /// The place of a step within this block.
    pub fn inside(&self, slot: Slot, step: &StepId) -> Self {
        let text = match slot {
            Slot::Iteration(number) => format!("{self}[{number}]/{step}"),
            Slot::Branch(number) => format!("{self}.{number}/{step}"),
        };
        Self(text.into())
    }

    /// The place of another step in the same sequence.
    pub fn beside(&self, step: &StepId) -> Self {
        match self.0.rfind('/') {
            None => step.top_level(),
            Some(end) => Self(format!("{}{step}", &self.0[..=end]).into()),
        }
    }

    /// The block around it, and its place therein; none at the top level.
    pub fn around(&self) -> Option<(Self, Slot)> {
        let (around, _) = self.0.rsplit_once('/')?;
        let (block, slot) = match around.strip_suffix(']') {
            Some(open) => {
                open.rsplit_once('[').and_then(|(block, n)| Some((block, Slot::Iteration(n.parse().ok()?))))?
            }
            None => around.rsplit_once('.').and_then(|(block, n)| Some((block, Slot::Branch(n.parse().ok()?))))?,
        };
        Some((Self(block.into()), slot))
    }

    /// The step at the top level around it, or itself.
    pub fn outermost(&self) -> &str {
        self.0.split(['[', '.', '/']).next().unwrap_or(&self.0)
    }

    /// The id of the step itself.
    pub fn innermost(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Whether it lies inside of a block.
    pub fn is_inside(&self, block: &Self) -> bool {
        self.0.strip_prefix(&*block.0).is_some_and(|rest| rest.starts_with(['[', '.']))
    }

    /// Whether it lies in a slot of a block.
    pub fn is_in_slot(&self, block: &Self, slot: u32) -> bool {
        let Some(rest) = self.0.strip_prefix(&*block.0) else { return false };
        let Some((number, _)) = rest.split_once('/') else { return false };
        number.trim_start_matches(['[', '.']).trim_end_matches(']').parse() == Ok(slot)
    }

    /// The same for all iterations of the loops around it: what a plan knows of it.
    pub fn in_every_iteration(&self) -> Cow<'_, str> {
        if !self.0.contains('[') {
            return Cow::Borrowed(&self.0);
        }
        let mut text = String::with_capacity(self.0.len());
        let mut rest = &*self.0;
        while let Some((before, after)) = rest.split_once('[') {
            text.push_str(before);
            text.push_str("[]");
            rest = after.split_once(']').map_or("", |(_, rest)| rest);
        }
        text.push_str(rest);
        Cow::Owned(text)
    }

    /// The place that a plan knows as this text, in the iterations in which this step is.
    pub fn beside_in_plan(&self, other: &str) -> Self {
        let mut numbers = self.0.split('[').skip(1).filter_map(|rest| rest.split_once(']')).map(|(number, _)| number);
        let mut text = String::with_capacity(other.len() + 8);
        let mut rest = other;
        while let Some((before, after)) = rest.split_once("[]") {
            text.push_str(before);
            text.push('[');
            text.push_str(numbers.next().unwrap_or_default());
            text.push(']');
            rest = after;
        }
        text.push_str(rest);
        Self(text.into())
    }
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Wraps a number.
            pub const fn new(n: u64) -> Self {
                Self(n)
            }

            /// The bare number.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The number after this one.
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter!(
    /// The number of an event of a run, from 1, gap-free. A run's `seq` is the number of its last event and serves as
    /// its optimistic version.
    Seq
);
counter!(
    /// A message in the inbox of a run; later messages of a run have higher numbers.
    InboxId
);
counter!(
    /// A place in the feed of runs; later changes have higher places, and not every place has a change.
    FeedPlace
);
counter!(
    /// The fencing token of a run: rises when its owner changes, and by nothing else.
    Epoch
);

/// One attempt of one step of one run, named by the event that dispatched it. Derived, so a restart finds it again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StepExecutionId(String);

impl StepExecutionId {
    /// `{run}-{step}-{8 hex digits of the dispatching event's number}` (contract 4.3).
    pub fn derive(run: &RunId, step: &StepId, dispatched: Seq) -> Self {
        Self(format!("{run}-{step}-{:08x}", dispatched.get()))
    }

    /// Takes back what a store holds; the old executor ends its own with random digits.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
