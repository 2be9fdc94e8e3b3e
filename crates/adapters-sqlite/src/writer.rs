//! The one thread that writes. It takes one piece of work after the other; each makes its own transaction.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
    thread::JoinHandle,
    time::Instant,
};

use domain::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{
    OpenError, Stats,
    checkpoint::Checkpoints,
    failure::{Failure, Outcome},
    stats::Counters,
};

/// How much work may wait; whoever brings more waits with it.
const QUEUE: usize = 256;

type Work = Box<dyn FnOnce(&Session) + Send>;

/// The way to the thread.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, file: &Path) -> Result<Self, OpenError> {
        let counters = Arc::new(Counters::default());
        let mut session = Session { connection, counters: Arc::clone(&counters) };
        let checkpoints = Checkpoints::start(&mut session.connection, file)?;
        let (queue, waiting) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("sqlite-writer".to_owned());
        let thread = thread.spawn(move || write(&session, checkpoints, waiting)).map_err(OpenError::Thread)?;
        Ok(Self { queue: Some(queue), thread: Some(thread), counters })
    }

    pub(crate) fn stats(&self) -> Stats {
        self.counters.read()
    }

    /// Has something written and waits until it is durable or refused. Once it is queued it is done, whether or not
    /// anybody still waits for it.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Session) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Unavailable("the writer has stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |session| {
            // Nobody waits any more if this fails; the work is done all the same.
            let _ = reply.send(work(session));
        });
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(work).await.map_err(|_| gone())?;
        Ok(answer.await.map_err(|_| gone())??)
    }
}

impl Drop for Writer {
    /// Waits until everything that is queued is written.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes to SQLite has panicked");
        }
    }
}

fn write(session: &Session, mut checkpoints: Checkpoints, mut waiting: mpsc::Receiver<Work>) {
    while let Some(work) = waiting.blocking_recv() {
        // A panic is a bug in one piece of work; it must not stop all others for ever.
        if catch_unwind(AssertUnwindSafe(|| work(session))).is_err() {
            tracing::error!("a write to SQLite has panicked and was rolled back");
            session.roll_back();
        }
        checkpoints.after_work(&session.connection);
    }
    checkpoints.close(&session.connection);
}

/// The connection that writes.
pub(crate) struct Session {
    connection: Connection,
    counters: Arc<Counters>,
}

impl Session {
    /// Does something in one transaction, which is durable when this returns well and has changed nothing otherwise.
    pub(crate) fn transaction<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        let (began, before) = (Instant::now(), self.connection.total_changes());
        let answer = self.attempt(work);
        match &answer {
            Ok(_) if self.connection.total_changes() != before => self.counters.wrote(began.elapsed()),
            Ok(_) => {}
            Err(_) => self.roll_back(),
        }
        answer
    }

    /// The same, and what is replaced is overwritten, so that it cannot be read from the file's unused parts.
    pub(crate) fn overwriting<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        self.connection.pragma_update(None, "secure_delete", true)?;
        let answer = self.transaction(work);
        self.connection.pragma_update(None, "secure_delete", false)?;
        answer
    }

    fn attempt<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let answer = work(&self.connection)?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(answer)
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "SQLite could not roll back");
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// Work within a transaction that is undone alone if its data is to blame; other failures end the transaction.
pub(crate) fn isolated<T>(connection: &Connection, work: impl FnOnce() -> Outcome<T>) -> Outcome<Result<T, Failure>> {
    connection.prepare_cached("SAVEPOINT one")?.execute([])?;
    let answer = match work() {
        Err(failure) if failure.is_about_data() => {
            connection.prepare_cached("ROLLBACK TO one")?.execute([])?;
            Err(failure)
        }
        Err(failure) => return Err(failure),
        Ok(answer) => Ok(answer),
    };
    connection.prepare_cached("RELEASE one")?.execute([])?;
    Ok(answer)
}
