//! Processes that are not, or not only, children of this one: signals, what runs, waiting. The only file that pauses.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{ServiceError, environment};

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// How much of a program's output an error shows.
const SHOWN: usize = 2_000;

/// What a process can be told.
#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// End, please.
    Term,
    /// End.
    Kill,
    /// Stand still.
    Stop,
    /// Go on.
    Cont,
}

impl Signal {
    /// Sends it to processes; those that are gone already are no error. The shell's own `kill`, because this workspace
    /// forbids the unsafe call and every machine has a shell.
    pub fn send(self, processes: &[u32]) {
        let name = match self {
            Self::Term => "TERM",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        };
        let numbers = processes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("for p in {numbers}; do kill -{name} $p; done")]).stderr(Stdio::null());
        // What was to be reached by it is waited for by the caller.
        let _status = shell.status();
    }
}

/// Whether a process runs; one that ended and was not waited for does not.
pub(crate) fn is_alive(process: u32) -> bool {
    stat(process).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

/// Whether a process runs with this text in its command line: its number may be another's by now.
pub(crate) fn runs_with(process: u32, text: &str) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    is_alive(process) && String::from_utf8_lossy(&line).contains(text)
}

/// The children of a process.
pub(crate) fn children(of: u32) -> Vec<u32> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    let processes = names.filter_map(|name| name.to_str()?.parse().ok());
    processes.filter(|process| stat(*process).is_some_and(|(_, parent)| parent == of)).collect()
}

/// The state and the parent of a process. The name before them may hold anything, also brackets.
fn stat(process: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Asks again and again; `None` after the deadline.
pub(crate) fn until<T>(within: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        let answer = probe();
        if answer.is_some() || start.elapsed() > within {
            return answer;
        }
        thread::sleep(PAUSE);
    }
}

/// Runs a program to its end; an error shows what it said last.
pub(crate) fn run(command: &mut Command) -> Result<String, ServiceError> {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(ServiceError::io(format!("run {program}")))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let said = stdout + &String::from_utf8_lossy(&output.stderr);
    let end: String = said.trim().chars().rev().take(SHOWN).collect::<Vec<_>>().into_iter().rev().collect();
    Err(ServiceError::Failed { program, said: format!("{}\n{end}", output.status) })
}

/// A program on the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    environment::search_path().into_iter().map(|folder| folder.join(program)).find(|path| path.is_file())
}
