//! How long runs took, as the API tells it afterwards: from `created_at` to `completed_at`.

use anyhow::Context;

use super::{
    api::{Api, STEPS},
    figures::{Figure, Figures, number, percentile},
};

/// How many runs are looked at.
const SAMPLE: usize = 1_000;

/// Adds wall time and overhead per step of the runs of a workflow. The newest runs are left out: they were in flight while
/// the load was taken away, and so were faster.
///
/// `agent_ms` is the agent's own working time per call. The way to the agent and back, and waiting for a busy processor,
/// count as overhead.
pub(super) async fn add(
    api: &Api,
    workflow: &str,
    in_flight: usize,
    agent_ms: f64,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let steps = number(STEPS as u64);
    let walls = api.wall_times(workflow, in_flight, SAMPLE).await?;
    let mut per_step: Vec<f64> = walls.into_iter().map(|wall| wall / steps).collect();
    let none = || format!("too few runs of {workflow} completed");
    let p50 = percentile(&mut per_step, 50).with_context(none)?;
    let p99 = percentile(&mut per_step, 99).with_context(none)?;
    figures.add(Figure::AgentTime(in_flight), agent_ms);
    figures.add(Figure::WallP50(in_flight), p50);
    figures.add(Figure::WallP99(in_flight), p99);
    figures.add(Figure::OverheadP50(in_flight), p50 - agent_ms);
    figures.add(Figure::OverheadP99(in_flight), p99 - agent_ms);
    Ok(())
}
