//! The server as a process: started on a data folder, killed or terminated, started again on the same folder.

use std::{path::Path, process::ExitStatus};

use crate::{client::Client, eventually, process::Process};

/// A running server. Dropping it kills it.
pub struct Orrery {
    process: Process,
    client: Client,
}

/// A process that ended.
pub struct Ended {
    /// With which status.
    pub status: ExitStatus,
    /// Its standard output, line by line.
    pub stdout: Vec<String>,
    /// Its standard error, line by line.
    pub stderr: Vec<String>,
}

impl Orrery {
    /// Starts a server on a free port and waits until it is ready.
    pub async fn start(data: &Path) -> Self {
        let data_argument = data.to_str().expect("the folder's path is UTF-8");
        let mut process = Process::spawn(&["serve", "--listen", "127.0.0.1:0", "--data", data_argument], data);
        let client = Client::new(&format!("http://{}", process.address().await));
        eventually("the server is ready", async || client.is_ready().await.then_some(())).await;
        Self { process, client }
    }

    /// A client of its REST API.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Ends it as a power failure would.
    pub fn kill9(mut self) {
        self.process.kill9();
    }

    /// Asks it to end, and waits until it has.
    pub async fn terminate(mut self) -> Ended {
        self.process.terminate();
        let status = self.process.ended().await;
        Ended { status, stdout: self.process.stdout(), stderr: self.process.stderr() }
    }
}

/// Runs `orrery` with these arguments in a folder, to its end.
pub async fn command_line(arguments: &[&str], folder: &Path) -> Ended {
    let mut process = Process::spawn(arguments, folder);
    let status = process.ended().await;
    Ended { status, stdout: process.stdout(), stderr: process.stderr() }
}
