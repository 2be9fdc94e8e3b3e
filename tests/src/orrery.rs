//! The server as a process: started on a data folder, killed or terminated, started again on the same folder.

use std::{net::TcpListener, path::Path, process::ExitStatus};

use serde_json::Value;

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
        let started = Self::launch(&["--data", data_argument], data).await;
        eventually("the server is ready", async || started.client.is_ready().await.then_some(())).await;
        started
    }

    /// Starts `orrery serve` with these arguments in a folder, on a free port, and waits until it listens: it may not be
    /// ready yet.
    pub async fn launch(arguments: &[&str], folder: &Path) -> Self {
        Self::listening(Process::spawn(&serving(arguments), folder)).await
    }

    /// The same for a server that makes its first key itself.
    pub async fn launch_without_key(arguments: &[&str], folder: &Path) -> Self {
        Self::listening(Process::spawn_without_key(&serving(arguments), folder)).await
    }

    async fn listening(mut process: Process) -> Self {
        let client = Client::new(&format!("http://{}", process.address().await));
        Self { process, client }
    }

    /// Starts a server that tells agents where it is, and waits until it is ready.
    pub async fn start_reachable(data: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        Self::start_at(&free.expect("a port is free").to_string(), data).await
    }

    /// The same at a certain address, `host:port`, where another one has been for instance.
    pub async fn start_at(address: &str, data: &Path) -> Self {
        let url = format!("http://{address}");
        let data_argument = data.to_str().expect("the folder's path is UTF-8");
        let arguments = ["serve", "--listen", address, "--public-url", &url, "--data", data_argument];
        let mut process = Process::spawn(&arguments, data);
        let client = Client::new(&format!("http://{}", process.address().await));
        eventually("the server is ready", async || client.is_ready().await.then_some(())).await;
        Self { process, client }
    }

    /// A client of its REST API.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where it answers the look-ups of the existing components: `http://host:port`.
    pub fn registry(&self) -> String {
        let address = self.process.look_ups().expect("it was started with --registry-listen");
        format!("http://{address}")
    }

    /// Where it asks nobody who they are: `http://host:port`.
    pub fn trusted(&self) -> String {
        format!("http://{}", self.process.trusted().expect("it was started with --trusted-listen"))
    }

    /// Where it listens: `http://host:port`.
    pub fn url(&self) -> &str {
        self.client.base()
    }

    /// Whether it says that it is ready.
    pub async fn is_ready(&self) -> bool {
        self.client.is_ready().await
    }

    /// What it says about its readiness, with the status of the answer.
    pub async fn readiness(&self) -> (u16, Value) {
        let answer = self.client.get_root("/health/ready").await;
        (answer.status, answer.json())
    }

    /// A measurement: the sum over all series of this name whose labels hold a text; 0 if there is none.
    pub async fn metric(&self, name: &str, label: &str) -> f64 {
        let exposition = self.client.get_root("/metrics").await.text;
        let series = exposition.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
        let named = series.filter(|(labels, _)| labels.is_empty() || labels.starts_with('{'));
        named.filter(|(labels, _)| labels.contains(label)).filter_map(|(_, value)| value.parse::<f64>().ok()).sum()
    }

    /// SIGSTOP: it keeps everything and does nothing.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.process.thaw();
    }

    /// What it wrote to its standard output so far, line by line.
    pub fn said(&self) -> Vec<String> {
        self.process.stdout()
    }

    /// What it logged so far, line by line.
    pub fn log(&self) -> Vec<String> {
        self.process.stderr()
    }

    /// Ends it as a power failure would.
    pub fn kill9(mut self) {
        self.process.kill9();
    }

    /// Asks it to end.
    pub fn ask_to_end(&self) {
        self.process.terminate();
    }

    /// Asks it to end, and waits until it has.
    pub async fn terminate(mut self) -> Ended {
        self.process.terminate();
        let status = self.process.ended().await;
        Ended { status, stdout: self.process.stdout(), stderr: self.process.stderr() }
    }
}

fn serving<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["serve", "--listen", "127.0.0.1:0"], arguments].concat()
}

/// Runs `orrery` with these arguments in a folder, to its end.
pub async fn command_line(arguments: &[&str], folder: &Path) -> Ended {
    let mut process = Process::spawn(arguments, folder);
    let status = process.ended().await;
    Ended { status, stdout: process.stdout(), stderr: process.stderr() }
}
