//! The queue of webhooks, filled from the feed and emptied, over the memory store.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use application::webhooks::{CreateWebhook, WebhookPorts, WebhookUseCases};
use async_trait::async_trait;
use domain::{
    Timestamp,
    access::Actor,
    agents::Networks,
    ids::{CommitId, PlanHash, RunId, WorkflowId},
    payload::Payload,
    ports::{SignedMessage, WebhookQueue, WebhookSender, WebhookSigner},
    runs::{RunCommit, RunStatus, StartRun},
    webhooks::{Answer, SigningSecret, WebhookName, WebhookUrl},
};
use executor::{Filled, WebhookFiller, WebhookSettings, webhook_parts};
use tokio_util::sync::CancellationToken;

/// Signs with nothing.
struct Unsigned;

impl WebhookSigner for Unsigned {
    fn fresh(&self) -> SigningSecret {
        SigningSecret::of_base64(&"A".repeat(32)).expect("a secret")
    }

    fn sign(&self, _: &SigningSecret, _: &str, _: Timestamp, _: &str) -> String {
        "v1,".to_owned()
    }
}

/// Receivers by their hosts: `away` never answers, all others take everything.
#[derive(Default)]
struct Receivers {
    came: Mutex<BTreeMap<String, Vec<String>>>,
}

impl Receivers {
    fn of(&self, host: &str) -> Vec<String> {
        self.came.lock().expect("no panic").get(host).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl WebhookSender for Receivers {
    async fn send(&self, to: &WebhookUrl, message: &SignedMessage) -> Answer {
        self.came.lock().expect("no panic").entry(to.host().to_owned()).or_default().push(message.id.clone());
        if to.host() == "away" {
            std::future::pending::<()>().await;
        }
        Answer::Status { status: 204, retry_after: None, body: String::new() }
    }
}

struct House {
    store: MemoryStore,
    ports: WebhookPorts,
    receivers: Arc<Receivers>,
    clock: VirtualClock,
}

impl House {
    fn new() -> Self {
        let (store, receivers) = (MemoryStore::new(), Arc::new(Receivers::default()));
        let clock = VirtualClock::new(Timestamp::from_timestamp(1_750_000_000, 0).expect("a time"));
        let shared = Arc::new(store.clone());
        let ports = WebhookPorts {
            webhooks: shared.clone(),
            queue: shared.clone(),
            transactions: shared,
            signer: Arc::new(Unsigned),
            sender: receivers.clone(),
            clock: Arc::new(clock.clone()),
            ids: Arc::new(SequentialIds::new(1)),
            networks: Networks::default(),
        };
        Self { store, ports, receivers, clock }
    }

    fn filler(&self) -> WebhookFiller {
        webhook_parts(self.ports.clone(), Arc::new(self.store.clone()), WebhookSettings::default()).0
    }

    async fn webhook(&self, host: &str) {
        let create: &CreateWebhook = &WebhookUseCases::new(&self.ports).create;
        let settings = application::webhooks::WebhookSettings {
            name: WebhookName::parse(host).expect("a name"),
            url: WebhookUrl::parse(&format!("http://{host}/")).expect("a URL"),
            description: None,
            statuses: BTreeSet::new(),
            workflows: BTreeSet::new(),
        };
        create.execute(settings, None, &Actor::named("me")).await.expect("it is made");
    }

    fn start(&self, run: &str) {
        let at = domain::ports::Clock::now(&self.clock);
        let start = StartRun {
            commit: CommitId::new(self.ports.ids.unique()),
            run: RunId::parse(run).expect("an id"),
            workflow: WorkflowId::new(uuid::Uuid::from_u128(1)),
            workflow_name: "w".to_owned(),
            workflow_version: 1,
            plan: PlanHash::new([0; 32]),
            input: Payload::empty(),
            labels: domain::runs::Labels::default(),
            starts_at: None,
            triggered_by: "me".to_owned(),
            at,
            events: Vec::new(),
            status: RunStatus::Pending,
            owner: None,
            parent: None,
            audit: None,
        };
        self.store.commit_now(&[RunCommit::Start(start)]);
    }

    async fn pending(&self) -> u64 {
        self.store.pending().await.expect("memory")
    }
}

#[tokio::test]
async fn each_change_is_put_into_the_queue_once_for_each_webhook() {
    let house = House::new();
    house.webhook("a").await;
    house.webhook("b").await;
    house.start("run-1");
    let (one, other) = (house.filler(), house.filler());
    let (first, second) = tokio::join!(one.fill(), other.fill());
    let filled = [first.expect("memory"), second.expect("memory")];
    assert_eq!(filled.iter().filter(|filled| **filled == Filled::All).count(), 1, "{filled:?}");
    assert_eq!(house.pending().await, 2);
    assert_eq!(one.fill().await.expect("memory"), Filled::Nothing);
}

#[tokio::test]
async fn nothing_that_was_before_a_webhook_is_put_into_its_queue() {
    let house = House::new();
    house.start("before");
    house.clock.advance(Duration::from_secs(1));
    house.webhook("a").await;
    house.start("after");
    house.filler().fill().await.expect("memory");
    assert_eq!(house.pending().await, 1);
}

#[tokio::test]
async fn changes_that_nobody_is_told_of_are_passed_over() {
    let house = House::new();
    house.start("run-1");
    assert_eq!(house.filler().fill().await.expect("memory"), Filled::All);
    house.webhook("a").await;
    assert_eq!(house.filler().fill().await.expect("memory"), Filled::Nothing);
    assert_eq!(house.pending().await, 0);
}

#[tokio::test]
async fn what_is_forgotten_is_old_and_was_told() {
    let house = House::new();
    house.webhook("a").await;
    house.start("run-1");
    house.clock.advance(Duration::from_hours(24 * 365));
    house.filler().forget().await.expect("memory");
    assert_eq!(house.filler().fill().await.expect("memory"), Filled::All, "it was not told before");
    assert_eq!(house.pending().await, 1);
    house.filler().forget().await.expect("memory");
    let feed: &dyn domain::ports::RunFeed = &house.store;
    assert!(feed.after(domain::ids::FeedPlace::default(), 9).await.expect("memory").missed);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_away_holds_up_nobody_else() {
    let house = House::new();
    house.webhook("away").await;
    house.webhook("there").await;
    for number in 0..100 {
        house.start(&format!("run-{number}"));
    }
    house.filler().fill().await.expect("memory");
    let settings = WebhookSettings { at_once: 6, at_once_each: 3, ..WebhookSettings::default() };
    let (_, deliverer) = webhook_parts(house.ports.clone(), Arc::new(house.store.clone()), settings);
    let stop = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(deliverer.run(stop.clone()));
    tokio::time::timeout(Duration::from_mins(10), async {
        while house.receivers.of("there").len() < 100 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("all of them arrive");
    assert_eq!(house.receivers.of("away").len(), 3, "no more than that at once");
    assert_eq!(house.receivers.of("there").into_iter().collect::<BTreeSet<_>>().len(), 100);
}
