//! `cargo xtask bench streams`: what open streams of events cost, and how late an event is told. On SQLite, in one process.

use std::{
    fmt::Write as _,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    api::{Api, Patience},
    figures::{number, percentile},
    machine::Machine,
    page,
    runs::{data_folder, in_release},
    store::Home,
};
use crate::{
    process::{self, Process},
    workspace::{Profile, server},
};

/// How long the server is left alone before its memory is read, and watched while nothing happens.
const SETTLED: Duration = Duration::from_secs(5);
const WATCHED: Duration = Duration::from_secs(10);

/// How many steps the run has whose events are told one after the other.
const STEPS: usize = 200;

/// How long anything may take.
const WITHIN: Duration = Duration::from_mins(2);

#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// How many streams are opened, each of a run of its own.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// With debug builds of server and driver: for work on this command itself.
    #[arg(long, conflicts_with = "write")]
    debug_build: bool,
    /// Puts the result into docs/reference/performance.md.
    #[arg(long)]
    write: bool,
}

impl Options {
    fn arguments(&self) -> Vec<String> {
        let flags = [(self.debug_build, "--debug-build"), (self.write, "--write")];
        let flags = flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag.to_owned());
        ["--count".to_owned(), self.count.to_string()].into_iter().chain(flags).collect()
    }
}

/// What it came to.
struct Measured {
    before_mb: f64,
    waiting_mb: f64,
    open_mb: f64,
    idle_cpu: f64,
    open_cpu: f64,
    /// From the decision of an event to its arrival, in milliseconds: of one run's, one after the other.
    one_by_one: Vec<f64>,
    /// Of all runs' at once.
    at_once: Vec<f64>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if cfg!(debug_assertions) && !options.debug_build {
        return in_release("streams", &options.arguments());
    }
    let profile = if options.debug_build { Profile::Dev } else { Profile::Release };
    let (binary, folder) = (server(profile)?, data_folder()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let text = runtime.block_on(async {
        let folder = tempfile::Builder::new().prefix("streams-").tempdir_in(folder)?;
        let client = process::client()?;
        let agents = Process::agents(&binary, folder.path(), &client).await?;
        let home = Home::Folder(folder.path().join("data"));
        let server = Process::server(&binary, &home.arguments(), &folder.path().join("server.log"), &client).await?;
        let api = Api::new(client.clone(), &server.url);
        api.register_agent("echo", &format!("{}/echo", agents.url), Patience::NeverTriesAgain).await?;
        let mut measured = measure(&server, &client, &api, usize::try_from(options.count)?).await?;
        let machine = Machine::this(folder.path())?;
        let command = format!("cargo xtask bench streams {}", options.arguments().join(" "));
        markdown(&mut measured, options.count, &machine, &command)
    })?;
    println!("\n{text}");
    if options.write {
        page::write(page::Part::Streams, &text)?;
    }
    Ok(())
}

async fn measure(server: &Process, client: &Client, api: &Api, count: usize) -> anyhow::Result<Measured> {
    let waiting = json!({"name": "waiting", "start_step": "wait", "steps": {
        "wait": {"id": "wait", "type": "wait_for_event", "event_config": {"event": "go"}, "next_step": "after"},
        "after": {"id": "after", "type": "agent", "agent_name": "echo", "input_mapping": {}},
    }});
    let waiting = api.create(&waiting).await?;
    let looped = json!({"name": "looped", "start_step": "each", "steps": {
        "each": {"id": "each", "type": "loop", "loop_config": {"collection": "${workflow.input.items}", "loop_body": ["call"]}},
        "call": {"id": "call", "type": "agent", "agent_name": "echo", "input_mapping": {"n": "${loop.item}"}},
    }});
    let looped = api.create(&looped).await?;
    // Connections and caches are warm then.
    let items: Vec<usize> = (0..STEPS).collect();
    followed(client, server, &api.start(&looped, &json!({"items": items})).await?, 0).await?.drained().await?;
    tokio::time::sleep(SETTLED).await;
    let before_mb = server.memory_mb()?;
    let mut runs = Vec::with_capacity(count);
    for _ in 0..count {
        runs.push(api.start(&waiting, &json!({})).await?);
    }
    tokio::time::sleep(SETTLED).await;
    let waiting_mb = server.memory_mb()?;
    let idle_cpu = cpu(server).await?;
    let mut streams = Vec::with_capacity(count);
    for run in &runs {
        let mut stream = followed(client, server, run, 0).await?;
        // The run has started, and waits.
        ensure!(stream.next().await?.is_some() && stream.next().await?.is_some(), "a stream ended too soon");
        streams.push(stream);
    }
    tokio::time::sleep(SETTLED).await;
    let open_mb = server.memory_mb()?;
    let open_cpu = cpu(server).await?;
    println!(
        "  {count} streams: {before_mb:.1} MB before, {waiting_mb:.1} MB with the runs, {open_mb:.1} MB with the streams"
    );

    let run = api.start(&looped, &json!({"items": items})).await?;
    let one_by_one = followed(client, server, &run, 0).await?.drained().await?;
    let mut tasks = JoinSet::new();
    for stream in streams {
        tasks.spawn(stream.drained());
    }
    let url = format!("{}/api/v1/events", server.url);
    let go = client.post(url).header("content-type", "application/json").body(json!({"event": "go"}).to_string());
    go.send().await?.error_for_status()?;
    let mut at_once = Vec::new();
    while let Some(told) = tokio::time::timeout(WITHIN, tasks.join_next()).await.context("streams do not end")? {
        at_once.extend(told??);
    }
    Ok(Measured { before_mb, waiting_mb, open_mb, idle_cpu, open_cpu, one_by_one, at_once })
}

/// CPU of the server while nothing happens, in percent of a core.
async fn cpu(server: &Process) -> anyhow::Result<f64> {
    let (before, begin) = (server.cpu_seconds()?, Instant::now());
    tokio::time::sleep(WATCHED).await;
    Ok((server.cpu_seconds()? - before) / begin.elapsed().as_secs_f64() * 100.0)
}

/// A stream of a run's events.
struct Stream {
    response: Response,
    buffer: Vec<u8>,
}

async fn followed(client: &Client, server: &Process, run: &str, after: u64) -> anyhow::Result<Stream> {
    let url = format!("{}/api/v1/runs/{run}/events?after={after}", server.url);
    let response = client.get(url).header("accept", "text/event-stream").send().await?.error_for_status()?;
    Ok(Stream { response, buffer: Vec::new() })
}

impl Stream {
    /// How late the next event is, in milliseconds, by the clock of this machine, which is the server's too.
    async fn next(&mut self) -> anyhow::Result<Option<f64>> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let block = String::from_utf8(block)?;
                let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: ")) else { continue };
                let event: Value = serde_json::from_str(data)?;
                let at = DateTime::parse_from_rfc3339(event["at"].as_str().context("an event has a time")?)?;
                return Ok(Some((now() - at.to_utc()).as_seconds_f64() * 1000.0));
            }
            match tokio::time::timeout(WITHIN, self.response.chunk()).await {
                Ok(Ok(Some(bytes))) => self.buffer.extend_from_slice(&bytes),
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => bail!("a stream is silent"),
            }
        }
    }

    /// How late all further events are.
    async fn drained(mut self) -> anyhow::Result<Vec<f64>> {
        let mut late = Vec::new();
        while let Some(milliseconds) = self.next().await? {
            late.push(milliseconds);
        }
        Ok(late)
    }
}

#[expect(clippy::disallowed_methods, reason = "it is compared with the server's, which is on the same machine")]
fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

fn markdown(measured: &mut Measured, count: u32, machine: &Machine, command: &str) -> anyhow::Result<String> {
    let Machine { cpu, cores, memory_gib, kernel, file_system, date } = machine;
    let mut text = format!(
        "## Streams of events\n\nMeasured {date} by `{command}`, on SQLite, everything in one process.\n\nMachine: {cpu}, {cores} \
         cores, {memory_gib} GiB, Linux {kernel}, data on {file_system}; server, agent and driver together on it: one run of the \
         command, so noisy.\n\n| | |\n|---|---|\n"
    );
    let Measured { before_mb, waiting_mb, open_mb, idle_cpu, open_cpu, one_by_one, at_once } = measured;
    let each_kb = (*open_mb - *waiting_mb) * 1000.0 / number(u64::from(count));
    let mut row = |what: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {what} | {value} |");
    };
    row("open streams, each of a run that waits", count.to_string());
    row("memory of the server before the runs, MB", format!("{before_mb:.1}"));
    row("memory with the runs, MB", format!("{waiting_mb:.1}"));
    row("memory with the streams, MB", format!("{open_mb:.1}"));
    row("memory of a stream, kB", format!("{each_kb:.0}"));
    row("CPU without streams, % of a core", format!("{idle_cpu:.1}"));
    row("CPU with the streams, nothing happening, % of a core", format!("{open_cpu:.1}"));
    for (what, sample) in [("a run of 200 steps", one_by_one), ("all runs going on at once", at_once)] {
        let mut late = |percent| percentile(sample, percent).context("no event was told");
        let (p50, p99, last) = (late(50)?, late(99)?, late(100)?);
        row(&format!("an event told after its decision, {what}: p50, ms"), format!("{p50:.1}"));
        row("p99, ms", format!("{p99:.1}"));
        row("the last, ms", format!("{last:.1}"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_is_told_everything() {
        let options = Options { count: 7, debug_build: false, write: true };
        assert_eq!(options.arguments(), ["--count", "7", "--write"]);
    }
}
