//! `cargo xtask bench language`: whether a step costs more where many are done already, how long the largest document takes to
//! be checked, and what runs cost that wait ([`delays`](super::delays)). On SQLite.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use reqwest::Client;
use serde_json::{Value, json};

use super::{
    api::{Api, Patience, wall_time_ms},
    delays::{self, Delays},
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

/// How many iterations the loops have.
const ITERATIONS: [usize; 4] = [10, 100, 1_000, 10_000];

/// How many iterations of a parallel loop are under way.
const AT_ONCE: usize = 64;

/// About so many iterations are measured for each figure, in several runs where one is short.
const MEASURED: usize = 2_000;

/// How long a run may take.
const WITHIN: Duration = Duration::from_mins(10);

#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Measures runs that wait, too: so many of them, for an hour.
    #[arg(long, value_name = "RUNS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    delays: Option<u32>,
    /// With debug builds of server and driver: for work on this command itself.
    #[arg(long, conflicts_with = "write")]
    debug_build: bool,
    /// Puts the result into docs/reference/performance.md.
    #[arg(long)]
    write: bool,
}

impl Options {
    fn arguments(&self) -> Vec<String> {
        let delays = self.delays.map(|count| ["--delays".to_owned(), count.to_string()]);
        let flags = [(self.debug_build, "--debug-build"), (self.write, "--write")];
        let flags = flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag.to_owned());
        delays.into_iter().flatten().chain(flags).collect()
    }
}

/// What one loop came to.
struct Measured {
    is_parallel: bool,
    iterations: usize,
    /// Wall time of a run by its iterations, in microseconds: the median of its runs.
    per_step_us: f64,
    /// The most resident memory of its server, in MB.
    peak_mb: f64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if cfg!(debug_assertions) && !options.debug_build {
        return in_release("language", &options.arguments());
    }
    let profile = if options.debug_build { Profile::Dev } else { Profile::Release };
    let (binary, folder) = (server(profile)?, data_folder()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let text = runtime.block_on(async {
        let folder = tempfile::Builder::new().prefix("language-").tempdir_in(folder)?;
        let client = process::client()?;
        let agents = Process::agents(&binary, folder.path(), &client).await?;
        let bench = LanguageBench { binary, folder: folder.path(), client, agents };
        let mut loops = Vec::new();
        for is_parallel in [false, true] {
            for iterations in ITERATIONS {
                loops.push(bench.measure(is_parallel, iterations).await?);
            }
        }
        let checked_ms = bench.check().await?;
        let delays = match options.delays {
            Some(count) => Some(bench.delays(usize::try_from(count)?).await?),
            None => None,
        };
        let machine = Machine::this(folder.path())?;
        let command = format!("cargo xtask bench language {}", options.arguments().join(" "));
        anyhow::Ok(markdown(&loops, checked_ms, delays.as_ref(), &machine, command.trim_end()))
    })?;
    println!("\n{text}");
    if options.write {
        page::write(page::Part::Language, &text)?;
    }
    Ok(())
}

struct LanguageBench<'a> {
    binary: PathBuf,
    folder: &'a Path,
    client: Client,
    agents: Process,
}

impl LanguageBench<'_> {
    async fn fresh(&self, name: &str) -> anyhow::Result<(Process, Api)> {
        let home = Home::Folder(self.folder.join(name));
        let log = self.folder.join(name).with_extension("log");
        let server = Process::server(&self.binary, &home.arguments(), &log, &self.client).await?;
        let api = Api::new(self.client.clone(), &server.url);
        api.register_agent("echo", &format!("{}/echo", self.agents.url), Patience::NeverTriesAgain).await?;
        Ok((server, api))
    }

    /// One loop, on a server of its own, so that its memory can be told.
    async fn measure(&self, is_parallel: bool, iterations: usize) -> anyhow::Result<Measured> {
        let mode = if is_parallel { "parallel" } else { "sequential" };
        let (server, api) = self.fresh(&format!("{mode}-{iterations}")).await?;
        let workflow = api.create(&looped(mode)).await?;
        let input = |count: usize| json!({"items": (0..count).collect::<Vec<_>>()});
        // Connections and caches are warm then.
        finished(&api, &api.start(&workflow, &input(ITERATIONS[0])).await?).await?;
        let mut times = Vec::new();
        for _ in 0..(MEASURED / iterations).clamp(1, 50) {
            let run = finished(&api, &api.start(&workflow, &input(iterations)).await?).await?;
            times.push(wall_time_ms(&run)? * 1000.0 / number(iterations as u64));
        }
        let per_step_us = percentile(&mut times, 50).context("no run was measured")?;
        let peak_mb = server.peak_memory_mb()?;
        println!("  {mode} loop of {iterations:>6}: {per_step_us:>7.0} us per step, {peak_mb:>4.0} MB");
        Ok(Measured { is_parallel, iterations, per_step_us, peak_mb })
    }

    /// How long the largest document takes to be checked, in milliseconds, with the way there and back.
    async fn check(&self) -> anyhow::Result<f64> {
        let (_server, api) = self.fresh("check").await?;
        let document = largest();
        let mut times = Vec::new();
        for _ in 0..5 {
            let begin = Instant::now();
            api.validate(&document).await?;
            times.push(begin.elapsed().as_secs_f64() * 1000.0);
        }
        let checked = percentile(&mut times, 50).context("nothing was checked")?;
        println!("  a document of {} bytes: {checked:.0} ms", document.to_string().len());
        Ok(checked)
    }

    async fn delays(&self, count: usize) -> anyhow::Result<Delays> {
        let (server, api) = self.fresh("delays").await?;
        delays::measure(&server, &api, count).await
    }
}

fn looped(mode: &str) -> Value {
    json!({"name": mode, "start_step": "each", "output": {"count": "${each.output.total_count}"}, "steps": {
        "each": {"id": "each", "type": "loop", "loop_config": {"collection": "${workflow.input.items}", "loop_body": ["call"],
            "execution_mode": mode, "max_parallelism": AT_ONCE}},
        "call": {"id": "call", "type": "agent", "agent_name": "echo", "input_mapping": {"n": "${loop.item}"}},
    }})
}

/// A thousand steps of a kilobyte, each with references to 31 steps before it: just below the limits of steps and of bodies.
fn largest() -> Value {
    let step = |number: usize| {
        let reference = |field: usize| format!("${{s{}.output.f{field}}}", field * 37 % number.max(1));
        let fields = if number == 0 { 0 } else { 31 };
        let mut mapping: serde_json::Map<String, Value> =
            (0..fields).map(|field| (format!("f{field}"), reference(field).into())).collect();
        mapping.insert("t".to_owned(), "x".repeat(100).into());
        let next = (number < 999).then(|| format!("s{}", number + 1));
        let id = format!("s{number}");
        (
            id.clone(),
            json!({"id": id, "type": "agent", "agent_name": "echo", "next_step": next, "input_mapping": mapping}),
        )
    };
    json!({"start_step": "s0", "steps": (0..1000).map(step).collect::<serde_json::Map<_, _>>()})
}

/// The run, as soon as it has completed.
async fn finished(api: &Api, run: &str) -> anyhow::Result<Value> {
    let begin = Instant::now();
    while begin.elapsed() < WITHIN {
        let row = api.run(run, "").await?;
        match row["status"].as_str() {
            Some("COMPLETED") => return Ok(row),
            Some("PENDING" | "RUNNING") => tokio::time::sleep(Duration::from_millis(20)).await,
            _ => bail!("the run ended as {row}"),
        }
    }
    bail!("the run did not end within {WITHIN:?}")
}

fn markdown(loops: &[Measured], checked_ms: f64, delays: Option<&Delays>, machine: &Machine, command: &str) -> String {
    let Machine { cpu, cores, memory_gib, kernel, file_system, date } = machine;
    let mut text = format!(
        "## The language\n\nMeasured {date} by `{command}`, on SQLite.\n\nMachine: {cpu}, {cores} cores, {memory_gib} GiB, \
         Linux {kernel}, data on {file_system}; server, agent and driver together on it, beside whatever else ran there: one \
         run of the command, so noisy.\n\n### A step of a long loop\n\nA loop whose body is one call of an echo agent: wall time \
         of the run by its iterations.\n\n| iterations | sequential, µs per step | most memory, MB | parallel ({AT_ONCE}), µs \
         per step | most memory, MB |\n|---|---|---|---|---|\n"
    );
    let find = |is_parallel: bool, iterations: usize| {
        loops.iter().find(|one| one.is_parallel == is_parallel && one.iterations == iterations)
    };
    for iterations in ITERATIONS {
        if let (Some(one), Some(other)) = (find(false, iterations), find(true, iterations)) {
            let (a, b, c, d) = (one.per_step_us, one.peak_mb, other.per_step_us, other.peak_mb);
            let _ = writeln!(text, "| {iterations} | {a:.0} | {b:.0} | {c:.0} | {d:.0} |");
        }
    }
    let ratio = |is_parallel: bool| {
        let cost = |iterations: usize| find(is_parallel, iterations).map_or(f64::NAN, |one| one.per_step_us);
        cost(ITERATIONS[ITERATIONS.len() - 1]) / cost(ITERATIONS[0])
    };
    let _ = writeln!(text, "| largest by smallest | {:.2} | | {:.2} | |\n", ratio(false), ratio(true));
    let _ = writeln!(
        text,
        "A document of 1,000 steps and nearly 1 MB, with 31 references to earlier steps in each, is checked by `POST \
         /workflows/validate` in {checked_ms:.0} ms."
    );
    if let Some(delays) = delays {
        text.push_str(&delays.markdown());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_is_told_everything() {
        let options = Options { delays: Some(7), debug_build: false, write: true };
        assert_eq!(options.arguments(), ["--delays", "7", "--write"]);
    }

    #[test]
    fn the_largest_document_fits_into_a_body() {
        let bytes = largest().to_string().len();
        assert!((900_000..=1_048_576).contains(&bytes), "{bytes}");
    }
}
