//! `cargo xtask bench access`: what it costs a request that somebody is asked who they are and whether they may.
//!
//! The floor is the same request to the same server with `--auth disabled`. The ways are asked in turns, by one client with one
//! request in flight, so that the noise of the machine falls on all of them.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use reqwest::{
    Client,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
use serde_json::Value;

use super::{
    api::{Api, Patience},
    figures::percentile,
    machine::Machine,
    page,
    runs::{data_folder, in_release},
    store::Home,
};
use crate::{
    process::{self, ADMIN_KEY, Process},
    workspace::{Profile, server},
};

/// How many requests of a way follow each other.
const TURN: usize = 500;

/// The most microseconds that a key may add to the median, and a token.
const AIMS: [(&str, f64); 2] = [("API key", 50.0), ("token", 300.0)];

#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// How many requests are made in each way.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(500..=1_000_000))]
    requests: u32,
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
        ["--requests".to_owned(), self.requests.to_string()].into_iter().chain(flags).collect()
    }
}

/// A way to ask, and how long each request took, in microseconds.
struct Way {
    name: &'static str,
    url: String,
    credential: Option<(HeaderName, HeaderValue)>,
    times: Vec<f64>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if cfg!(debug_assertions) && !options.debug_build {
        return in_release("access", &options.arguments());
    }
    let profile = if options.debug_build { Profile::Dev } else { Profile::Release };
    let (binary, folder) = (server(profile)?, data_folder()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let text = runtime.block_on(async {
        let folder = tempfile::Builder::new().prefix("access-").tempdir_in(folder)?;
        let mut ways = measure(&binary, folder.path(), usize::try_from(options.requests)?).await?;
        let machine = Machine::this(folder.path())?;
        let command = format!("cargo xtask bench access {}", options.arguments().join(" "));
        markdown(&mut ways, &machine, &command)
    })?;
    println!("\n{text}");
    if options.write {
        page::write(page::Part::Access, &text)?;
    }
    Ok(())
}

async fn measure(binary: &Path, folder: &Path, requests: usize) -> anyhow::Result<Vec<Way>> {
    // Only the ways' own credentials are sent, and the limit of requests is not what is measured.
    let client = Client::builder().no_proxy().tcp_nodelay(true).build()?;
    let server = |name: &str| (Home::Folder(folder.join(name)), folder.join(name).with_extension("log"));
    let flags = ["--rate-limit-per-principal", "off", "--rate-limit-per-address", "off"];
    let (home, log) = server("open");
    let open =
        Process::server(binary, &arguments(&home, &[&flags[..], &["--auth", "disabled"]].concat()), &log, &client)
            .await?;
    let (home, log) = server("guarded");
    let guarded = Process::server(binary, &arguments(&home, &flags), &log, &client).await?;

    let token = exchanged(&client, &guarded.url).await?;
    let narrowed = narrowed(binary.to_owned(), &token)?;
    let bearer = |token: &str| anyhow::Ok(Some((AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))?)));
    let key = Some((HeaderName::from_static("x-api-key"), HeaderValue::from_static(ADMIN_KEY)));
    let mut ways = vec![
        Way { name: "nobody is asked", url: agent_of(&open).await?, credential: None, times: Vec::new() },
        Way { name: "API key", url: agent_of(&guarded).await?, credential: key, times: Vec::new() },
    ];
    for (name, token) in [("token", &token), ("token with a block of its holder's", &narrowed)] {
        ways.push(Way { name, url: ways[1].url.clone(), credential: bearer(token)?, times: Vec::new() });
    }
    for way in &ways {
        way.ask(&client, TURN.min(requests)).await?;
    }
    for _ in 0..requests.div_ceil(TURN) {
        for way in &mut ways {
            let mut times = way.ask(&client, TURN).await?;
            way.times.append(&mut times);
        }
    }
    Ok(ways)
}

impl Way {
    async fn ask(&self, client: &Client, requests: usize) -> anyhow::Result<Vec<f64>> {
        let mut times = Vec::with_capacity(requests);
        for _ in 0..requests {
            let mut request = client.get(&self.url);
            if let Some((name, value)) = &self.credential {
                request = request.header(name, value);
            }
            let begin = Instant::now();
            let answer = request.send().await?;
            let status = answer.status();
            answer.bytes().await?;
            times.push(begin.elapsed().as_secs_f64() * 1e6);
            ensure!(status.is_success(), "{} was answered {status}", self.name);
        }
        Ok(times)
    }
}

fn arguments(home: &Home, flags: &[&str]) -> Vec<String> {
    [home.arguments(), flags.iter().copied().map(str::to_owned).collect()].concat()
}

/// Registers an agent, which is what is asked for then.
async fn agent_of(server: &Process) -> anyhow::Result<String> {
    let client = process::client()?;
    let api = Api::new(client.clone(), &server.url);
    api.register_agent("echo", "http://127.0.0.1:9/echo", Patience::NeverTriesAgain).await?;
    let list: Value = json_of(client.get(format!("{}/api/v1/agents?name=echo", server.url))).await?;
    let id = list["items"][0]["id"].as_str().context("the agent is not listed")?.to_owned();
    Ok(format!("{}/api/v1/agents/{id}", server.url))
}

/// A token for the key.
async fn exchanged(client: &Client, url: &str) -> anyhow::Result<String> {
    let request = client.post(format!("{url}/api/v1/auth/token")).header("x-api-key", ADMIN_KEY);
    let answer = json_of(request.header("content-type", "application/json").body("{}")).await?;
    Ok(answer["access_token"].as_str().context("no token was answered")?.to_owned())
}

/// The same token, narrowed by whoever holds it.
fn narrowed(binary: PathBuf, token: &str) -> anyhow::Result<String> {
    let made =
        Command::new(binary).args(["token", "attenuate", token, "--read-only", "--expires-in", "15m"]).output()?;
    ensure!(made.status.success(), "the token was not narrowed: {}", String::from_utf8_lossy(&made.stderr));
    Ok(String::from_utf8(made.stdout)?.trim().to_owned())
}

async fn json_of(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let answer = request.timeout(Duration::from_secs(10)).send().await?.error_for_status()?;
    Ok(serde_json::from_str(&answer.text().await?)?)
}

fn markdown(ways: &mut [Way], machine: &Machine, command: &str) -> anyhow::Result<String> {
    let Machine { cpu, cores, memory_gib, kernel, file_system, date } = machine;
    let mut text = format!(
        "## Who is asking\n\nMeasured {date} by `{command}`, on SQLite.\n\nMachine: {cpu}, {cores} cores, {memory_gib} GiB, Linux \
         {kernel}, data on {file_system}; server and driver together on it. An agent is read by its id, one request in flight, the \
         ways in turns of {TURN} requests.\n\n| | p50, µs | p99, µs | added to p50, µs | aim |\n|---|---|---|---|---|\n"
    );
    let mut floor = None;
    for way in ways {
        let of = |times: &mut Vec<f64>, percent| percentile(times, percent).context("nothing was asked");
        let (p50, p99) = (of(&mut way.times, 50)?, of(&mut way.times, 99)?);
        let added = p50 - *floor.get_or_insert(p50);
        let aim = AIMS.iter().find(|(name, _)| *name == way.name).map_or(String::new(), |(_, most)| {
            format!("below {most}: {}", if added < *most { "pass" } else { "**FAIL**" })
        });
        let _ = writeln!(text, "| {} | {p50:.0} | {p99:.0} | {added:.0} | {aim} |", way.name);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_way_adds_is_held_against_the_first() {
        let way = |name, time| Way { name, url: String::new(), credential: None, times: vec![time; 3] };
        let machine = Machine {
            cpu: "c".to_owned(),
            cores: 2,
            memory_gib: 1,
            kernel: "k".to_owned(),
            file_system: "f".to_owned(),
            date: "d".to_owned(),
        };
        let mut ways = [way("nobody is asked", 100.0), way("API key", 120.0), way("token", 500.0)];
        let text = markdown(&mut ways, &machine, "x").expect("there are times");
        assert!(text.contains("| API key | 120 | 120 | 20 | below 50: pass |"), "{text}");
        assert!(text.contains("| token | 500 | 500 | 400 | below 300: **FAIL** |"), "{text}");
    }
}
