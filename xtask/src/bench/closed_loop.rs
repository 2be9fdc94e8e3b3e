//! A closed loop: so many runs in flight at any time, no matter how fast the server is.
//!
//! Which runs ended is learned from the server's own counter, a request every few milliseconds, not from each run: asking
//! for hundreds of runs by id would be the larger part of the load.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::task::JoinSet;

use super::{
    api::{AgentWork, Api, Counters, Started},
    database::{Activity, Database},
};
use crate::process::{Process, own_cpu_seconds};

/// How long the runs that are still in flight at the end may take.
const DRAIN_WITHIN: Duration = Duration::from_mins(1);

/// Longer than a run with 256 in flight takes on a slow machine, so that the window begins with runs at all stages.
const WARM_UP: Duration = Duration::from_secs(1);

/// What is watched while runs execute.
pub(super) struct Watched<'a> {
    pub(super) api: &'a Api,
    pub(super) server: &'a Process,
    pub(super) agents: &'a Process,
    /// Where the store is a database.
    pub(super) database: Option<&'a Database>,
}

/// What happened within a window, as differences.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) seconds: f64,
    pub(super) counters: Counters,
    pub(super) server_cpu: f64,
    pub(super) agent_cpu: f64,
    pub(super) driver_cpu: f64,
    /// The agent's own working time per call, in milliseconds.
    pub(super) agent_ms: f64,
    /// What the database did meanwhile, if there is one.
    pub(super) activity: Option<Activity>,
}

struct Snapshot {
    at: Instant,
    counters: Counters,
    server_cpu: f64,
    agent_cpu: f64,
    driver_cpu: f64,
    work: AgentWork,
    activity: Option<Activity>,
}

impl Watched<'_> {
    async fn snapshot(&self) -> anyhow::Result<Snapshot> {
        let activity = match self.database {
            Some(database) => Some(database.activity().await?),
            None => None,
        };
        let counters = self.api.counters().await?;
        Ok(Snapshot {
            activity,
            work: self.api.agent_work(&self.agents.url).await?,
            at: Instant::now(),
            counters,
            server_cpu: self.server.cpu_seconds()?,
            agent_cpu: self.agents.cpu_seconds()?,
            driver_cpu: own_cpu_seconds()?,
        })
    }
}

/// Warms up, measures, then waits until the last run ended.
pub(super) async fn measure(
    watched: &Watched<'_>,
    workflow: &str,
    in_flight: usize,
    window: Duration,
) -> anyhow::Result<Window> {
    let mut load = Load::new(watched.api, workflow, in_flight).await?;
    load.keep_up(WARM_UP.max(window / 5)).await?;
    let before = watched.snapshot().await?;
    load.keep_up(window).await?;
    let after = watched.snapshot().await?;
    load.drain().await?;
    Ok(between(&before, &after))
}

fn between(before: &Snapshot, after: &Snapshot) -> Window {
    let (old, new) = (before.counters, after.counters);
    Window {
        seconds: (after.at - before.at).as_secs_f64(),
        counters: Counters {
            finished: new.finished - old.finished,
            completed: new.completed - old.completed,
            steps: new.steps - old.steps,
            run_commits: new.run_commits - old.run_commits,
            transactions: new.transactions - old.transactions,
        },
        server_cpu: after.server_cpu - before.server_cpu,
        agent_cpu: after.agent_cpu - before.agent_cpu,
        driver_cpu: after.driver_cpu - before.driver_cpu,
        agent_ms: (after.work.handler_us - before.work.handler_us) / 1000.0 / (after.work.calls - before.work.calls),
        activity: after.activity.zip(before.activity).map(|(after, before)| after.since(before)),
    }
}

struct Load<'a> {
    api: &'a Api,
    workflow: &'a str,
    in_flight: usize,
    /// What the counters said before the first run of this load.
    base: Counters,
    started: usize,
    starting: JoinSet<anyhow::Result<Started>>,
}

impl<'a> Load<'a> {
    async fn new(api: &'a Api, workflow: &'a str, in_flight: usize) -> anyhow::Result<Self> {
        Ok(Self { api, workflow, in_flight, base: api.counters().await?, started: 0, starting: JoinSet::new() })
    }

    async fn keep_up(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        // A lone run is over in a few milliseconds, so it is looked at more often.
        let pause = Duration::from_millis(if self.in_flight == 1 { 2 } else { 10 });
        while Instant::now() < end {
            let finished = self.finished().await?;
            for _ in (self.started - finished.min(self.started))..self.in_flight {
                let (api, workflow) = (self.api.clone(), self.workflow.to_owned());
                self.starting.spawn(async move { api.execute(&workflow).await });
                self.started += 1;
            }
            self.reap()?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// How many runs of this load ended; fails if one did not complete.
    async fn finished(&self) -> anyhow::Result<usize> {
        let now = self.api.counters().await?;
        let (finished, completed) = (now.finished - self.base.finished, now.completed - self.base.completed);
        if finished - completed > 0.5 {
            bail!("{:.0} runs did not complete: the figures would mean nothing", finished - completed);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count, from a counter that rises"
        )]
        Ok(finished.round() as usize)
    }

    /// Takes the answers of starts that were given. A start that was refused is not in flight.
    fn reap(&mut self) -> anyhow::Result<()> {
        while let Some(answer) = self.starting.try_join_next() {
            if answer?.context("a start failed")? == Started::Refused {
                self.started -= 1;
            }
        }
        Ok(())
    }

    async fn drain(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + DRAIN_WITHIN;
        while Instant::now() < end {
            self.reap()?;
            if self.starting.is_empty() && self.finished().await? >= self.started {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("{} of {} runs did not end within {DRAIN_WITHIN:?}", self.started - self.finished().await?, self.started)
    }
}
