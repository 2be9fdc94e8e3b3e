//! Agents with a limit or a circuit breaker, called by several executors.

use std::time::{Duration, Instant};

use e2e_tests::{AgentSpec, Behaviour, Client, Cluster, Orrery, Stub, eventually, workflow};
use serde_json::{Value, json};

/// Registers an agent with its guards.
async fn register(client: &Client, name: &str, agent: &Stub, attempts: u32, guards: &Value) -> String {
    let mut document = json!({
        "name": name, "url": agent.url(), "timeout_ms": 30_000,
        "retry_config": {
            "max_retries": attempts, "initial_delay_ms": 100, "max_delay_ms": 1000, "backoff_multiplier": 1.0,
        },
    });
    for (member, value) in guards.as_object().expect("members") {
        document[member] = value.clone();
    }
    let agent = client.post("/agents", &document).await.expect(201);
    agent["id"].as_str().expect("an id").to_owned()
}

async fn state(client: &Client, agent: &str) -> String {
    let agent = client.get(&format!("/agents/{agent}")).await.expect(200);
    agent["circuit_breaker"]["state"].as_str().unwrap_or("none").to_owned()
}

#[tokio::test]
async fn an_agent_has_no_more_calls_at_once_than_its_limit_also_while_an_executor_is_killed() {
    let cluster = Cluster::new().await.for_all(&["--lease-seconds", "2"]);
    let (api, killed) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let _survivor = cluster.start("executor", &[]).await;
    let agent = Stub::start(Behaviour::AnswerAfter(Duration::from_millis(150))).await;
    let id = register(api.client(), "limited", &agent, 3, &json!({"max_concurrent_calls": 4})).await;
    let steps = [("a", "limited"), ("b", "limited"), ("c", "limited")];
    let document = workflow("limited", &steps);
    let workflow = api.client().create(&document).await;
    let mut runs = Vec::new();
    for _ in 0..60 {
        runs.push(api.client().execute(&workflow, "x").await);
    }
    let calls = async || agent.received().len();
    eventually("both executors call", async || (calls().await > 40).then_some(())).await;
    let seen = api.client().get(&format!("/agents/{id}")).await.expect(200)["calls"].clone();
    assert!(seen["in_flight"].as_u64() <= Some(4) && seen["waiting"].as_u64() > Some(0), "{seen}");
    assert_eq!(seen["limit"], 4);
    eventually("a run says at the API what its call waits for", async || {
        for run in runs.iter().rev() {
            let run = api.client().run(run).await;
            let waits = run["waiting_on"].as_array()?.first()?;
            if waits["reason"] == "concurrency_limit" && waits["agent_name"] == "limited" {
                return Some(());
            }
        }
        None
    })
    .await;
    killed.kill9();
    let at = Instant::now();
    let _third = cluster.start("executor", &[]).await;
    for run in &runs {
        api.client().reaches(run, "COMPLETED").await;
    }
    let (most, made) = (agent.most_at_once(), calls().await);
    println!("{made} calls for 180 steps, at most {most} at once; done {:?} after the kill", at.elapsed());
    assert!((3..=4).contains(&most), "{most} calls at once");
    assert!((180..=184).contains(&made), "only what was cut is repeated: {made} calls");
}

/// What one load came to.
struct Figures {
    calls: usize,
    p50: Duration,
    p99: Duration,
}

fn median(rounds: &[Figures], of: impl Fn(&Figures) -> Duration) -> Duration {
    let mut all: Vec<_> = rounds.iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

/// Runs of a sick agent and of a healthy one, for some seconds.
struct Load<'a> {
    cluster: &'a Cluster,
    client: &'a Client,
    sick: &'a Stub,
}

/// How often some runs are started.
const TICKS: usize = 100;
/// How often the agent is borne with and without a breaker.
const ROUNDS: usize = 3;
const TICK: Duration = Duration::from_millis(50);

impl Load<'_> {
    /// Three runs of the sick agent and one of the other with each tick.
    async fn bear(&self, sick: &str, well: &str) -> Figures {
        let before = self.sick.received().len();
        let (mut runs, mut others) = (Vec::new(), Vec::new());
        let mut ticks = tokio::time::interval(TICK);
        for _ in 0..TICKS {
            ticks.tick().await;
            for _ in 0..3 {
                runs.push(self.client.execute(sick, "x").await);
            }
            others.push(self.client.execute(well, "x").await);
        }
        for run in &others {
            self.client.reaches(run, "COMPLETED").await;
        }
        for run in &runs {
            eventually("the run has ended", async || {
                let status = self.client.run(run).await["status"].clone();
                ["COMPLETED", "FAILED"].contains(&status.as_str().unwrap_or_default()).then_some(())
            })
            .await;
        }
        let calls = self.sick.received().len() - before;
        let (p50, p99) = self.latencies(&others).await;
        Figures { calls, p50, p99 }
    }

    async fn latencies(&self, runs: &[String]) -> (Duration, Duration) {
        let query = "SELECT run_id::text, (extract(epoch FROM completed_at - created_at) * 1000000)::bigint::text
                     FROM workflow_runs WHERE status = 'COMPLETED'";
        let rows = self.cluster.pairs(query).await;
        let took = rows.into_iter().filter(|(run, _)| runs.contains(run)).map(|(_, us)| us.parse().expect("a number"));
        let mut took: Vec<u64> = took.collect();
        took.sort_unstable();
        assert_eq!(took.len(), runs.len());
        let at = |share: usize| Duration::from_micros(took[(took.len() * share / 100).min(took.len() - 1)]);
        (at(50), at(99))
    }
}

#[tokio::test]
async fn an_agent_that_always_fails_is_spared_by_its_breaker_and_other_agents_runs_do_not_mind() {
    let cluster = Cluster::new().await;
    let (api, one, other) =
        tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]), cluster.start("executor", &[]));
    let client = api.client();
    let sick = Stub::start(Behaviour::Answer).await;
    register(client, "unguarded", &sick, 3, &json!({})).await;
    let guarded = register(client, "guarded", &sick, 3, &json!({"circuit_breaker_config": {}})).await;
    client.register(AgentSpec::new("echo", cluster.agents.url("echo"))).await;
    let well = client.create(&workflow("well", &[("a", "echo"), ("b", "echo"), ("c", "echo")])).await;
    let unguarded_runs = client.create(&workflow("unguarded", &[("a", "unguarded")])).await;
    let guarded_runs = client.create(&workflow("guarded", &[("a", "guarded")])).await;

    let load = Load { cluster: &cluster, client, sick: &sick };
    let healthy = load.bear(&guarded_runs, &well).await;
    sick.behave(Behaviour::Status(500));
    let (mut without, mut with) = (Vec::new(), Vec::new());
    // In turns, so that whatever else this machine does troubles both alike.
    for _ in 0..ROUNDS {
        without.push(load.bear(&unguarded_runs, &well).await);
        with.push(load.bear(&guarded_runs, &well).await);
    }
    for (what, rounds) in [("healthy", &vec![healthy]), ("failing, no breaker", &without), ("failing, breaker", &with)]
    {
        let calls: Vec<_> = rounds.iter().map(|round| round.calls).collect();
        let (p50, p99) = (median(rounds, |round| round.p50), median(rounds, |round| round.p99));
        println!(
            "{what}: {calls:?} calls to the agent for {} runs each; other runs p50 {p50:?}, p99 {p99:?}",
            TICKS * 3
        );
    }
    // It may be about to try whether the agent is well again.
    assert_ne!(state(client, &guarded).await, "closed");
    let (made, sent) =
        (|rounds: &[Figures]| rounds.iter().map(|round| round.calls).sum::<usize>(), TICKS * 3 * 3 * ROUNDS);
    assert!(made(&without) >= sent, "each of three attempts is made: {} calls", made(&without));
    assert!(made(&with) * 20 < made(&without), "{} calls with the breaker, {} without", made(&with), made(&without));
    let (calm, troubled) = (median(&with, |round| round.p50), median(&without, |round| round.p50));
    assert!(calm < troubled * 3 + Duration::from_millis(100), "p50 {calm:?} with the breaker, {troubled:?} without");
    let mut rejected = 0.0;
    for executor in [&one, &other] {
        rejected += executor.metric("orrery_agent_calls_rejected_total", "guarded").await;
    }
    assert!(rejected > 500.0, "{rejected} calls were refused");
}

#[tokio::test]
async fn all_executors_and_the_api_see_an_open_breaker_within_about_a_second_and_it_is_told_once() {
    let cluster = Cluster::new().await;
    let (api, one, other) =
        tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]), cluster.start("executor", &[]));
    let client = api.client();
    let agent = Stub::start(Behaviour::AnswerAfter(Duration::from_millis(100))).await;
    let id = register(client, "guarded", &agent, 1, &json!({"circuit_breaker_config": {"timeout_seconds": 600}})).await;
    let workflow = client.create(&workflow("w", &[("a", "guarded")])).await;
    let knows = async |executor: &Orrery, state: &str| {
        executor.metric("orrery_breaker_state", &format!("state=\"{state}\"")).await > 0.5
    };
    eventually("both executors call the agent", async || {
        for _ in 0..5 {
            client.execute(&workflow, "x").await;
        }
        (knows(&one, "closed").await && knows(&other, "closed").await).then_some(())
    })
    .await;
    agent.behave(Behaviour::Status(500));
    let opened = eventually("one of them opens the breaker", async || {
        client.execute(&workflow, "x").await;
        (knows(&one, "open").await || knows(&other, "open").await).then(Instant::now)
    })
    .await;
    eventually("everybody knows", async || {
        let all = knows(&one, "open").await && knows(&other, "open").await && state(client, &id).await == "open";
        all.then_some(())
    })
    .await;
    let took = opened.elapsed();
    println!("the breaker was open everywhere {took:?} after the first executor said so");
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    let is_told = |records: &[e2e_tests::Record]| records.iter().any(|record| record.key == "guarded");
    let told = cluster.topics.read("workflow.monitoring.updates", "the breaker has opened", is_told).await;
    let told: Vec<_> = told.iter().filter(|record| record.key == "guarded").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].text("status"), told[0].text("agent_name")), ("OPEN", "guarded"));
}
