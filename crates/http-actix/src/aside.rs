//! Work that computes for seconds, beside the threads that answer requests: a few at a time, and no longer than somebody waits
//! for it. Not for work that mostly waits itself; that keeps no thread.

use std::{convert::Infallible, future::Future};

use tokio::{
    runtime::Handle,
    select,
    sync::{Semaphore, oneshot},
    task::spawn_blocking,
};

use crate::problem::Problem;

/// How much of it is done at once; whatever else comes waits for its turn.
static TURNS: Semaphore = Semaphore::const_new(4);

/// Does the work on a thread of its own. It MUST give way now and then: that is where it ends if the caller has gone.
pub(crate) async fn aside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, Problem> {
    let turn = TURNS.acquire().await.map_err(Problem::internal)?;
    let (caller, gone) = oneshot::channel::<Infallible>();
    let runtime = Handle::current();
    let working = spawn_blocking(move || {
        // The turn ends with the work, and not with the caller.
        let _turn = turn;
        runtime.block_on(async {
            select! {
                biased;
                _ = gone => None,
                done = work => Some(done),
            }
        })
    });
    let done = working.await.map_err(Problem::internal)?;
    drop(caller);
    done.ok_or_else(|| Problem::internal("nobody waits for it any more"))
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, sync::Arc, time::Duration};

    use futures_util::poll;
    use tokio::{sync::Notify, time::timeout};

    use super::*;

    /// Says that it has begun and that it is over, and computes for ever in between.
    struct Endless {
        begun: Arc<Notify>,
        over: Arc<Notify>,
    }

    impl Drop for Endless {
        fn drop(&mut self) {
            self.over.notify_one();
        }
    }

    impl Endless {
        async fn compute(self) {
            self.begun.notify_one();
            loop {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn work_goes_on_beside_the_thread_that_wants_it_and_ends_with_the_request() {
        let (begun, over) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let endless = Endless { begun: begun.clone(), over: over.clone() };
        {
            let mut working = pin!(aside(endless.compute()));
            assert!(poll!(&mut working).is_pending());
            // Whoever computes for ever on this thread would leave no time for this.
            timeout(Duration::from_secs(30), begun.notified()).await.expect("it has begun");
            assert!(poll!(&mut working).is_pending());
        }
        timeout(Duration::from_secs(30), over.notified()).await.expect("it has ended");
    }

    #[tokio::test]
    async fn what_the_work_answers_is_answered() {
        assert_eq!(aside(async { 7 }).await.ok(), Some(7));
    }
}
