//! `cargo xtask ci`: every check in one command, cheap ones first, tests last so that their closing lines end the log.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::{
    chart, contract, deny, docs, generated, libraries, sim, test, tidy,
    workspace::{cargo, must},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many seeds the simulation runs.
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
}

/// What a stage that did not fail has to say.
enum Said {
    Passed,
    PassedWith(String),
    NotRun(String),
}

type Stage<'a> = (&'static str, Box<dyn Fn() -> anyhow::Result<Said> + 'a>);

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut summary: Vec<(&str, Duration, Said)> = Vec::new();
    let begun = Instant::now();
    for (name, stage) in stages(options) {
        println!("\n==> {name}");
        let start = Instant::now();
        match stage() {
            Ok(said) => {
                println!("<== {name}: {} after {:.1} s", said.word(), start.elapsed().as_secs_f64());
                summary.push((name, start.elapsed(), said));
            }
            Err(error) => {
                print_summary(&summary);
                println!("  {name:<10} FAILED {:>8.1} s", start.elapsed().as_secs_f64());
                println!("later stages were not run");
                return Err(error).with_context(|| format!("stage '{name}' failed (run it alone: see xtask --help)"));
            }
        }
    }
    print_summary(&summary);
    println!("ci passed after {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}

fn stages(options: &Options) -> Vec<Stage<'_>> {
    vec![
        ("libraries", Box::new(|| passed(libraries::ensure()))),
        ("fmt", Box::new(|| passed(must(cargo().args(["fmt", "--all", "--check"]))))),
        ("tidy", Box::new(|| passed(tidy::run()))),
        ("docs", Box::new(|| passed(docs::run(&docs::Options::check())))),
        (
            "deny",
            Box::new(|| deny::run().map(|ran| if ran { Said::Passed } else { Said::NotRun(deny::MISSING.into()) })),
        ),
        ("clippy", Box::new(|| passed(clippy()))),
        ("openapi", Box::new(|| passed(generated::run_openapi(&generated::OpenapiOptions::check())))),
        ("rights", Box::new(|| passed(generated::run(&generated::RIGHTS, &generated::Options::check())))),
        ("metrics", Box::new(|| passed(generated::run(&generated::METRICS, &generated::Options::check())))),
        ("errors", Box::new(|| passed(generated::run(&generated::ERRORS, &generated::Options::check())))),
        (
            "chart",
            Box::new(|| chart::run().map(|said| said.map_or(Said::NotRun(chart::MISSING.into()), Said::PassedWith))),
        ),
        ("sim", Box::new(|| passed(sim::run(&sim::Options::seeds(options.seeds))))),
        ("planted", Box::new(|| passed(sim::planted()))),
        ("contract", Box::new(|| contract::run(&contract::Options::in_ci()).map(|report| said_of(&report)))),
        ("test", Box::new(|| test::run(&test::Options::default()).map(|counts| Said::PassedWith(counts.to_string())))),
    ]
}

fn said_of(report: &contract::Report) -> Said {
    if report.passed.is_empty() {
        Said::NotRun(report.not_run.join("; "))
    } else {
        Said::PassedWith(report.to_string())
    }
}

fn clippy() -> anyhow::Result<()> {
    must(cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn passed(result: anyhow::Result<()>) -> anyhow::Result<Said> {
    result.map(|()| Said::Passed)
}

impl Said {
    fn word(&self) -> &'static str {
        match self {
            Self::Passed | Self::PassedWith(_) => "passed",
            Self::NotRun(_) => "NOT RUN",
        }
    }

    fn more(&self) -> &str {
        match self {
            Self::Passed => "",
            Self::PassedWith(text) | Self::NotRun(text) => text,
        }
    }
}

fn print_summary(summary: &[(&str, Duration, Said)]) {
    println!("\nsummary");
    for (name, took, said) in summary {
        let line = format!("  {name:<10} {:<7} {:>7.1} s  {}", said.word(), took.as_secs_f64(), said.more());
        println!("{}", line.trim_end());
    }
}
