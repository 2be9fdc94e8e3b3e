//! The relay, in virtual time: order, outages of the bus, and several relays on one outbox.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{CommitId, PlanHash, RunId, WorkflowId},
    payload::Payload,
    ports::{Clock, Delivery, Duties, IdGenerator, NoSpans, Outbox, Publisher, QueuedMessage, Requests, SHARDS},
    runs::{CancelRun, CommitOutcome, Labels, ResumeRun, Resumption, RunCommit, RunEvent, RunStatus, StartRun},
};
use executor::{FleetPorts, Heart, LEASE, Membership, Relay, RelayPorts};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[derive(Default)]
struct Bus {
    sent: Mutex<Vec<QueuedMessage>>,
    down: Mutex<bool>,
}

impl Bus {
    fn is_down(&self, down: bool) {
        *self.down.lock().expect("not poisoned") = down;
    }

    /// The ids of what was sent, by run, in order.
    fn by_run(&self) -> BTreeMap<String, Vec<String>> {
        let mut by_run: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for queued in self.sent.lock().expect("not poisoned").iter() {
            let (run, event) = (queued.message.run().to_string(), queued.message.event_id().to_owned());
            by_run.entry(run).or_default().push(event);
        }
        by_run
    }
}

#[async_trait]
impl Publisher for Bus {
    async fn publish(&self, messages: &[QueuedMessage]) -> Vec<Delivery> {
        if *self.down.lock().expect("not poisoned") {
            return vec![Delivery::Unavailable("no broker".into()); messages.len()];
        }
        self.sent.lock().expect("not poisoned").extend_from_slice(messages);
        vec![Delivery::Delivered; messages.len()]
    }
}

struct Running {
    membership: Membership,
    relay: JoinHandle<()>,
    heart: JoinHandle<()>,
    stop: CancellationToken,
}

#[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}

async fn start(store: &MemoryStore, bus: &Arc<Bus>, seed: u64) -> Running {
    let shared = Arc::new(store.clone());
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new(at(0)));
    let ports = FleetPorts {
        fleet: shared.clone(),
        leases: shared.clone(),
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::new(seed)),
    };
    let duties = Duties { executes: false, relays: true, requests: Requests::Ignores };
    let (membership, heart) = Membership::join(ports, duties, LEASE).await.expect("the store works");
    let ports =
        RelayPorts { outbox: shared.clone(), fleet: shared, publisher: bus.clone(), spans: Arc::new(NoSpans), clock };
    let stop = CancellationToken::new();
    let mut relay = Relay::new(ports, membership.clone());
    relay.driving();
    let relay = spawn(relay.run(stop.clone()));
    let heart = spawn(Heart::beat_on(heart, stop.clone()));
    Running { membership, relay, heart, stop }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_800_000_000 + second, 0).expect("a time")
}

/// A run that is cancelled, resumed and cancelled again: two messages with one key.
fn two_ends(store: &MemoryStore, ids: &SequentialIds, run: &str) {
    let (run, plan) = (RunId::parse(run).expect("an id"), PlanHash::new([7; 32]));
    let commit = || CommitId::new(ids.unique());
    let start = StartRun {
        commit: commit(),
        run: run.clone(),
        workflow: WorkflowId::new(Uuid::nil()),
        workflow_name: "w".into(),
        workflow_version: 1,
        plan,
        input: Payload::empty(),
        triggered_by: "test".into(),
        labels: Labels::default(),
        at: at(0),
        starts_at: None,
        events: vec![RunEvent::Started { plan, parent: None, starts_at: None, trace: None }],
        status: RunStatus::Pending,
        owner: None,
        parent: None,
        audit: None,
    };
    let cancel = || {
        let (commit, run, by) = (commit(), run.clone(), "test".to_owned());
        RunCommit::Cancel(CancelRun { commit, run, at: at(1), by, reason: None, ahead: false, from: None, audit: None })
    };
    let resume = RunCommit::Resume(ResumeRun {
        what: Resumption::Unfinished,
        commit: commit(),
        run: run.clone(),
        at: at(2),
        by: "test".into(),
        from: None,
        audit: None,
    });
    let outcomes = store.commit_now(&[RunCommit::Start(start), cancel(), resume, cancel()]);
    assert_eq!(outcomes, [CommitOutcome::Committed; 4]);
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn messages_are_sent_once_in_the_order_of_their_key_and_forgotten() {
    let (store, bus, ids) = (MemoryStore::announcing(), Arc::new(Bus::default()), SequentialIds::new(9));
    (0..50).for_each(|n| two_ends(&store, &ids, &format!("r{n}")));
    let _relay = start(&store, &bus, 1).await;

    pass(3).await;

    let sent = bus.by_run();
    assert_eq!(sent.len(), 50);
    for (run, events) in sent {
        assert_eq!(events, [format!("{run}-2"), format!("{run}-4")]);
    }
    assert_eq!(store.backlog().await.expect("it works").waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_waits_for_the_bus() {
    let (store, bus, ids) = (MemoryStore::announcing(), Arc::new(Bus::default()), SequentialIds::new(9));
    bus.is_down(true);
    let _relay = start(&store, &bus, 1).await;
    two_ends(&store, &ids, "r");
    pass(60).await;
    assert_eq!((bus.by_run().len(), store.backlog().await.expect("it works").waiting), (0, 2));

    bus.is_down(false);
    pass(3).await;

    assert_eq!(bus.by_run()["r"], ["r-2", "r-4"]);
}

#[tokio::test(start_paused = true)]
async fn relays_share_the_shards_and_take_over_from_the_dead() {
    let (store, bus, ids) = (MemoryStore::announcing(), Arc::new(Bus::default()), SequentialIds::new(9));
    let one = start(&store, &bus, 1).await;
    pass(2).await;
    let other = start(&store, &bus, 2).await;
    pass(5).await;
    let all = usize::from(SHARDS) + 1;
    let held = async |running: &Running| store.hold(running.membership.me(), 0, true).await.expect("it works").len();
    assert_eq!(held(&one).await + held(&other).await, all);
    assert!(held(&one).await.abs_diff(held(&other).await) <= 1);

    // Killed: neither heart nor relay says good-bye.
    one.heart.abort();
    one.relay.abort();
    (0..50).for_each(|n| two_ends(&store, &ids, &format!("r{n}")));
    pass(10).await;

    assert_eq!(held(&other).await, all);
    assert_eq!(bus.by_run().len(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_stops_gives_its_shards_back() {
    let (store, bus) = (MemoryStore::announcing(), Arc::new(Bus::default()));
    let one = start(&store, &bus, 1).await;
    pass(2).await;
    one.stop.cancel();
    one.relay.await.expect("it ends");
    assert_eq!(store.hold(one.membership.me(), 0, true).await.expect("it works"), []);
}
