//! Asking the store until it answers, or until the engine stops: nothing can be done for a run without it.

use std::time::Duration;

use domain::ports::StoreError;
use tokio_util::sync::CancellationToken;

/// What came of insisting.
pub(crate) enum Insisted<T> {
    /// The store answered.
    Answer(T),
    /// The engine stops; the question is left to the next owner.
    Stopped,
}

/// Asks until the store answers anything but "not now".
pub(crate) async fn insist_unless_corrupt<T, F>(
    stop: &CancellationToken,
    mut ask: impl FnMut() -> F,
) -> Insisted<Result<T, StoreError>>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut wait = Duration::from_millis(50);
    loop {
        match ask().await {
            Err(error @ (StoreError::Unavailable(_) | StoreError::Locked(_) | StoreError::Conflict(_))) => {
                tracing::warn!(%error, "the store did not answer; asking again");
            }
            answer => return Insisted::Answer(answer),
        }
        tokio::select! {
            () = stop.cancelled() => return Insisted::Stopped,
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(Duration::from_secs(5)),
        }
    }
}
