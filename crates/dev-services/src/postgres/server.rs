//! A server of one's own: it can be stopped, killed, frozen, and started again on the same port and data.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{binaries::PostgresBinaries, sql};
use crate::{
    ServiceError, places,
    places::User,
    ports,
    process::{self, Signal},
    temporary::{self, Temporary},
};

/// How long a server may take to recover and answer, or to end.
const PATIENCE: &str = "60";

/// How long killed processes may take to be gone.
const GONE: Duration = Duration::from_secs(20);

/// No process has this number: Linux counts to 2^22.
const NOBODY: u32 = (1 << 22) + 1;

/// Whether commits survive a power failure. A killed server loses none either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As in production.
    On,
    /// Nothing is synced to the disk: for tests of what commits do, not of whether they last.
    Off,
}

/// How a server is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Connections are cut, transactions are rolled back, everything is written.
    Fast,
    /// It drops everything; the next start recovers.
    Immediate,
}

/// A private server on a port of the loopback address, with a superuser `postgres` that needs no password.
#[derive(Debug)]
pub struct Postgres {
    binaries: PostgresBinaries,
    user: Option<User>,
    folder: PathBuf,
    durability: Durability,
    port: u16,
    stops: bool,
    // Last, so that the server has ended when its files go.
    temporary: Option<Temporary>,
}

impl Postgres {
    /// A new server whose files go with it. Dropping it kills it.
    pub fn temporary(durability: Durability) -> Result<Self, ServiceError> {
        let binaries = PostgresBinaries::find()?;
        let temporary = Temporary::new(temporary::POSTGRES, User::for_servers())?;
        let folder = temporary.path().to_owned();
        Self::with(binaries, folder, durability, Some(temporary))
    }

    /// The server whose files are in a folder, which is made if need be; it keeps its port if that is still free, or runs
    /// already. Dropping this stops it, unless it is [left running](Self::leave_running). If this process is root, the
    /// folder is given to the user that the server runs as.
    pub fn in_folder(folder: &Path, durability: Durability) -> Result<Self, ServiceError> {
        Self::with(PostgresBinaries::find()?, folder.to_owned(), durability, None)
    }

    fn with(
        binaries: PostgresBinaries,
        folder: PathBuf,
        durability: Durability,
        temporary: Option<Temporary>,
    ) -> Result<Self, ServiceError> {
        let user = User::for_servers();
        if !places::claim(&folder, user) {
            return Err(ServiceError::NoFolder { tried: folder });
        }
        let mut server = Self { binaries, user, folder, durability, port: 0, stops: true, temporary };
        server.make_data()?;
        if let Some(port) = running_in(&server.folder) {
            server.port = port;
            return Ok(server);
        }
        let kept = fs::read_to_string(server.port_file()).ok().and_then(|port| port.trim().parse().ok());
        server.port = match kept.filter(|port| ports::is_free(*port)) {
            Some(port) => port,
            None => ports::free()?,
        };
        let port_file = server.port_file();
        fs::write(&port_file, server.port.to_string()).map_err(cannot_write(&port_file))?;
        server.start()?;
        Ok(server)
    }

    fn make_data(&self) -> Result<(), ServiceError> {
        if self.data().join("PG_VERSION").exists() {
            return Ok(());
        }
        // What an initdb has left that was killed half-way.
        let _removed = fs::remove_dir_all(self.data());
        let mut initdb = self.binaries.command("initdb", self.user);
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        process::run(piped(initdb.arg("-D").arg(self.data())))?;
        Ok(())
    }

    /// Starts it again, on the same port and data, and waits until it answers. Nothing happens if it runs.
    pub fn start(&mut self) -> Result<(), ServiceError> {
        if self.is_running() {
            return Ok(());
        }
        let durable = match self.durability {
            Durability::On => "",
            Durability::Off => " -c fsync=off -c synchronous_commit=off -c full_page_writes=off",
        };
        let settings = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200{durable}",
            self.port
        );
        let mut start = self.binaries.command("pg_ctl", self.user);
        start.args(["start", "-w", "-t", PATIENCE, "-o", &settings]).arg("-l").arg(self.log());
        let status = start.arg("-D").arg(self.data()).status().map_err(ServiceError::io("run pg_ctl"))?;
        if !status.success() {
            let said = format!("{status}; see {}", self.log().display());
            return Err(ServiceError::Failed { program: "pg_ctl start".to_owned(), said });
        }
        Ok(())
    }

    /// Asks it to end, and waits until it has. Nothing happens if it does not run.
    pub fn stop(&mut self, how: Shutdown) -> Result<(), ServiceError> {
        if !self.is_running() {
            return Ok(());
        }
        self.resume();
        let mode = match how {
            Shutdown::Fast => "--mode=fast",
            Shutdown::Immediate => "--mode=immediate",
        };
        let mut stop = self.binaries.command("pg_ctl", self.user);
        process::run(piped(stop.args(["stop", "-w", "-t", PATIENCE, mode, "-D"]).arg(self.data())))?;
        Ok(())
    }

    /// SIGKILL to all its processes: what it had not written is lost. Returns when they are gone.
    pub fn kill(&mut self) {
        kill_in(&self.folder);
    }

    /// Freezes it: connections stay, and nothing answers.
    pub fn pause(&self) {
        Signal::Stop.send(&processes(&self.folder));
    }

    /// Lets a frozen server go on.
    pub fn resume(&self) {
        Signal::Cont.send(&processes(&self.folder));
    }

    /// Whether it runs, perhaps frozen.
    pub fn is_running(&self) -> bool {
        running_in(&self.folder).is_some()
    }

    /// Where it listens, on 127.0.0.1; the same for as long as this lives.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How to connect to one of its databases; `postgres` is always there.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// What the server logs.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Makes a database if it is not there, and says how to connect to it. The name must be a plain word: it is not
    /// quoted.
    pub fn create_database(&self, name: &str) -> Result<String, ServiceError> {
        let (admin, name) = (self.url("postgres"), name.to_owned());
        let url = self.url(&name);
        sql::on_its_own_thread(async move { sql::create_database(&admin, &name).await })?;
        Ok(url)
    }

    /// Lets it run on without this value. [`stop_in`](Self::stop_in) ends it.
    pub fn leave_running(mut self) {
        self.stops = false;
    }

    /// The port of the server whose files are in a folder, if it runs.
    pub fn running_in(folder: &Path) -> Option<u16> {
        running_in(folder)
    }

    /// Stops the server whose files are in a folder; says whether it ran.
    pub fn stop_in(folder: &Path) -> Result<bool, ServiceError> {
        let Some(port) = running_in(folder) else { return Ok(false) };
        let (binaries, user, folder) = (PostgresBinaries::find()?, User::for_servers(), folder.to_owned());
        let durability = Durability::On;
        let mut server = Self { binaries, user, folder, durability, port, stops: false, temporary: None };
        server.stop(Shutdown::Fast).map(|()| true)
    }

    /// Whether a server lets somebody in with this URL. Any server may be asked.
    pub fn answers_at(url: &str) -> Result<(), ServiceError> {
        let url = url.to_owned();
        sql::on_its_own_thread(async move { sql::run(&url, "SELECT 1").await })
    }

    fn data(&self) -> PathBuf {
        data(&self.folder)
    }

    fn port_file(&self) -> PathBuf {
        self.folder.join("port")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if !self.stops {
            return;
        }
        if self.temporary.is_some() || self.stop(Shutdown::Fast).is_err() {
            self.kill();
        }
    }
}

/// Kills the server whose files are in a folder.
pub(crate) fn kill_in(folder: &Path) {
    let Some((postmaster, _)) = postmaster(folder) else { return };
    // A frozen one starts no more children.
    Signal::Stop.send(&[postmaster]);
    let processes = processes(folder);
    Signal::Kill.send(&processes);
    let all_gone = || processes.iter().all(|process| !process::is_alive(*process)).then_some(());
    if process::until(GONE, all_gone).is_none() {
        eprintln!("PostgreSQL in {} does not die", folder.display());
        return;
    }
    bury(folder, postmaster);
}

/// In a container whose first process waits for nobody, the number of a dead postmaster is never free again, and the next
/// one would take it for alive. With another number in the file, it clears up after the dead one as it does elsewhere.
fn bury(folder: &Path, postmaster: u32) {
    let file = data(folder).join("postmaster.pid");
    let Ok(facts) = fs::read_to_string(&file) else { return };
    if let Some(rest) = facts.strip_prefix(&postmaster.to_string()) {
        // If this fails, the next start says so.
        let _written = fs::write(&file, format!("{NOBODY}{rest}"));
    }
}

/// The postmaster and its children.
fn processes(folder: &Path) -> Vec<u32> {
    let Some((postmaster, _)) = postmaster(folder) else { return Vec::new() };
    std::iter::once(postmaster).chain(process::children(postmaster)).collect()
}

fn running_in(folder: &Path) -> Option<u16> {
    postmaster(folder).map(|(_, port)| port)
}

/// The process and the port of the server whose files are in a folder, from the file that it keeps while it runs (and
/// that a killed one leaves).
fn postmaster(folder: &Path) -> Option<(u32, u16)> {
    let data = data(folder);
    let facts = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let process = facts.lines().next()?.trim().parse().ok()?;
    let port = facts.lines().nth(3)?.trim().parse().ok()?;
    process::runs_with(process, data.to_str()?).then_some((process, port))
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// The output is wanted after all, for errors.
fn piped(command: &mut Command) -> &mut Command {
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped())
}

fn cannot_write(path: &Path) -> impl FnOnce(std::io::Error) -> ServiceError + use<> {
    ServiceError::io(format!("write {}", path.display()))
}
