//! The long tasks of a process: each belongs to a stage of the shutdown, and none may end before its stage does.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// All tasks of the process, by name.
#[derive(Default)]
pub(super) struct Crew(JoinSet<&'static str>);

impl Crew {
    /// Waits for the first task that ends, by a panic too. Never answers while there is none.
    pub(super) async fn first_to_end(&mut self) -> &'static str {
        match self.0.join_next().await {
            Some(ended) => ended.unwrap_or("part of the process that panicked"),
            None => std::future::pending().await,
        }
    }

    /// Has a task among them that is stopped by somebody else.
    pub(super) fn watch<T: Send + 'static>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = T> + Send + 'static,
    ) {
        self.0.spawn(async move {
            task.await;
            name
        });
    }
}

/// The tasks that are stopped together.
#[derive(Default)]
pub(super) struct Stage {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Stage {
    /// Starts a task that ends when it is told to.
    pub(super) fn spawn<F>(&self, crew: &mut Crew, name: &'static str, make: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        crew.watch(name, self.tasks.track_future(make(self.stop.clone())));
    }

    /// Tells the tasks to end and waits for them.
    pub(super) async fn end(self, patience: Duration) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            tracing::warn!("a part of this process did not come to its end in time");
        }
    }
}
