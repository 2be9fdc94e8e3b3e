//! One broker: a process with a folder.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{libs::KafkaLibs, settings::KafkaOptions};
use crate::{
    ServiceError,
    process::{self, Signal},
};

/// How long a broker may take to hand its partitions over and end; it is killed after that.
const END: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Broker {
    folder: PathBuf,
    /// Kept to be waited for: a child that ended and was not waited for still has its number.
    child: Option<Child>,
}

impl Broker {
    /// The broker with an index, of a cluster whose files are in a folder.
    pub(super) fn new(cluster: &Path, index: usize) -> Self {
        Self { folder: cluster.join(format!("broker-{index}")), child: None }
    }

    /// All brokers whose files are in a folder.
    pub(super) fn all_in(cluster: &Path) -> Vec<Self> {
        let brokers = (0..).map(|index| Self::new(cluster, index));
        brokers.take_while(|broker| broker.folder.is_dir()).collect()
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn settings(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    /// Writes the settings.
    pub(super) fn configure(&self, properties: &str) -> Result<(), ServiceError> {
        let cannot = || ServiceError::io(format!("write to {}", self.folder.display()));
        fs::create_dir_all(&self.folder).map_err(cannot())?;
        fs::write(self.settings(), properties).map_err(cannot())
    }

    /// Begins to prepare the data folder, unless it is prepared.
    pub(super) fn format(&self, libs: &KafkaLibs, cluster_id: &str, options: &KafkaOptions) -> Formatting {
        if self.data().join("meta.properties").exists() {
            return Formatting(None);
        }
        let mut format = libs.java(options.heap_mb);
        format.args(["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c"]).arg(self.settings());
        if let Some(sasl) = &options.sasl {
            for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
                format.arg("--add-scram");
                format.arg(format!("{mechanism}=[name={},password={}]", sasl.user, sasl.password));
            }
        }
        Formatting(Some(std::thread::spawn(move || process::run(&mut format).map(drop))))
    }

    /// Starts the process with Kafka's Java; whether it answers is another question. Its output goes to a file, and signals to this
    /// process's group do not reach it: it may have to live longer.
    pub(super) fn start(&mut self, mut java: Command) -> Result<(), ServiceError> {
        let cannot = || ServiceError::io(format!("start Kafka in {}", self.folder.display()));
        let log = File::options().create(true).append(true).open(self.log()).map_err(cannot())?;
        java.arg("kafka.Kafka").arg(self.settings()).current_dir("/").process_group(0);
        java.stdout(log.try_clone().map_err(cannot())?).stderr(Stdio::from(log));
        let child = java.spawn().map_err(cannot())?;
        fs::write(self.folder.join("pid"), child.id().to_string()).map_err(cannot())?;
        self.child = Some(child);
        Ok(())
    }

    /// Its process, if it runs.
    pub(super) fn process(&mut self) -> Option<u32> {
        if let Some(child) = &mut self.child {
            // Its command line says nothing yet while it is being started.
            if matches!(child.try_wait(), Ok(None)) {
                return Some(child.id());
            }
            self.child = None;
        }
        let process = fs::read_to_string(self.folder.join("pid")).ok()?.trim().parse().ok()?;
        process::runs_with(process, self.settings().to_str()?).then_some(process)
    }

    pub(super) fn signal(&mut self, signal: Signal) {
        if let Some(process) = self.process() {
            signal.send(&[process]);
        }
    }

    /// Lets it hand over what it leads, and waits for its end.
    pub(super) fn stop(&mut self) {
        // A frozen one does not hear.
        self.signal(Signal::Cont);
        self.signal(Signal::Term);
        if !self.has_ended() {
            self.kill();
        }
    }

    /// SIGKILL. Returns when it is gone.
    pub(super) fn kill(&mut self) {
        self.signal(Signal::Kill);
        if !self.has_ended() {
            eprintln!("Kafka in {} does not die", self.folder.display());
        }
    }

    fn has_ended(&mut self) -> bool {
        process::until(END, || self.process().is_none().then_some(())).is_some()
    }
}

/// A data folder that is being prepared.
pub(super) struct Formatting(Option<std::thread::JoinHandle<Result<(), ServiceError>>>);

impl Formatting {
    pub(super) fn finish(self) -> Result<(), ServiceError> {
        let panicked = |_| ServiceError::Failed { program: "kafka.tools.StorageTool".into(), said: "a panic".into() };
        self.0.map_or(Ok(()), |thread| thread.join().map_err(panicked)?)
    }
}

/// Kills the brokers whose files are in a folder.
pub(crate) fn kill_in(cluster: &Path) {
    Broker::all_in(cluster).iter_mut().for_each(Broker::kill);
}
