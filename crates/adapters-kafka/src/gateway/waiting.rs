//! Who waits for which result.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::wire::TaskResult;

type Waiters = HashMap<String, Vec<(u64, oneshot::Sender<TaskResult>)>>;

/// Calls under way, by correlation id.
#[derive(Default)]
pub(super) struct Waiting(Mutex<(u64, Waiters)>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, (u64, Waiters)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a result from now on.
    pub(super) fn wait_for(self: &Arc<Self>, correlation: &str) -> Waiter {
        let (sender, receiver) = oneshot::channel();
        let (next, waiters) = &mut *self.lock();
        *next += 1;
        waiters.entry(correlation.to_owned()).or_default().push((*next, sender));
        let place = Place { waiting: Arc::clone(self), correlation: correlation.to_owned(), number: *next };
        Waiter { receiver, _place: place }
    }

    /// Gives a result to all who wait for it; says whether there was anybody.
    pub(super) fn answer(&self, correlation: &str, result: &TaskResult) -> bool {
        let waiters = self.lock().1.remove(correlation).unwrap_or_default();
        // Not `any`: that stops at the first.
        waiters.into_iter().fold(false, |anybody, (_, sender)| sender.send(result.clone()).is_ok() || anybody)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().1.len()
    }
}

/// One who waits. Dropping it ends that.
pub(super) struct Waiter {
    receiver: oneshot::Receiver<TaskResult>,
    _place: Place,
}

impl Waiter {
    /// The result. Never ends without one.
    pub(super) async fn result(&mut self) -> TaskResult {
        match (&mut self.receiver).await {
            Ok(result) => result,
            // The sender lives until the place is given up, and that is not now.
            Err(_) => std::future::pending().await,
        }
    }
}

struct Place {
    waiting: Arc<Waiting>,
    correlation: String,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let waiters = &mut self.waiting.lock().1;
        if let Some(here) = waiters.get_mut(&self.correlation) {
            here.retain(|(number, _)| *number != self.number);
            if here.is_empty() {
                waiters.remove(&self.correlation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_result_reaches_all_who_wait_for_it_and_nobody_else() {
        let waiting = Arc::new(Waiting::default());
        let (mut first, mut second, other) = (waiting.wait_for("a"), waiting.wait_for("a"), waiting.wait_for("b"));
        let result = TaskResult::Failure("no".into());
        assert!(waiting.answer("a", &result));
        assert_eq!(first.result().await, result);
        assert_eq!(second.result().await, result);
        drop((first, second));
        assert_eq!(waiting.len(), 1);
        drop(other);
        assert_eq!(waiting.len(), 0, "who has gone leaves nothing behind");
    }

    #[test]
    fn a_result_that_nobody_waits_for_is_told_apart() {
        let waiting = Arc::new(Waiting::default());
        drop(waiting.wait_for("a"));
        assert!(!waiting.answer("a", &TaskResult::Failure(String::new())));
    }
}
