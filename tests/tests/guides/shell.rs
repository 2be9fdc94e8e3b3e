//! A shell that is typed into.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// How long a command may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often it is looked at what a command has printed so far.
const PAUSE: Duration = Duration::from_millis(20);

/// How long what was begun may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(10);

/// Begins the line that tells that a command has ended.
const END: char = '\u{1}';

/// A bash. Dropping it ends it, with everything that was begun in it.
pub(crate) struct Shell {
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: Arc<Mutex<Vec<String>>>,
    /// How much had been printed when the command was begun that goes on.
    before: usize,
}

impl Shell {
    /// A shell in a folder, with these variables.
    pub(crate) fn new(folder: &Path, variables: &[(String, String)]) -> Self {
        let mut command = e2e_tests::without_settings("bash");
        command
            .args(["--noprofile", "--norc", "-s"])
            .current_dir(folder)
            .envs(variables.iter().cloned())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("bash starts");
        let output = child.stdout.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                told.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
                // Nobody may be waiting any more.
                let _ = sender.send(line);
            }
        });
        let mut shell = Self { child, lines, seen, before: 0 };
        shell.write("exec 2>&1\n");
        shell
    }

    fn write(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        input.write_all(text.as_bytes()).and_then(|()| input.flush()).expect("bash reads");
    }

    /// Does a command and answers how it ended, with what it printed.
    pub(crate) fn run(&mut self, typed: &str) -> (i32, Vec<String>) {
        self.write(&format!("eval {} </dev/null; printf '\\n{END}%s\\n' \"$?\"\n", quoted(typed)));
        let (until, mut printed) = (Instant::now() + PATIENCE, Vec::new());
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("'{typed}' does not end within {PATIENCE:?}; it has printed\n{}", printed.join("\n"));
            };
            if let Some(status) = line.strip_prefix(END) {
                // The line break before the mark is ours.
                if printed.last().is_some_and(String::is_empty) {
                    printed.pop();
                }
                return (status.parse().unwrap_or(-1), printed);
            }
            printed.push(line);
        }
    }

    /// Begins a command that goes on, and waits until what it has printed is enough.
    pub(crate) fn begin(&mut self, typed: &str, enough: impl Fn(&[String]) -> bool) {
        self.before = self.seen().len();
        self.write(&format!("eval {} </dev/null\nprintf '\\n{END}%s\\n' \"$?\"\n", quoted(typed)));
        self.wait(&format!("'{typed}'"), enough);
    }

    /// Waits until what the command that goes on has printed is enough.
    pub(crate) fn wait(&self, what: &str, enough: impl Fn(&[String]) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let seen = self.seen().split_off(self.before);
            if enough(&seen) {
                return;
            }
            let ended = seen.iter().any(|line| line.starts_with(END));
            let all = seen.join("\n");
            assert!(!ended && Instant::now() < until, "{what} does not show what the guide shows, but\n{all}");
            thread::sleep(PAUSE);
        }
    }

    /// Tells everything that was begun in it to end.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} -{}", self.child.id());
        // There may be nothing left.
        let _told = Command::new("bash").args(["-c", &kill]).stderr(Stdio::null()).status();
    }

    /// Everything that was printed so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.signal("TERM");
        // What listens on an address must be gone before the next guide begins.
        let until = Instant::now() + GRACE;
        while is_alive(self.child.id()) {
            if Instant::now() > until {
                self.signal("KILL");
                break;
            }
            thread::sleep(PAUSE);
        }
        let _status = self.child.wait();
    }
}

/// Whether a process of the group does anything yet. Those that have ended and that nobody has asked for their status do not.
fn is_alive(group: u32) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    // Behind the program's name, which may hold anything: the state, the parent, the group.
    stats.filter_map(|stat| stat.rsplit_once(')').map(|(_, rest)| rest.to_owned())).any(|rest| {
        let mut fields = rest.split_whitespace();
        let has_ended = fields.next().is_none_or(|state| state == "Z" || state == "X");
        !has_ended && fields.nth(1).is_some_and(|of| of == group.to_string())
    })
}

/// As one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
