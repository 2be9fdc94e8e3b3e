//! Brokers of one's own: each can be stopped, killed, frozen, and started again on the same ports and data.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    authority::Authority,
    broker::{Broker, Formatting},
    libs::KafkaLibs,
    settings::{self, KafkaOptions, Ports},
    wire,
};
use crate::{
    ServiceError, ports,
    process::{self, Signal},
    temporary::{self, Temporary},
};

/// How long brokers may take to answer; a busy machine with two cores needs ten seconds for three.
const START: Duration = Duration::from_secs(90);

/// How long a new topic may be without leaders.
const LEADERS: Duration = Duration::from_secs(30);

/// The name of the cluster; it must be a UUID in base 64, and the same for all brokers.
const CLUSTER: &str = "b3JyZXJ5LWRldi1rYWZrYQ";

/// How many brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brokers {
    /// One, which keeps the only copy of everything.
    One,
    /// Three, with three copies of everything, two of which must confirm a record (`acks=all`).
    Three,
}

/// A cluster in `KRaft` mode on ports of the loopback address; each of its brokers is a controller too. Brokers have the
/// indexes 0, 1 and 2; an index that there is not panics.
#[derive(Debug)]
pub struct Kafka {
    libs: KafkaLibs,
    brokers: Vec<Broker>,
    ports: Vec<Ports>,
    options: KafkaOptions,
    authority: Option<Authority>,
    stops: bool,
    // Last, so that the brokers have ended when their files go.
    #[expect(dead_code, reason = "it is there to be dropped")]
    temporary: Option<Temporary>,
}

impl Kafka {
    /// A new cluster whose files go with it.
    pub fn temporary(brokers: Brokers, options: KafkaOptions) -> Result<Self, ServiceError> {
        let temporary = Temporary::new(temporary::KAFKA, None)?;
        let folder = temporary.path().to_owned();
        Self::with(&folder, brokers, options, Some(temporary))
    }

    /// The cluster whose files are in a folder, which is made if need be. It keeps its ports if they are still free.
    /// Returns when all brokers know each other and answer; fails if any of them runs already. Dropping it kills them, unless they are
    /// [left running](Self::leave_running); the files stay.
    pub fn start(folder: &Path, brokers: Brokers, options: KafkaOptions) -> Result<Self, ServiceError> {
        Self::with(folder, brokers, options, None)
    }

    fn with(
        folder: &Path,
        brokers: Brokers,
        options: KafkaOptions,
        temporary: Option<Temporary>,
    ) -> Result<Self, ServiceError> {
        if Self::running_in(folder).is_some() {
            return Err(ServiceError::Runs { folder: folder.to_owned() });
        }
        let libs = KafkaLibs::prepare()?;
        let count = match brokers {
            Brokers::One => 1,
            Brokers::Three => 3,
        };
        let ports = ports_of(folder, count)?;
        let brokers: Vec<_> = (0..count).map(|index| Broker::new(folder, index)).collect();
        let authority = options.tls.then(|| Authority::of(folder)).transpose()?;
        let mut cluster = Self { libs, brokers, ports, options, authority, stops: true, temporary };
        for (index, broker) in cluster.brokers.iter().enumerate() {
            broker.configure(&settings::properties(
                index,
                &cluster.ports,
                &cluster.options,
                cluster.authority.as_ref(),
                &broker.data(),
            ))?;
        }
        let format = |broker: &Broker| broker.format(&cluster.libs, CLUSTER, &cluster.options);
        let formatting: Vec<_> = cluster.brokers.iter().map(format).collect();
        formatting.into_iter().try_for_each(Formatting::finish)?;
        for broker in &mut cluster.brokers {
            broker.start(cluster.libs.java(cluster.options.heap_mb))?;
        }
        for index in 0..count {
            cluster.wait_for(index, count)?;
        }
        Ok(cluster)
    }

    /// Where clients find the cluster: all brokers, `127.0.0.1:port`, separated by commas; also those that do not run.
    pub fn bootstrap(&self) -> String {
        joined(self.ports.iter().map(|ports| ports.plain))
    }

    /// The same for clients that say who they are, if [`KafkaOptions::sasl`] names somebody.
    pub fn sasl_bootstrap(&self) -> Option<String> {
        self.options.sasl.is_some().then(|| joined(self.ports.iter().map(|ports| ports.sasl)))
    }

    /// The same for clients that want encryption, if [`KafkaOptions::tls`] does.
    pub fn tls_bootstrap(&self) -> Option<String> {
        self.options.tls.then(|| joined(self.ports.iter().map(|ports| ports.tls)))
    }

    /// The certificate (PEM) of the authority that vouches for the brokers, if [`KafkaOptions::tls`] has one made.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.authority.as_ref().map(Authority::certificate)
    }

    /// That of an authority which vouches for none of them.
    pub fn strangers_ca_file(&self) -> Option<PathBuf> {
        self.authority.as_ref().map(Authority::strangers_certificate)
    }

    /// Makes a topic and waits until each partition has a leader.
    pub fn create_topic(&self, name: &str, partitions: i32, copies: i16) -> Result<(), ServiceError> {
        create_topic(&self.bootstrap(), name, partitions, copies)
    }

    /// The index of the broker that leads a partition at this moment, if one does.
    pub fn leader(&self, topic: &str, partition: usize) -> Result<Option<usize>, ServiceError> {
        let metadata = wire::metadata(&self.bootstrap(), Some(topic))?;
        let number = metadata.leaders.get(partition).copied().flatten();
        Ok(number.and_then(|number| usize::try_from(number - 1).ok()))
    }

    /// How many copies of a partition are in sync at this moment.
    pub fn in_sync(&self, topic: &str, partition: usize) -> Result<usize, ServiceError> {
        let metadata = wire::metadata(&self.bootstrap(), Some(topic))?;
        Ok(metadata.in_sync.get(partition).copied().unwrap_or(0))
    }

    /// Lets a broker hand over what it leads, and waits for its end.
    pub fn stop_broker(&mut self, index: usize) {
        self.brokers[index].stop();
    }

    /// SIGKILL. Returns when the process is gone. The cluster misses it after six seconds (`broker.session.timeout.ms`):
    /// only then others lead its partitions, and only then it may come back.
    pub fn kill_broker(&mut self, index: usize) {
        self.brokers[index].kill();
    }

    /// Freezes a broker: connections stay, and nothing answers.
    pub fn pause_broker(&mut self, index: usize) {
        self.brokers[index].signal(Signal::Stop);
    }

    /// Lets a frozen broker go on.
    pub fn resume_broker(&mut self, index: usize) {
        self.brokers[index].signal(Signal::Cont);
    }

    /// Starts a broker again, on the same ports and data. Returns when it answers and the cluster counts it among the
    /// living, which takes a majority of the brokers; without one, use [`start_brokers`](Self::start_brokers).
    pub fn start_broker(&mut self, index: usize) -> Result<(), ServiceError> {
        self.start_brokers(&[index])
    }

    /// Starts several at once. Those that run are left alone.
    pub fn start_brokers(&mut self, indexes: &[usize]) -> Result<(), ServiceError> {
        for index in indexes {
            if !self.is_running(*index) {
                self.brokers[*index].start(self.libs.java(self.options.heap_mb))?;
            }
        }
        indexes.iter().try_for_each(|index| self.wait_for(*index, 1))
    }

    /// Whether a broker's process is there, perhaps frozen.
    pub fn is_running(&mut self, index: usize) -> bool {
        self.brokers[index].process().is_some()
    }

    /// What a broker logs.
    pub fn log(&self, index: usize) -> PathBuf {
        self.brokers[index].log()
    }

    /// Kafka's jars, to run its console tools.
    pub fn libs(&self) -> &KafkaLibs {
        &self.libs
    }

    /// Lets the brokers run on without this value. [`stop_in`](Self::stop_in) ends them.
    pub fn leave_running(mut self) {
        self.stops = false;
    }

    /// Where the cluster listens whose files are in a folder, if any of its brokers runs.
    pub fn running_in(folder: &Path) -> Option<String> {
        let runs = Broker::all_in(folder).iter_mut().any(|broker| broker.process().is_some());
        runs.then(|| joined(kept_ports(folder).into_iter().map(|ports| ports.plain)))
    }

    /// Stops the brokers whose files are in a folder; says whether any ran.
    pub fn stop_in(folder: &Path) -> bool {
        let mut brokers = Broker::all_in(folder);
        let ran = brokers.iter_mut().any(|broker| broker.process().is_some());
        brokers.iter_mut().for_each(Broker::stop);
        ran
    }

    /// How many brokers live, as the first one that answers says. Any cluster may be asked that wants no password.
    pub fn living_at(bootstrap: &str) -> Result<usize, ServiceError> {
        wire::metadata(bootstrap, None).map(|metadata| metadata.brokers.len())
    }

    /// Until a broker answers, counts itself among the living, and knows so many of them.
    fn wait_for(&mut self, index: usize, living: usize) -> Result<(), ServiceError> {
        let port = self.ports[index].plain;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string();
        let number = i32::try_from(index + 1).unwrap_or(i32::MAX);
        let broker = &mut self.brokers[index];
        let mut died = false;
        let answers = process::until(START, || {
            died = broker.process().is_none();
            // A cheap look first: the protocol's request waits longer for an answer.
            let listens = TcpStream::connect(&address).is_ok();
            let known = listens.then(|| wire::metadata(&address, None).ok()).flatten().unwrap_or_default().brokers;
            (died || (known.contains(&number) && known.len() >= living)).then_some(())
        });
        if died || answers.is_none() {
            let what = format!("the Kafka broker {index}{}", if died { ", which ended," } else { "" });
            return Err(ServiceError::NotReady { what, within: START, log: broker.log() });
        }
        Ok(())
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        if self.stops {
            // All at once: one alone would wait for the others.
            self.brokers.iter_mut().for_each(|broker| broker.signal(Signal::Kill));
            self.brokers.iter_mut().for_each(Broker::kill);
        }
    }
}

/// Makes a topic on any cluster and waits until each partition has a leader.
pub(super) fn create_topic(bootstrap: &str, name: &str, partitions: i32, copies: i16) -> Result<(), ServiceError> {
    wire::create_topic(bootstrap, name, partitions, copies)?;
    let led = process::until(LEADERS, || {
        let leaders = wire::metadata(bootstrap, Some(name)).ok()?.leaders;
        (!leaders.is_empty() && leaders.iter().all(Option::is_some)).then_some(())
    });
    led.ok_or_else(|| ServiceError::Topic {
        topic: name.to_owned(),
        code: 0,
        message: format!("its partitions have no leaders after {} s", LEADERS.as_secs()),
    })
}

fn joined(ports: impl Iterator<Item = u16>) -> String {
    ports.map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
}

/// The ports that a cluster had, if they are free and it had as many brokers; otherwise new ones, which are written down.
fn ports_of(folder: &Path, count: usize) -> Result<Vec<Ports>, ServiceError> {
    let kept = kept_ports(folder);
    let is_free = |p: &Ports| [p.plain, p.controller, p.sasl, p.tls].into_iter().all(ports::is_free);
    if kept.len() == count && kept.iter().all(is_free) {
        return Ok(kept);
    }
    let new = || {
        let (plain, controller) = (ports::free()?, ports::free()?);
        Ok(Ports { plain, controller, sasl: ports::free()?, tls: ports::free()? })
    };
    let all = (0..count).map(|_| new()).collect::<Result<Vec<_>, ServiceError>>()?;
    let lines: Vec<_> = all.iter().map(|p| format!("{} {} {} {}", p.plain, p.controller, p.sasl, p.tls)).collect();
    let cannot = || ServiceError::io(format!("write to {}", folder.display()));
    fs::create_dir_all(folder).map_err(cannot())?;
    fs::write(folder.join("ports"), lines.join("\n")).map_err(cannot())?;
    Ok(all)
}

fn kept_ports(folder: &Path) -> Vec<Ports> {
    let text = fs::read_to_string(folder.join("ports")).unwrap_or_default();
    let ports = text.lines().filter_map(|line| {
        let mut numbers = line.split(' ').filter_map(|number| number.parse().ok());
        let (plain, controller) = (numbers.next()?, numbers.next()?);
        Some(Ports { plain, controller, sasl: numbers.next()?, tls: numbers.next()? })
    });
    ports.collect()
}
