//! A rolling restart of every role under load: for each process a new one is started, and the old one is told to end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use e2e_tests::{Calls, Client, Cluster, Orrery};
use serde_json::json;
use tokio::task::JoinSet;

use crate::load::{Plan, Run, complete, done, ends_are_told, no_step_is_recorded_twice, plans, register, repeated};

/// How many clients start runs at once, and how often each does.
const CLIENTS: usize = 4;
const EVERY: Duration = Duration::from_millis(400);

/// More than are started while everything is restarted.
const PLANS: usize = 400;

/// How often a client sends a request again before the test gives up on it, and the pause before each.
const MOST_RETRIES: usize = 200;
const PAUSE: Duration = Duration::from_millis(20);

/// Where the replicas of the API are, as a load balancer knows it.
#[derive(Clone, Default)]
struct Replicas(Arc<Mutex<Vec<Client>>>);

impl Replicas {
    fn set(&self, replicas: &[&Orrery]) {
        let clients = replicas.iter().map(|replica| replica.client().clone()).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = clients;
    }

    fn get(&self, number: usize) -> Client {
        let clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clients[number % clients.len()].clone()
    }
}

/// Clients that start runs until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    retries: Arc<AtomicUsize>,
    clients: JoinSet<Vec<Run>>,
}

impl Load {
    fn begin(replicas: &Replicas, plans: Vec<Plan>) -> Self {
        let (stop, retries) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let plans = Arc::new(Mutex::new(plans.into_iter()));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let (replicas, plans) = (replicas.clone(), Arc::clone(&plans));
            let (stop, retries) = (Arc::clone(&stop), Arc::clone(&retries));
            clients.spawn(async move {
                let (mut accepted, mut pace) = (Vec::new(), tokio::time::interval(EVERY));
                while !stop.load(Ordering::Relaxed) {
                    pace.tick().await;
                    let plan = plans.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let plan = plan.expect("there are more plans than are started");
                    let id = started(&replicas, &plan, number, &retries).await;
                    accepted.push(Run { id, steps: plan.steps });
                }
                accepted
            });
        }
        Self { stop, retries, clients }
    }

    /// What was accepted, and how often a request had to be sent again.
    async fn end(self) -> (Vec<Run>, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let runs = self.clients.join_all().await.concat();
        (runs, self.retries.load(Ordering::Relaxed))
    }
}

/// Starts a run as a client does that sends a request again, under its key, to another replica until it is answered.
async fn started(replicas: &Replicas, plan: &Plan, number: usize, retries: &AtomicUsize) -> String {
    let path = format!("/workflows/{}/execute", plan.workflow);
    let body = json!({"input_data": {"text": plan.steps[0]}});
    let mut pause = tokio::time::interval(PAUSE);
    for attempt in 0..MOST_RETRIES {
        let answer = replicas.get(number + attempt).post_under(&plan.workflow, &path, &body).await;
        match answer {
            Some(answer) if answer.status == 202 => {
                return answer.json()["run_id"].as_str().expect("an id").to_owned();
            }
            Some(answer) => assert!(
                [409, 429].contains(&answer.status) || answer.status >= 500,
                "no retry cures {} {}",
                answer.status,
                answer.text
            ),
            None => {}
        }
        retries.fetch_add(1, Ordering::Relaxed);
        pause.tick().await;
    }
    panic!("a start was not accepted after {MOST_RETRIES} attempts");
}

/// The steps that are recorded as done, and how often each was called until now.
async fn calls_of_done(cluster: &Cluster) -> BTreeMap<String, u64> {
    let done = done(cluster).await;
    let calls = cluster.agents.calls().await;
    done.into_iter().map(|step| (step.clone(), count(&calls, &step))).collect()
}

fn count(calls: &Calls, step: &str) -> u64 {
    calls.of_step(step).iter().map(|(_, count)| *count).sum()
}

async fn ended(process: Orrery) {
    let ended = process.terminate().await;
    assert!(ended.status.success(), "{}\n{}", ended.status, ended.stderr.join("\n"));
}

#[tokio::test]
async fn every_role_is_restarted_under_load_and_no_request_fails_and_no_completed_step_is_called_again() {
    let cluster = Cluster::new().await.for_all(&["--drain-seconds", "1", "--drain-delay-seconds", "1"]);
    let (api, executor, relay) =
        tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]), cluster.start("relay", &[]));
    let (other_api, other_executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    register(&cluster, api.client(), 1500).await;
    let plans = plans(api.client(), "rolled", PLANS, &["echo", "slow", "echo"]).await;
    let replicas = Replicas::default();
    replicas.set(&[&api, &other_api]);
    let load = Load::begin(&replicas, plans);

    // The API, one replica after the other. The list still names the old one while it ends, as a slow load balancer's does.
    let new_api = cluster.start("api", &[]).await;
    replicas.set(&[&api, &other_api, &new_api]);
    ended(api).await;
    replicas.set(&[&other_api, &new_api]);
    let newer_api = cluster.start("api", &[]).await;
    replicas.set(&[&other_api, &new_api, &newer_api]);
    ended(other_api).await;
    replicas.set(&[&new_api, &newer_api]);

    let mut before = Vec::new();
    let mut executors = vec![executor, other_executor];
    for _ in 0..2 {
        let new = cluster.start("executor", &[]).await;
        before.push(calls_of_done(&cluster).await);
        ended(executors.remove(0)).await;
        executors.push(new);
    }
    let new_relay = cluster.start("relay", &[]).await;
    ended(relay).await;

    let (runs, retries) = load.end().await;
    before.push(calls_of_done(&cluster).await);
    complete(new_api.client(), &runs).await;
    let calls = cluster.agents.calls().await;
    let cut = repeated(&calls, &runs, &BTreeSet::new());
    println!("{} runs, {retries} requests sent again, {cut} calls cut by drains and repeated", runs.len());
    assert!(runs.len() > 20, "there was load: {} runs", runs.len());
    assert!(cut > 0, "the drains have cut calls, which are repeated under their keys");
    for (step, called) in before.iter().flatten() {
        assert_eq!(count(&calls, step), *called, "step {step} was done, and was called again");
    }
    let ids: BTreeSet<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(ids.len(), runs.len(), "each request has a run of its own");
    let all = cluster.number("SELECT count(*) FROM workflow_runs").await;
    assert_eq!(usize::try_from(all).expect("a count"), runs.len(), "no request has made two runs");
    no_step_is_recorded_twice(&cluster).await;
    ends_are_told(&cluster, &runs).await;
    drop((new_relay, executors));
}
