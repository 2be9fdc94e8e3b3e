//! Processes that watch each other, in virtual time: who is dead, who only seems to be, and what becomes of their work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{CommitId, ExecutorId, PlanHash, RunId, WorkflowId},
    payload::Payload,
    ports::{Duties, Fleet, IdGenerator, LifeSign, Requests, RunLeases, StoreError},
    runs::{Labels, RunCommit, RunEvent, RunStatus, StartRun},
};
use executor::{FleetPorts, Heart, JoinError, LEASE, Membership};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const DUTIES: Duties = Duties { executes: true, relays: false, requests: Requests::Ignores };

/// A store that can be away.
#[derive(Clone, Default)]
struct House {
    store: MemoryStore,
    away: Arc<AtomicBool>,
}

impl House {
    fn check(&self) -> Result<(), StoreError> {
        if self.away.load(Ordering::Relaxed) { Err(StoreError::Unavailable("away".into())) } else { Ok(()) }
    }

    fn is_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    async fn join(&self, seed: u64) -> (Membership, Heart) {
        self.join_with(seed, Requests::Ignores).await.expect("the store is there")
    }

    async fn join_with(&self, seed: u64, requests: Requests) -> Result<(Membership, Heart), JoinError> {
        let ports = FleetPorts {
            fleet: Arc::new(self.clone()),
            leases: Arc::new(self.store.clone()),
            clock: Arc::new(clock()),
            ids: Arc::new(SequentialIds::new(seed)),
        };
        Membership::join(ports, Duties { requests, ..DUTIES }, LEASE).await
    }

    /// A run that an executor owns.
    fn give_run(&self, run: &str, owner: ExecutorId) {
        let plan = PlanHash::new([7; 32]);
        let start = StartRun {
            commit: CommitId::new(SequentialIds::new(99).unique()),
            run: RunId::parse(run).expect("an id"),
            workflow: WorkflowId::new(Uuid::nil()),
            workflow_name: "w".into(),
            workflow_version: 1,
            plan,
            input: Payload::empty(),
            triggered_by: "test".into(),
            labels: Labels::default(),
            at: now(),
            starts_at: None,
            events: vec![RunEvent::Started { plan, parent: None, starts_at: None, trace: None }],
            status: RunStatus::Pending,
            owner: Some(owner),
            parent: None,
            audit: None,
        };
        self.store.commit_now(&[RunCommit::Start(start)]);
    }

    async fn owners(&self) -> Vec<ExecutorId> {
        self.store.owners().await.expect("the store works")
    }
}

#[async_trait]
impl Fleet for House {
    async fn join(&self, member: ExecutorId, duties: Duties) -> Result<Vec<LifeSign>, StoreError> {
        self.check()?;
        self.store.join(member, duties).await
    }
    async fn beat(&self, member: ExecutorId) -> Result<bool, StoreError> {
        self.check()?;
        self.store.beat(member).await
    }
    async fn life_signs(&self) -> Result<Vec<LifeSign>, StoreError> {
        self.check()?;
        self.store.life_signs().await
    }
    async fn bury(&self, sign: LifeSign) -> Result<bool, StoreError> {
        self.check()?;
        self.store.bury(sign).await
    }
    async fn leave(&self, member: ExecutorId) -> Result<(), StoreError> {
        self.check()?;
        self.store.leave(member).await
    }
}

fn now() -> Timestamp {
    Timestamp::from_timestamp(1_800_000_000, 0).expect("a time")
}

fn clock() -> VirtualClock {
    VirtualClock::new(now())
}

/// Lets a heart beat; the task ends when the token is cancelled.
fn beat(heart: Heart) -> (JoinHandle<()>, CancellationToken) {
    let stop = CancellationToken::new();
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    let beating = tokio::spawn(heart.beat_on(stop.clone()));
    (beating, stop)
}

/// Virtual time: everything that is due in it is done.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn the_runs_of_a_silent_executor_can_be_claimed_within_six_seconds() {
    let house = House::default();
    let (silent, _heart) = house.join(1).await;
    let (_watcher, heart) = house.join(2).await;
    house.give_run("r", silent.me());
    let _beating = beat(heart);

    pass(Duration::from_secs(3)).await;
    assert_eq!(house.owners().await, [silent.me()], "a lease has not passed");
    pass(Duration::from_secs(3)).await;

    assert_eq!(house.owners().await, []);
    let claimed = house.store.claim(ExecutorId::new(Uuid::from_u128(5)), 5, now()).await.expect("the store works");
    assert_eq!(claimed.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_loses_runs_whose_heart_beats() {
    let house = House::default();
    let (one, first) = house.join(1).await;
    let (other, second) = house.join(2).await;
    house.give_run("r", one.me());
    let _beating = (beat(first), beat(second));

    pass(Duration::from_mins(10)).await;

    assert_eq!(house.owners().await, [one.me()]);
    assert!(one.holds() && other.holds());
}

#[tokio::test(start_paused = true)]
async fn who_was_taken_for_dead_goes_on_as_somebody_else() {
    let house = House::default();
    let (frozen, heart) = house.join(1).await;
    let before = frozen.me();
    house.give_run("r", before);
    let (_, watching) = house.join(2).await;
    let _watching = beat(watching);
    pass(Duration::from_secs(10)).await;
    assert!(!frozen.holds(), "it begins nothing while it is frozen");

    let _beating = beat(heart);
    pass(Duration::from_secs(2)).await;

    assert_ne!(frozen.me(), before);
    assert!(frozen.holds());
    let members: Vec<_> = house.store.life_signs().await.expect("it works").iter().map(|sign| sign.member).collect();
    assert!(members.contains(&frozen.me()) && !members.contains(&before));
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_three_leases_takes_no_run_from_anybody() {
    let house = House::default();
    let (one, first) = house.join(1).await;
    let (other, second) = house.join(2).await;
    house.give_run("a", one.me());
    house.give_run("b", other.me());
    let mut owners = [one.me(), other.me()];
    owners.sort();
    let _beating = (beat(first), beat(second));
    pass(Duration::from_secs(3)).await;

    house.is_away(true);
    pass(LEASE).await;
    assert!(!one.holds() && !other.holds(), "nothing is begun that nobody could know of");
    pass(LEASE * 2).await;
    house.is_away(false);
    pass(Duration::from_mins(1)).await;

    let mut after = house.owners().await;
    after.sort();
    assert_eq!(after, owners);
    assert!(one.holds() && other.holds());
}

#[tokio::test(start_paused = true)]
async fn runs_of_somebody_who_is_no_member_are_given_back_at_once() {
    let house = House::default();
    house.give_run("r", ExecutorId::new(Uuid::from_u128(77)));
    let (_, heart) = house.join(1).await;
    let _beating = beat(heart);

    pass(Duration::from_secs(2)).await;

    assert_eq!(house.owners().await, []);
}

#[tokio::test(start_paused = true)]
async fn who_stops_leaves_the_fleet() {
    let house = House::default();
    let (_member, heart) = house.join(1).await;
    let (beating, stop) = beat(heart);
    pass(Duration::from_secs(2)).await;

    stop.cancel();
    beating.await.expect("it ends");

    assert_eq!(house.store.life_signs().await.expect("it works"), []);
}

#[tokio::test(start_paused = true)]
async fn who_excludes_a_living_member_is_refused_and_who_excludes_a_dead_one_takes_its_place() {
    let house = House::default();
    let (asking, heart) = house.join_with(1, Requests::Makes).await.expect("nobody is there");
    let (beating, stop) = beat(heart);

    let refused = house.join_with(2, Requests::Takes).await.map(drop).expect_err("it asks the old executor");
    let JoinError::Excluded { rival, requests } = refused else { panic!("{refused}") };
    assert_eq!((rival, requests), (asking.me(), Requests::Takes));

    // Nobody tells that it is dead but its silence.
    stop.cancel();
    beating.abort();
    let before = tokio::time::Instant::now();
    let (taking, _heart) = house.join_with(3, Requests::Takes).await.expect("it is dead");
    assert!(before.elapsed() <= LEASE * 2, "{:?}", before.elapsed());
    let members: Vec<_> = house.store.life_signs().await.expect("the store works");
    assert_eq!(members.iter().map(|sign| sign.member).collect::<Vec<_>>(), [taking.me()]);
}
