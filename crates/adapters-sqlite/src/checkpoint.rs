//! Folding the write-ahead log into the file, beside the commits and not in their way.
//!
//! A thread with a connection of its own copies most of a long log while commits go on. Because commits go on, it never
//! copies all of it, and a log that is not copied whole grows for ever; so the writer copies the little that is left,
//! between two transactions, and the next commit begins the log anew.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use rusqlite::{Connection, hooks::Wal};

use crate::{OpenError, schema};

/// The length from which a log is folded, in pages: 32 MiB.
const LONG_LOG: i32 = 8192;

/// The writer's side.
pub(crate) struct Checkpoints {
    pages: Arc<AtomicI32>,
    nearly_done: Arc<AtomicBool>,
    asked: bool,
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts the thread, and has the writer's connection tell how long its log is.
    pub(crate) fn start(writer: &mut Connection, file: &Path) -> Result<Self, OpenError> {
        let pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&pages);
        writer.wal_hook(Some(move |_: &mut Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let connection = schema::connect(file)?;
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")?;
        let nearly_done = Arc::new(AtomicBool::new(false));
        let (ask, asked) = sync_channel(1);
        let done = Arc::clone(&nearly_done);
        let thread = std::thread::Builder::new().name("sqlite-checkpoint".to_owned());
        let thread = thread.spawn(move || serve(&connection, &asked, &done)).map_err(OpenError::Thread)?;
        Ok(Self { pages, nearly_done, asked: false, ask: Some(ask), thread: Some(thread) })
    }

    /// Between two transactions: asks for a checkpoint of a long log, or ends one that is nearly done.
    pub(crate) fn after_work(&mut self, writer: &Connection) {
        if self.nearly_done.swap(false, Ordering::Acquire) {
            self.asked = false;
            checkpoint(writer, "PASSIVE");
        } else if !self.asked && self.pages.load(Ordering::Relaxed) > LONG_LOG {
            self.asked = self.ask.as_ref().is_some_and(|ask| ask.try_send(()).is_ok());
        }
    }

    /// At the end: nobody writes any more, so that the whole log can go.
    pub(crate) fn close(mut self, writer: &Connection) {
        self.ask = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that checkpoints SQLite has panicked");
        }
        checkpoint(writer, "TRUNCATE");
    }
}

fn serve(connection: &Connection, asked: &Receiver<()>, nearly_done: &AtomicBool) {
    while asked.recv().is_ok() {
        checkpoint(connection, "PASSIVE");
        nearly_done.store(true, Ordering::Release);
    }
}

/// A checkpoint that fails is made up for by the next one: until then the log is longer, and nothing is lost.
fn checkpoint(connection: &Connection, mode: &str) {
    let pragma = format!("PRAGMA wal_checkpoint({mode})");
    if let Err(error) = connection.query_row(&pragma, [], |_| Ok(())) {
        tracing::warn!(%error, "SQLite could not fold its log into the file");
    }
}
