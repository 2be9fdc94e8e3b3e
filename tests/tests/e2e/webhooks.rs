//! Webhooks: what receivers are told though they are away, slow or wrong, and though the server dies.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use e2e_tests::{
    AgentSpec, Answer, Client, DemoAgents, Orrery, Receiver, Reception, eventually, eventually_within, workflow,
};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

/// Longer than any pause between attempts here.
const PATIENCE: Duration = Duration::from_secs(90);

/// A server that is quick to try again, with a workflow of one step.
struct Sender {
    orrery: Orrery,
    workflow: String,
    arguments: Vec<String>,
    folder: TempDir,
    agents: DemoAgents,
}

impl Sender {
    async fn new(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let data = folder.path().to_str().expect("a path in UTF-8");
        let arguments = [&["--data", data, "--webhook-first-retry-ms", "2"], more].concat();
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let (orrery, agents) = (started(&arguments, folder.path()).await, DemoAgents::start().await);
        orrery.client().register(AgentSpec::new("echo", agents.url("echo"))).await;
        let workflow = orrery.client().create(&workflow("told", &[("only", "echo")])).await;
        Self { orrery, workflow, arguments, folder, agents }
    }

    fn client(&self) -> &Client {
        self.orrery.client()
    }

    /// Does runs and answers their ids.
    async fn runs(&self, count: usize) -> BTreeSet<String> {
        let mut runs = BTreeSet::new();
        for number in 0..count {
            runs.insert(self.client().execute(&self.workflow, &format!("text {number}")).await);
        }
        for run in &runs {
            self.client().reaches(run, "COMPLETED").await;
        }
        runs
    }

    /// SIGKILL, then a new server on the same folder.
    async fn crash(self) -> Self {
        let Self { orrery, workflow, arguments, folder, agents } = self;
        orrery.kill9();
        let orrery = started(&arguments, folder.path()).await;
        Self { orrery, workflow, arguments, folder, agents }
    }
}

async fn started(arguments: &[String], folder: &Path) -> Orrery {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let orrery = Orrery::launch(&arguments, folder).await;
    eventually("the server is ready", async || orrery.is_ready().await.then_some(())).await;
    orrery
}

/// Makes a webhook for the ends of runs, and answers its path below the API.
async fn webhook(client: &Client, name: &str, url: &str) -> String {
    let made =
        client.post("/webhooks", &json!({"name": name, "url": url, "statuses": ["COMPLETED"]})).await.expect(201);
    format!("/webhooks/{}", made["webhook"]["id"].as_str().expect("an id"))
}

/// A POST that says nothing more.
async fn asked(client: &Client, path: &str) -> Answer {
    client.send(Method::POST, path, None).await
}

/// The runs of which a receiver was told.
fn told(receiver: &Receiver) -> Vec<String> {
    receiver.told().values().map(|body| body["data"]["run_id"].as_str().expect("a run").to_owned()).collect()
}

/// Waits until a receiver was told of each run, by exactly one message.
async fn each_once(receiver: &Receiver, runs: &BTreeSet<String>) {
    let all = async || (receiver.told().len() >= runs.len()).then_some(());
    eventually_within(PATIENCE, "the receiver was told of all runs", all).await;
    let told = told(receiver);
    assert_eq!(told.len(), runs.len(), "one message for each run");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), *runs);
    for message in receiver.came() {
        assert_eq!(message.body["type"], "run.completed");
    }
}

fn free_address() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("a listener has an address")
}

#[tokio::test]
async fn receivers_that_are_away_slow_or_wrong_are_told_later_and_hold_up_nobody_else() {
    let sender = Sender::new(&["--webhook-timeout-seconds", "2"]).await;
    let good = Receiver::start(Reception::Take).await;
    let slow = Receiver::start(Reception::TakeAfter(Duration::from_millis(700))).await;
    let hanging = Receiver::start(Reception::Hang).await;
    let failing = Receiver::start(Reception::Status(500)).await;
    let elsewhere = Receiver::start(Reception::Take).await;
    let redirecting = Receiver::start(Reception::Redirect(elsewhere.url())).await;
    let away = free_address();
    let client = sender.client();
    let of_failing = webhook(client, "failing", &failing.url()).await;
    let of_redirecting = webhook(client, "redirecting", &redirecting.url()).await;
    let of_away = webhook(client, "away", &format!("http://{away}/hook")).await;
    webhook(client, "hanging", &hanging.url()).await;
    webhook(client, "slow", &slow.url()).await;
    webhook(client, "good", &good.url()).await;

    let runs = sender.runs(12).await;
    each_once(&good, &runs).await;
    each_once(&slow, &runs).await;
    for (path, error) in [
        (&of_failing, "the receiver answered 500"),
        (&of_redirecting, "redirects are not followed"),
        (&of_away, "connection refused"),
    ] {
        let list = format!("{path}/deliveries?state=pending&page_size=50");
        let pending = eventually(&format!("{error} is in the log"), async || {
            let pending = client.get(&list).await.expect(200);
            pending["items"][0]["log"][0]["error"].is_string().then_some(pending)
        })
        .await;
        assert_eq!(pending["total"], 12, "{path}: {pending}");
        let told = pending["items"][0]["log"][0]["error"].as_str().expect("a text");
        assert!(told.contains(error), "{told}");
    }

    failing.receive(Reception::Take);
    redirecting.receive(Reception::Take);
    hanging.receive(Reception::Take);
    let back = Receiver::at(away, Reception::Take).await;
    for receiver in [&failing, &redirecting, &back, &hanging] {
        each_once(receiver, &runs).await;
    }
    assert_eq!(elsewhere.came().len(), 0, "no redirect was followed");
    assert!(failing.came().len() > runs.len(), "it was tried before");
    let same = failing.came().into_iter().fold(BTreeMap::<String, BTreeSet<String>>::new(), |mut ids, message| {
        ids.entry(message.id).or_default().insert(message.body.to_string());
        ids
    });
    assert!(same.values().all(|bodies| bodies.len() == 1), "a message is the same each time");
    assert!(client.get(&of_failing).await.expect(200)["failing_since"].is_null(), "it is well again");
}

#[tokio::test]
async fn a_kill_loses_no_message_and_makes_none_up() {
    let sender = Sender::new(&["--webhook-timeout-seconds", "2"]).await;
    let slow = Receiver::start(Reception::TakeAfter(Duration::from_millis(300))).await;
    let away = free_address();
    webhook(sender.client(), "slow", &slow.url()).await;
    webhook(sender.client(), "away", &format!("http://{away}/hook")).await;
    let mut runs = sender.runs(15).await;
    eventually("messages are under way", async || (slow.came().len() >= 2).then_some(())).await;
    // The last ones may not even be in the queue yet.
    for number in 0..5 {
        runs.insert(sender.client().execute(&sender.workflow, &format!("late {number}")).await);
    }
    let sender = sender.crash().await;
    for run in &runs {
        sender.client().reaches(run, "COMPLETED").await;
    }
    let back = Receiver::at(away, Reception::Take).await;
    each_once(&slow, &runs).await;
    each_once(&back, &runs).await;
}

#[tokio::test]
async fn a_webhook_whose_receiver_is_gone_is_disabled_and_can_be_enabled() {
    let sender = Sender::new(&[]).await;
    let receiver = Receiver::start(Reception::Status(410)).await;
    let path = webhook(sender.client(), "gone", &receiver.url()).await;
    sender.runs(1).await;
    let client = sender.client();
    let disabled = eventually("the webhook is disabled", async || {
        let webhook = client.get(&path).await.expect(200);
        (webhook["enabled"] == false).then_some(webhook)
    })
    .await;
    assert_eq!(disabled["disabled_reason"], "gone");
    let came = receiver.came().len();
    sender.runs(2).await;
    receiver.receive(Reception::Take);
    asked(client, &format!("{path}/enable")).await.expect(200);
    let runs = sender.runs(1).await;
    each_once(&receiver, &runs).await;
    assert_eq!(receiver.came().len(), came + 1, "of what has happened meanwhile it is not told");
    let failed = client.get(&format!("{path}/deliveries?state=failed")).await.expect(200);
    let id = failed["items"][0]["id"].as_str().expect("an id");
    asked(client, &format!("{path}/deliveries/{id}/redeliver")).await.expect(202);
    eventually("the first message arrives after all", async || (receiver.told().len() == 2).then_some(())).await;
    let log = client.get("/audit-logs?entity_type=webhook&action=disable").await.expect(200);
    assert_eq!(log["items"][0]["user_id"], "system");
}

#[tokio::test]
async fn a_webhook_to_which_nothing_arrives_for_long_is_disabled() {
    let sender = Sender::new(&["--webhook-disable-after-seconds", "1"]).await;
    let receiver = Receiver::start(Reception::Status(503)).await;
    let path = webhook(sender.client(), "failing", &receiver.url()).await;
    sender.runs(2).await;
    let client = sender.client();
    let disabled = eventually("the webhook is disabled", async || {
        let webhook = client.get(&path).await.expect(200);
        (webhook["enabled"] == false).then_some(webhook)
    })
    .await;
    assert_eq!(disabled["disabled_reason"], "failing");
}

/// A process that ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The receiver of the guide, with a secret; its port, and what it prints.
fn python(secret: &str) -> (Ends, u16, impl Iterator<Item = String>) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/receive_webhooks.py");
    let mut command = Command::new("python3");
    command.arg(example).arg("0").env("ORRERY_WEBHOOK_SECRET", secret).stdout(Stdio::piped());
    let mut process = Ends(command.spawn().expect("python3 is there"));
    let mut lines = BufReader::new(process.0.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let first = lines.next().expect("it says where it listens");
    let port = first.rsplit(' ').next().and_then(|port| port.parse().ok()).expect("a port");
    (process, port, lines)
}

#[tokio::test]
async fn the_receiver_of_the_guide_verifies_messages_before_and_after_a_rotation() {
    let sender = Sender::new(&[]).await;
    let (old, new) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    let (_python, port, mut lines) = python(old);
    let client = sender.client();
    let body = json!({
        "name": "python", "url": format!("http://127.0.0.1:{port}/"), "secret": old, "statuses": ["COMPLETED"],
    });
    let made = client.post("/webhooks", &body).await.expect(201);
    let path = format!("/webhooks/{}", made["webhook"]["id"].as_str().expect("an id"));
    let test = format!("{path}/test");
    assert_eq!(asked(client, &test).await.expect(200)["delivered"], true);
    assert!(lines.next().expect("a line").starts_with("webhook.test"));
    let run = sender.runs(1).await.into_iter().next().expect("a run");
    let line = lines.next().expect("a line");
    assert!(line.starts_with("run.completed") && line.contains(&run), "{line}");
    client.post(&format!("{path}/rotate-secret"), &json!({"secret": new})).await.expect(200);
    assert_eq!(asked(client, &test).await.expect(200)["delivered"], true, "both signatures are there");
    client.post(&format!("{path}/rotate-secret"), &json!({"secret": new, "grace_seconds": 0})).await.expect(200);
    let refused = asked(client, &test).await.expect(200);
    assert_eq!((&refused["delivered"], &refused["status"]), (&json!(false), &json!(400)));
}
