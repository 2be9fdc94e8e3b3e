//! People who change their minds: they cancel runs, and retry those that failed or were cancelled.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use serde_json::json;

use crate::{
    api::{Answer, Api},
    evidence::{Order, Ordered},
    ledger::Ledger,
    load::{TOO_LATE, wrong},
    moment::Moment,
    site::Site,
};

/// How often somebody does something.
const PACE: Duration = Duration::from_millis(700);

/// Among how many of the newest runs somebody chooses.
const NEWEST: usize = 12;

/// Orders things until this is dropped.
pub(crate) async fn meddle(site: Arc<Site>, ledger: Arc<Ledger>, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut cancelled: Vec<String> = Vec::new();
    loop {
        tokio::time::sleep(PACE.mul_f64(0.5 + rng.f64())).await;
        let door = &site.doors[rng.usize(..site.doors.len())];
        match rng.u32(..10) {
            0..4 => {
                if let Some(run) = one_of_the_newest(&ledger, &mut rng)
                    && order(door, &ledger, &run, Ordered::Cancel).await
                {
                    cancelled.push(run);
                }
            }
            4..7 => {
                if let Some(run) = failed(door, &mut rng).await {
                    order(door, &ledger, &run, Ordered::Retry).await;
                }
            }
            _ => {
                if !cancelled.is_empty() {
                    let run = cancelled.swap_remove(rng.usize(..cancelled.len()));
                    order(door, &ledger, &run, Ordered::Retry).await;
                }
            }
        }
    }
}

fn one_of_the_newest(ledger: &Ledger, rng: &mut Rng) -> Option<String> {
    ledger.note(|entries| {
        let newest = &entries.accepted[entries.accepted.len().saturating_sub(NEWEST)..];
        rng.choice(newest).map(|accepted| accepted.run.clone())
    })
}

/// A run that failed a while ago, if any is shown.
async fn failed(door: &Api, rng: &mut Rng) -> Option<String> {
    let Answer::Status(200, page) = door.get("/runs?status=FAILED&page_size=20").await else { return None };
    let run = rng.choice(page["items"].as_array()?)?;
    run["id"].as_str().map(str::to_owned)
}

/// Says whether the order was acknowledged. A run that is over cannot be cancelled, and one that is not cannot be retried.
async fn order(door: &Api, ledger: &Ledger, run: &str, what: Ordered) -> bool {
    let (verb, taken) = match what {
        Ordered::Cancel => ("cancel", 200),
        Ordered::Retry => ("retry", 202),
    };
    match door.post(&format!("/runs/{run}/{verb}"), &json!({})).await {
        Answer::Status(status, _) if status == taken => {
            let order = Order { run: run.to_owned(), what, acknowledged: Moment::now() };
            ledger.note(|entries| entries.orders.push(order));
            true
        }
        Answer::Status(400 | 409 | 503 | TOO_LATE, _) | Answer::None => false,
        Answer::Status(status, body) => {
            wrong(ledger, &format!("{verb} of {run}"), status, &body);
            false
        }
    }
}
