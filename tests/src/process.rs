//! A process of ours: its output is kept line by line, it is killed when dropped, and a test that fails shows what it said.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde_json::Value;

use crate::{binary, eventually};

/// How much of the output a failing test shows.
const SHOWN_LINES: usize = 60;

/// What a process says of the address at which it answers look-ups.
const LOOK_UPS: &str = "tells the credentials";

/// What a process says of the address at which nobody is asked who they are.
const TRUSTED: &str = "asks nobody who they are, and gives";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// Reads to the end on a thread of its own, so that the process never waits for a reader.
    fn follow(&self, stream: impl Read + Send + 'static) -> thread::JoinHandle<()> {
        let lines = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                lines.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        })
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A running `orrery` with some arguments.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: Lines,
    stderr: Lines,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Process {
    /// Starts it in a folder.
    pub(crate) fn spawn(arguments: &[&str], folder: &Path) -> Self {
        Self::spawn_as(binary::command(), arguments, folder)
    }

    /// The same for a server that is not told who its first administrator is.
    pub(crate) fn spawn_without_key(arguments: &[&str], folder: &Path) -> Self {
        let mut command = binary::command();
        command.env_remove("ORRERY_ADMIN_KEY");
        Self::spawn_as(command, arguments, folder)
    }

    fn spawn_as(mut command: Command, arguments: &[&str], folder: &Path) -> Self {
        let mut child = command
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server's binary starts");
        let (stdout, stderr) = (Lines::default(), Lines::default());
        let readers = vec![
            stdout.follow(child.stdout.take().expect("stdout is piped")),
            stderr.follow(child.stderr.take().expect("stderr is piped")),
        ];
        Self { name: arguments.join(" "), child, stdout, stderr, readers }
    }

    /// Waits until it says where it listens: a line of JSON with a field `address`, or any line with a URL.
    pub(crate) async fn address(&mut self) -> SocketAddr {
        let what = format!("'orrery {}' says where it listens", self.name);
        eventually(&what, async || {
            let lines = [self.stderr.all(), self.stdout.all()].concat();
            // Where the existing components look agents up is another address, which comes first, and so is a trusted one.
            let mut own = lines.iter().filter(|line| !line.contains(LOOK_UPS) && !line.contains(TRUSTED));
            let address = own.find_map(|line| address_in(line));
            if address.is_none()
                && let Some(status) = self.child.try_wait().expect("a child can be waited for")
            {
                panic!("'orrery {}' ended before it listened: {status}\n{}", self.name, lines.join("\n"));
            }
            address
        })
        .await
    }

    /// The address at which it answers look-ups, if it says so.
    pub(crate) fn look_ups(&self) -> Option<SocketAddr> {
        self.stderr.all().iter().filter(|line| line.contains(LOOK_UPS)).find_map(|line| address_in(line))
    }

    /// The address at which it asks nobody, if it says so.
    pub(crate) fn trusted(&self) -> Option<SocketAddr> {
        self.stderr.all().iter().filter(|line| line.contains(TRUSTED)).find_map(|line| address_in(line))
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().expect("a running child can be killed");
        self.child.wait().expect("a killed child can be waited for");
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// SIGSTOP: it keeps everything and does nothing.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// The shell's own `kill`, because this workspace forbids the unsafe call and every machine has a shell.
    fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &script]).status().expect("sh runs");
        assert!(status.success(), "'{script}' failed: {status}");
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let what = format!("'orrery {}' ends", self.name);
        let status = eventually(&what, async || self.child.try_wait().expect("a child can be waited for")).await;
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
        status
    }

    /// What it wrote to its standard output so far.
    pub(crate) fn stdout(&self) -> Vec<String> {
        self.stdout.all()
    }

    /// What it wrote to its standard error so far.
    pub(crate) fn stderr(&self) -> Vec<String> {
        self.stderr.all()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _status = self.child.wait();
        if thread::panicking() {
            let lines = self.stderr.all();
            let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("--- the end of the log of 'orrery {}':\n{}", self.name, last.join("\n"));
        }
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let from_json = serde_json::from_str::<Value>(line).ok().and_then(|json| member(&json, "address"));
    let found = from_json.or_else(|| {
        let after = line.split("http://").nth(1)?;
        Some(after.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').next()?.to_owned())
    })?;
    // Port 0 is what was asked for, not what was given.
    found.trim_start_matches("http://").parse().ok().filter(|address: &SocketAddr| address.port() != 0)
}

/// A text under this name, at whatever depth: log lines keep their fields in an object of their own.
fn member(json: &Value, name: &str) -> Option<String> {
    let object = json.as_object()?;
    let own = object.get(name).and_then(Value::as_str).map(str::to_owned);
    own.or_else(|| object.values().find_map(|value| member(value, name)))
}
