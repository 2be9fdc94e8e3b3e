//! The processes that are measured or talked to: started on free ports, watched through `/proc`, killed when dropped.

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use dev_services::SECRET_KEYS;
use reqwest::header::{HeaderName, HeaderValue};

/// The kernel counts CPU time of processes in hundredths of a second (`USER_HZ`) on every architecture that it runs on here.
const TICKS_PER_SECOND: f64 = 100.0;

/// How long a process may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long it may take until it has ended after it was asked to.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// The key of the first administrator of every server that is started here.
pub(crate) const ADMIN_KEY: &str = "ork_00000000000000000000000000000001_benchbenchbenchbenchbenchbenchbenchbenchkey";

/// A client for many requests at a time, which presents the key.
pub(crate) fn client() -> anyhow::Result<reqwest::Client> {
    let headers = [(HeaderName::from_static("x-api-key"), HeaderValue::from_static(ADMIN_KEY))];
    let builder = reqwest::Client::builder().default_headers(headers.into_iter().collect());
    Ok(builder.no_proxy().tcp_nodelay(true).pool_max_idle_per_host(1024).build()?)
}

/// A process of ours that listens on a port.
pub(crate) struct Process {
    child: Child,
    /// Where it answers, without a slash at the end.
    pub(crate) url: String,
    /// From its start to its first answer.
    pub(crate) ready_after: Duration,
}

impl Process {
    /// Starts the server with these arguments.
    pub(crate) async fn server(
        binary: &Path,
        arguments: &[String],
        log: &Path,
        client: &reqwest::Client,
    ) -> anyhow::Result<Self> {
        let arguments = [&["serve".to_owned()], arguments].concat();
        Self::start(binary, &arguments, log, "/health/ready", client).await
    }

    /// Starts the demo agents; they do not record calls, because the record would grow without bound.
    pub(crate) async fn agents(binary: &Path, folder: &Path, client: &reqwest::Client) -> anyhow::Result<Self> {
        let arguments = ["demo-agents", "--no-record"].map(str::to_owned);
        Self::start(binary, &arguments, &folder.join("agents.log"), "/calls", client).await
    }

    async fn start(
        binary: &Path,
        arguments: &[String],
        log: &Path,
        probe: &str,
        client: &reqwest::Client,
    ) -> anyhow::Result<Self> {
        let address = free_address()?;
        let out = File::create(log)?;
        let start = Instant::now();
        let child = Command::new(binary)
            .args(arguments)
            .args(["--listen", &address.to_string()])
            // They would give it another store.
            .env_remove("DATABASE_URL")
            .env_remove("KAFKA_BROKERS")
            .env("ORRERY_ADMIN_KEY", ADMIN_KEY)
            .env_remove("ORRERY_SECRET_KEYS_FILE")
            .env("ORRERY_SECRET_KEYS", SECRET_KEYS)
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut process = Self { child, url: format!("http://{address}"), ready_after: Duration::ZERO };
        let probe = format!("{}{probe}", process.url);
        while start.elapsed() < READY_WITHIN {
            if let Some(status) = process.child.try_wait()? {
                bail!("{} ended at once: {status}\n{}", arguments[0], std::fs::read_to_string(log).unwrap_or_default());
            }
            if client.get(&probe).send().await.is_ok_and(|answer| answer.status().is_success()) {
                process.ready_after = start.elapsed();
                return Ok(process);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bail!("{} did not answer {probe} within {READY_WITHIN:?}; see {}", arguments[0], log.display())
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        // The shell's own `kill`, because this workspace forbids the unsafe call.
        Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status()?;
        let begin = Instant::now();
        while begin.elapsed() < STOPPED_WITHIN {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("{} did not stop within {STOPPED_WITHIN:?}", self.url)
    }

    /// CPU time so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        cpu_seconds(&self.child.id().to_string())
    }

    /// Resident memory now, in MB.
    pub(crate) fn memory_mb(&self) -> anyhow::Result<f64> {
        self.status_mb("VmRSS:")
    }

    /// The most resident memory so far, in MB.
    pub(crate) fn peak_memory_mb(&self) -> anyhow::Result<f64> {
        self.status_mb("VmHWM:")
    }

    fn status_mb(&self, key: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("no {key} in status"))?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024.0 / 1e6)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // By the child's own handle, never by name: other servers may run on this machine. It may be gone already.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// CPU time of this driver so far, in seconds.
pub(crate) fn own_cpu_seconds() -> anyhow::Result<f64> {
    cpu_seconds("self")
}

/// User and system time of a process (proc(5): fields 14 and 15 of `stat`; the name, which may hold blanks, is field 2).
fn cpu_seconds(pid: &str) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("no name in stat")?.1;
    let ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

/// A port that was free a moment ago.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
