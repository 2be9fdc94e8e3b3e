//! Kafka's jars, fetched once by Maven to `target/kafka/libs`, and the Java that runs them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::archive;
use crate::{ServiceError, lock::Lock, places, process};

/// What Kafka 4 needs.
const JAVA: u32 = 17;

/// What is fetched, by its place in the checkout.
const POM: &str = "deploy/dev/kafka/pom.xml";

/// Written into the folder of the jars before the folder gets its name: what it is a copy of.
const STAMP: &str = "pom.xml";

/// Kafka's jars and a Java that runs them.
#[derive(Debug, Clone)]
pub struct KafkaLibs {
    java: PathBuf,
    /// Java's.
    version: String,
    folder: PathBuf,
}

impl KafkaLibs {
    /// Fetches the jars unless they are there; one process does, the others wait. It fails if there is no Java 17, or if
    /// the jars are not there and there is no Maven.
    pub fn prepare() -> Result<Self, ServiceError> {
        let (java, version) = java()?;
        let home = home();
        let folder = home.join("libs");
        let libs = Self { java, version, folder };
        let _lock = Lock::of(&home)?;
        if !Self::are_there() {
            fetch(&libs.folder)?;
        }
        archive::make(&libs)?;
        Ok(libs)
    }

    /// Whether the jars that the checkout asks for are there.
    pub fn are_there() -> bool {
        let stamp = fs::read(home().join("libs").join(STAMP));
        stamp.is_ok_and(|stamp| fs::read(places::workspace().join(POM)).is_ok_and(|pom| pom == stamp))
    }

    /// Fails if this machine has no Java that runs Kafka.
    pub fn check_java() -> Result<(), ServiceError> {
        java().map(drop)
    }

    /// Where the jars are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Java with the jars, to run one of their main classes: small, and quick to start rather than quick after an hour.
    pub fn java(&self, heap_mb: u32) -> Command {
        self.java_with(heap_mb, &format!("-XX:SharedArchiveFile={}", self.archive().display()))
    }

    /// The same, writing an archive when it ends.
    pub(super) fn learning_java(&self, heap_mb: u32, archive: &Path) -> Command {
        self.java_with(heap_mb, &format!("-XX:ArchiveClassesAtExit={}", archive.display()))
    }

    fn java_with(&self, heap_mb: u32, archive: &str) -> Command {
        let mut command = Command::new(&self.java);
        command.arg(archive);
        command.args(["-Xms64m", &format!("-Xmx{heap_mb}m"), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        // An archive of another Java is not used, and not complained about.
        command.args(["-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr"]);
        command.arg(format!("-Dlog4j2.configurationFile={}", self.log_settings().display()));
        command.arg("-cp").arg(self.class_path()).stdin(Stdio::null());
        command
    }

    /// Every jar by name: Java uses its archive only with the very class path that it was made with.
    fn class_path(&self) -> String {
        let jars = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut jars: Vec<_> =
            jars.filter(|path| path.extension().is_some_and(|extension| extension == "jar")).collect();
        jars.sort();
        jars.iter().map(|jar| jar.display().to_string()).collect::<Vec<_>>().join(":")
    }

    fn log_settings(&self) -> PathBuf {
        self.folder.join("log4j2.properties")
    }

    /// Where [`archive`] keeps its file; each version of Java needs its own.
    pub(super) fn archive(&self) -> PathBuf {
        self.folder.join(format!("classes-{}.jsa", self.version))
    }
}

fn home() -> PathBuf {
    let [home, _] = places::candidates("kafka");
    home
}

/// A Java that is new enough, and its version.
fn java() -> Result<(PathBuf, String), ServiceError> {
    let missing = |found: &str| ServiceError::JavaMissing { found: found.to_owned() };
    let java = process::find("java").ok_or_else(|| missing("none"))?;
    // It says its version on the standard error.
    let output = Command::new(&java).arg("-version").stdin(Stdio::null()).output();
    let output = output.map_err(ServiceError::io("run java"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match (version(&said), major(&said)) {
        (Some(version), Some(major)) if major >= JAVA => Ok((java, version.to_owned())),
        _ => Err(missing(said.lines().next().unwrap_or("a java that says nothing"))),
    }
}

fn version(said: &str) -> Option<&str> {
    said.split('"').nth(1)
}

/// From `openjdk version "17.0.15" 2025-04-15`; versions before 9 called themselves `1.8`.
fn major(said: &str) -> Option<u32> {
    version(said)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A half-finished download has another name than a finished one.
fn fetch(folder: &Path) -> Result<(), ServiceError> {
    let pom = places::workspace().join(POM);
    let maven = process::find("mvn").ok_or(ServiceError::MavenMissing)?;
    let part = folder.with_extension("part");
    for old in [&part, &folder.to_path_buf()] {
        if old.exists() {
            fs::remove_dir_all(old).map_err(ServiceError::io(format!("remove {}", old.display())))?;
        }
    }
    let mut copy = Command::new(maven);
    copy.args(["--quiet", "--batch-mode", "--file"]).arg(&pom);
    copy.args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
    process::run(copy.arg(format!("-DoutputDirectory={}", part.display())))?;
    let cannot = || ServiceError::io(format!("write to {}", part.display()));
    fs::write(part.join("log4j2.properties"), LOGGING).map_err(cannot())?;
    fs::copy(&pom, part.join(STAMP)).map_err(cannot())?;
    fs::rename(&part, folder).map_err(cannot())
}

/// To the standard output, which is a file.
const LOGGING: &str = "rootLogger.level = info
rootLogger.appenderRefs = stdout
rootLogger.appenderRef.stdout.ref = STDOUT
appender.console.type = Console
appender.console.name = STDOUT
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %m (%c)%n
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_java_is_its_first_number() {
        assert_eq!(major("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime"), Some(17));
        assert_eq!(major("java version \"1.8.0_292\""), Some(1));
        assert_eq!(major("openjdk version \"25-ea\" 2025-09-16"), Some(25));
        assert_eq!(major("no such file"), None);
    }
}
