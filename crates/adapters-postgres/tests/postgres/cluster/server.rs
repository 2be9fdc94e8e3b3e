//! The server of the tests: found, or started by whoever comes first.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

const MISSING: &str = "\n\nThese tests need a PostgreSQL server, and no server binaries were found (pg_config --bindir, \
                       /usr/lib/postgresql/*/bin, PATH).\nInstall them with\n\n    apt-get install postgresql\n\nor name a \
                       server in DATABASE_URL whose user may create databases.\n";

/// The URL of a database of the server.
pub(super) fn url_of(database: &str) -> String {
    static BASE: OnceLock<String> = OnceLock::new();
    let base = BASE.get_or_init(|| match given() {
        Some(url) => without_database(&url),
        None => format!("postgres://postgres@127.0.0.1:{}", private()),
    });
    match base.split_once('?') {
        Some((base, settings)) => format!("{base}/{database}?{settings}"),
        None => format!("{base}/{database}"),
    }
}

/// Whether the server is the tests' own.
pub(super) fn is_private() -> bool {
    given().is_none()
}

fn given() -> Option<String> {
    std::env::var_os("DATABASE_URL").and_then(|url| url.into_string().ok())
}

/// `scheme://user@host:port?settings` of a URL that names a database too.
fn without_database(url: &str) -> String {
    let (place, settings) = url.split_once('?').map_or((url, None), |(place, settings)| (place, Some(settings)));
    let (scheme, rest) = place.split_once("://").unwrap_or(("postgres", place));
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    settings.map_or_else(|| format!("{scheme}://{host}"), |settings| format!("{scheme}://{host}?{settings}"))
}

/// The port of the private server, which runs when this returns.
fn private() -> u16 {
    let server = Server::find();
    // One process starts it; the others wait here and find it running.
    let lock = File::create(server.folder.join("lock")).expect("the folder of the server can be written to");
    lock.lock().expect("the folder of the server can be locked");
    if let Some(port) = server.running() {
        return port;
    }
    server.start()
}

struct Server {
    folder: PathBuf,
    bin: PathBuf,
    /// Whose the server is: PostgreSQL refuses to run as root.
    user: Option<(u32, u32)>,
}

impl Server {
    fn find() -> Self {
        let bin = binaries().unwrap_or_else(|| panic!("{MISSING}"));
        let user = is_root().then(unprivileged);
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("target"));
        let target = target.filter(|target| target.is_dir()).last().unwrap_or_else(std::env::temp_dir);
        // A checkout in root's home cannot be entered by anybody else.
        let folders = [target.join("postgres"), std::env::temp_dir().join("orrery-test-postgres")];
        let usable = folders.into_iter().map(|folder| Self { folder, bin: bin.clone(), user }).find(Self::is_usable);
        usable.expect("there is a folder that the server's user can write to")
    }

    fn is_usable(&self) -> bool {
        if fs::create_dir_all(&self.folder).is_err() {
            return false;
        }
        if let Some((user, group)) = self.user {
            std::os::unix::fs::chown(&self.folder, Some(user), Some(group)).expect("root may give a folder away");
        }
        let mut test = self.command("/usr/bin/test");
        test.arg("-w").arg(&self.folder).status().is_ok_and(|status| status.success())
    }

    /// A command as the server's user, in a folder that everybody may enter, without this process's output: whatever
    /// inherits that keeps `cargo test` waiting for its end.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env("LC_ALL", "C");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn running(&self) -> Option<u16> {
        let status = self.command("pg_ctl").arg("-D").arg(self.data()).arg("status").status();
        status.is_ok_and(|status| status.success()).then(|| {
            let facts = fs::read_to_string(self.data().join("postmaster.pid")).expect("a running server says its port");
            facts.lines().nth(3).and_then(|port| port.parse().ok()).expect("the port is in the fourth line")
        })
    }

    fn start(&self) -> u16 {
        if !self.data().join("PG_VERSION").exists() {
            let mut initdb = self.command("initdb");
            initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
            let status = initdb.arg("-D").arg(self.data()).status().expect("initdb can be started");
            assert!(status.success(), "initdb failed; try it by hand in {}", self.folder.display());
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("there is a free port").port();
        let settings = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200 -c fsync=off \
             -c synchronous_commit=off -c full_page_writes=off"
        );
        let log = self.folder.join("log");
        let mut start = self.command("pg_ctl");
        start.args(["start", "-w", "-t", "60", "-o", &settings]).arg("-l").arg(&log).arg("-D").arg(self.data());
        let status = start.status().expect("pg_ctl can be started");
        assert!(status.success(), "the test server does not start; see {}", log.display());
        port
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// The user and group of PostgreSQL's own account, else of nobody.
fn unprivileged() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").expect("the system has users");
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).expect("there is a user other than root")
}

/// The folder of `initdb` and `pg_ctl`.
fn binaries() -> Option<PathBuf> {
    let has_them = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("pg_ctl").exists();
    let said = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output().ok();
    let said = said.and_then(|said| String::from_utf8(said.stdout).ok()).map(|path| PathBuf::from(path.trim()));
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    said.into_iter().chain(debian.into_iter().rev()).chain(std::env::split_paths(&path)).find(has_them)
}
