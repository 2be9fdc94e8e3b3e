//! The floor of calls: the same agent, the same body, the same client library and the same number in flight, without
//! anything in between.

use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::task::JoinSet;

use super::figures::{number, percentile};

/// What bare calls did in a window.
pub(super) struct BareCalls {
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

/// Calls the agent as fast as it answers.
pub(super) async fn measure(
    client: &Client,
    agent: &str,
    in_flight: usize,
    window: Duration,
) -> anyhow::Result<BareCalls> {
    // Connections are opened before, as the server's are by its warm-up.
    call_until(client, agent, in_flight, Instant::now() + window / 5).await?;
    let start = Instant::now();
    let mut times = call_until(client, agent, in_flight, start + window).await?;
    let seconds = start.elapsed().as_secs_f64();
    let calls = number(times.len() as u64);
    let of = |times: &mut Vec<f64>, percent| percentile(times, percent).unwrap_or(f64::NAN);
    Ok(BareCalls { per_second: calls / seconds, p50_ms: of(&mut times, 50), p99_ms: of(&mut times, 99) })
}

async fn call_until(client: &Client, agent: &str, in_flight: usize, end: Instant) -> anyhow::Result<Vec<f64>> {
    let mut callers = JoinSet::new();
    for caller in 0..in_flight {
        let (client, agent) = (client.clone(), agent.to_owned());
        callers.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                let start = Instant::now();
                call(&client, &agent, caller, times.len()).await?;
                times.push(start.elapsed().as_secs_f64() * 1000.0);
            }
            anyhow::Ok(times)
        });
    }
    let mut all = Vec::new();
    while let Some(times) = callers.join_next().await {
        all.extend(times??);
    }
    Ok(all)
}

/// One call, shaped like the server's own (contract, section 7.3), answered and read to its end.
async fn call(client: &Client, agent: &str, caller: usize, sequence: usize) -> anyhow::Result<()> {
    let task = format!("task-s{}-{caller:016x}{sequence:016x}", sequence % 10 + 1);
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":"{task}","method":"message/send","params":{{"message":{{"role":"user","messageId":"msg-{task}","parts":[{{"kind":"text","text":"a short text to hand on"}}]}}}}}}"#
    );
    let request = client
        .post(agent)
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .header("x-correlation-id", format!("corr-{task}"));
    let answer = request.body(body).send().await?.error_for_status()?;
    answer.bytes().await?;
    Ok(())
}
