//! A place for a server: one process after the other on the same port, with one log.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context;
use dev_services::{Signal, free_port};
use e2e_tests::orrery_command;
use serde_json::Value;

/// How long a process may take to end after it was asked to: its drain, and a machine that is busy.
const END: Duration = Duration::from_mins(1);

/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// The place. Dropping it kills the process.
pub(crate) struct Slot {
    /// Its role and number.
    pub(crate) name: String,
    arguments: Vec<String>,
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Slot {
    /// An empty place; its log lies in the folder.
    pub(crate) fn new(name: String, arguments: Vec<String>, folder: &Path) -> anyhow::Result<Self> {
        Ok(Self { name, arguments, folder: folder.to_owned(), port: free_port()?, child: None })
    }

    /// Where its process answers.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where its processes log.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    /// Starts a process; whether it is ready is another question.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = orrery_command();
        command.args(["serve", "--listen", &format!("127.0.0.1:{}", self.port)]).args(&self.arguments);
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.child = Some(command.spawn().with_context(|| format!("cannot start {}", self.name))?);
        Ok(())
    }

    /// SIGKILL. Returns when it is dead.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _gone = child.kill();
            let _status = child.wait();
        }
    }

    /// SIGTERM. Returns when it has ended; it is killed if it does not.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::Term);
        let ended = async {
            while let Some(child) = &mut self.child {
                if child.try_wait()?.is_some() {
                    self.child = None;
                }
                tokio::time::sleep(PAUSE).await;
            }
            anyhow::Ok(())
        };
        let in_time = tokio::time::timeout(END, ended).await;
        self.kill();
        in_time.with_context(|| format!("{} does not end within {END:?} after SIGTERM", self.name))?
    }

    /// SIGSTOP or SIGCONT.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            signal.send(&[child.id()]);
        }
    }

    /// The status of a process that has ended by itself; the place is empty then.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        self.child = None;
        Some(status)
    }

    /// Who its process is in the fleet: the latest id in the log.
    pub(crate) fn identity(&self) -> Option<String> {
        let log = std::fs::read_to_string(self.log()).ok()?;
        let told =
            log.lines().rev().find(|line| line.contains("joined the fleet") || line.contains("under a new id"))?;
        let line: Value = serde_json::from_str(told).ok()?;
        line["executor.id"].as_str().map(str::to_owned)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.kill();
    }
}
