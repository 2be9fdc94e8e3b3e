//! `orrery demo`: everything in one process on free ports, three strangers as agents, and one workflow run before your eyes.
//!
//! It uses the server as any client does: over its REST API.

mod client;
mod progress;
mod story;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use demo_agents::{DemoAgents, Options};
use domain::ports::NoSpans;
use serde_json::{Value, json};

use crate::{
    cli::{Demo, Serve},
    composition::{self, LogFormat, Orrery},
};
use client::Client;
use progress::Progress;

/// How long the demo waits for its run.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long each agent of the demo takes, so that the progress can be seen.
const THINKING: Duration = Duration::from_millis(400);

/// Shows the demo.
pub(crate) async fn run(options: Demo) -> anyhow::Result<()> {
    composition::init_logging(Some(LogFormat::Text), "warn")?;
    let folder = Folder::new(options.data.clone())?;
    let agents = DemoAgents::start(
        SocketAddr::from(([127, 0, 0, 1], 0)),
        &Options { story_delay: THINKING, ..Options::default() },
    )
    .context("cannot start the demo agents")?;
    let orrery = Orrery::start(&serve_options(folder.path.clone()), Arc::new(NoSpans)).await?;
    let progress = Progress::new(options.json);
    let shown = tokio::select! {
        shown = show(&options, &orrery, &agents, &progress) => shown,
        () = composition::signalled() => Err(anyhow::anyhow!("interrupted")),
    };
    if options.keep && shown.is_ok() {
        progress.keeping();
        composition::signalled().await;
    }
    orrery.stop().await;
    agents.stop().await;
    shown
}

/// Serves the demo agents alone, until a signal asks to stop.
pub(crate) async fn serve_agents(listen: SocketAddr, record: bool, delay: Duration) -> anyhow::Result<()> {
    let options = Options { record, story_delay: delay, ..Options::default() };
    let agents =
        DemoAgents::start(listen, &options).with_context(|| format!("cannot start the demo agents on {listen}"))?;
    println!("{}", json!({"address": agents.address().to_string()}));
    composition::signalled().await;
    agents.stop().await;
    Ok(())
}

async fn show(options: &Demo, orrery: &Orrery, agents: &DemoAgents, progress: &Progress) -> anyhow::Result<()> {
    let client = Client::new(orrery.address())?;
    progress.serving(orrery.address(), agents.address());
    for agent in story::agents(agents) {
        progress.agent(&register(&client, &agent).await?);
    }
    let workflow = client.post("/workflows", &story::workflow()).await?;
    progress.workflow(&workflow);
    let path = format!("/workflows/{}/execute", text(&workflow, "id")?);
    let run = client.post(&path, &json!({"input_data": {"topic": options.topic}})).await?;
    let id = text(&run, "run_id")?.to_owned();
    progress.started(&run, story::STEPS.len());
    let run = follow(&client, &id, progress).await?;
    let steps = client.get(&format!("/runs/{id}/steps")).await?;
    let output =
        steps.as_array().and_then(|steps| steps.last()).map_or(Value::Null, |step| story::result(&steps, step));
    progress.finished(&run, &output, orrery.address());
    if run["status"] != "COMPLETED" {
        bail!("the run ended as {}: {}", run["status"], run["error_message"]);
    }
    Ok(())
}

/// Registers an agent; one that is left from an earlier demo in the same folder has moved.
async fn register(client: &Client, agent: &Value) -> anyhow::Result<Value> {
    let known = client.get(&format!("/agents?name={}", text(agent, "name")?)).await?;
    match known["items"][0]["id"].as_str() {
        Some(id) => client.put(&format!("/agents/{id}"), &json!({"url": agent["url"], "status": "active"})).await,
        None => client.post("/agents", agent).await,
    }
}

async fn follow(client: &Client, id: &str, progress: &Progress) -> anyhow::Result<Value> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let run = client.get(&format!("/runs/{id}")).await?;
        let steps = client.get(&format!("/runs/{id}/steps")).await?;
        progress.steps(&steps);
        if !matches!(run["status"].as_str(), Some("PENDING" | "RUNNING")) {
            return Ok(run);
        }
        if tokio::time::Instant::now() >= deadline {
            bail!("the run did not end within {} seconds", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn text<'a>(value: &'a Value, member: &str) -> anyhow::Result<&'a str> {
    value[member].as_str().with_context(|| format!("the server's answer has no '{member}': {value}"))
}

fn serve_options(data: PathBuf) -> Serve {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Serve { drain_seconds: 2, ..Serve::embedded(listen, data) }
}

/// The demo's folder, removed at the end if it is a temporary one.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn new(wanted: Option<PathBuf>) -> anyhow::Result<Self> {
        if let Some(path) = wanted {
            return Ok(Self { path, temporary: false });
        }
        let path = std::env::temp_dir().join(format!("orrery-demo-{}", std::process::id()));
        if path.exists() {
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot clear {}", path.display()))?;
        }
        Ok(Self { path, temporary: true })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // Whatever cannot be removed is left to the system's own cleaning.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
