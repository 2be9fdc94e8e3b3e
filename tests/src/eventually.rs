//! Waiting for a condition with a deadline. The only file that pauses: a test never sleeps in the hope that something has
//! happened meanwhile.

use std::time::{Duration, Instant};

/// Generous, because machines that run tests are busy; reached only by a test that fails.
const DEADLINE: Duration = Duration::from_mins(1);

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until the probe has an answer; fails after a minute with what was waited for.
pub async fn eventually<T>(what: &str, probe: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(DEADLINE, what, probe).await
}

/// The same with another deadline.
pub async fn eventually_within<T>(within: Duration, what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = probe().await {
            return answer;
        }
        assert!(start.elapsed() < within, "waited {within:?} in vain for this: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
