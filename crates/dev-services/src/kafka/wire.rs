//! The three requests of Kafka's protocol that show whether a broker works and that make topics: in milliseconds, where
//! Kafka's own tools need a second for Java alone. The versions are old enough to be simple, and new enough for Kafka 4.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use crate::ServiceError;

/// How long a broker may take for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(2);

/// The largest answer that is believed.
const MOST: usize = 16 << 20;

const METADATA: (i16, i16) = (3, 1);
const CREATE_TOPICS: (i16, i16) = (19, 2);

/// What brokers know about the cluster.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// The numbers of the brokers that live.
    pub(super) brokers: Vec<i32>,
    /// The leader of each partition of the topic that was asked for, if it has one.
    pub(super) leaders: Vec<Option<i32>>,
    /// How many copies of each partition are in sync.
    pub(super) in_sync: Vec<usize>,
}

/// Asks the first broker that answers.
pub(super) fn metadata(bootstrap: &str, topic: Option<&str>) -> Result<Metadata, ServiceError> {
    let mut request = Request::new(METADATA);
    request.i32(i32::from(topic.is_some()));
    if let Some(topic) = topic {
        request.text(topic);
    }
    on_any(bootstrap, |broker| parse_metadata(request.send(broker)?))
}

fn parse_metadata(mut answer: Answer) -> io::Result<Metadata> {
    let mut found = Metadata::default();
    for _ in 0..answer.i32()? {
        found.brokers.push(answer.i32()?);
        answer.text()?;
        answer.i32()?;
        answer.text()?;
    }
    let _controller = answer.i32()?;
    for _ in 0..answer.i32()? {
        let _error = answer.i16()?;
        answer.text()?;
        answer.take(1)?;
        let mut partitions = Vec::new();
        for _ in 0..answer.i32()? {
            let _error = answer.i16()?;
            let (index, leader) = (answer.i32()?, answer.i32()?);
            let _replicas = answer.numbers()?;
            partitions.push((index, Some(leader).filter(|leader| *leader >= 0), answer.numbers()?.len()));
        }
        partitions.sort_by_key(|(index, ..)| *index);
        found.leaders = partitions.iter().map(|(_, leader, _)| *leader).collect();
        found.in_sync = partitions.iter().map(|(.., in_sync)| *in_sync).collect();
    }
    Ok(found)
}

/// Makes a topic.
pub(super) fn create_topic(bootstrap: &str, name: &str, partitions: i32, copies: i16) -> Result<(), ServiceError> {
    let mut request = Request::new(CREATE_TOPICS);
    request.i32(1);
    request.text(name);
    request.i32(partitions);
    request.i16(copies);
    request.i32(0);
    request.i32(0);
    request.i32(10_000);
    request.0.push(0);
    let (code, message) = on_any(bootstrap, |broker| {
        let mut answer = request.send(broker)?;
        let (_throttle, _topics) = (answer.i32()?, answer.i32()?);
        answer.text()?;
        Ok((answer.i16()?, answer.text()?.unwrap_or_default()))
    })?;
    if code == 0 { Ok(()) } else { Err(ServiceError::Topic { topic: name.to_owned(), code, message }) }
}

/// Tries one broker after the other.
fn on_any<T>(bootstrap: &str, ask: impl Fn(&str) -> io::Result<T>) -> Result<T, ServiceError> {
    let mut last = io::Error::other("none is named");
    for broker in bootstrap.split(',').map(str::trim).filter(|broker| !broker.is_empty()) {
        match ask(broker) {
            Ok(answer) => return Ok(answer),
            Err(error) => last = error,
        }
    }
    Err(ServiceError::Broker { bootstrap: bootstrap.to_owned(), source: last })
}

/// A request with its header (version 1), without its length.
struct Request(Vec<u8>);

impl Request {
    fn new((key, version): (i16, i16)) -> Self {
        let mut request = Self(Vec::new());
        request.i16(key);
        request.i16(version);
        request.i32(0);
        request.text("dev-services");
        request
    }

    fn i16(&mut self, number: i16) {
        self.0.extend(number.to_be_bytes());
    }

    fn i32(&mut self, number: i32) {
        self.0.extend(number.to_be_bytes());
    }

    /// Cuts what is too long for the protocol: no topic is.
    fn text(&mut self, text: &str) {
        let length = i16::try_from(text.len()).unwrap_or(i16::MAX);
        self.i16(length);
        self.0.extend(text.bytes().take(usize::from(length.unsigned_abs())));
    }

    fn send(&self, broker: &str) -> io::Result<Answer> {
        let address = broker.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the name has no address"))?;
        let mut stream = TcpStream::connect_timeout(&address, CONNECT)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&u32::try_from(self.0.len()).map_err(io::Error::other)?.to_be_bytes())?;
        stream.write_all(&self.0)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
        if length > MOST {
            return Err(io::Error::other("whoever answers is no Kafka"));
        }
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes)?;
        let mut answer = Answer(bytes.into());
        let _correlation = answer.i32()?;
        Ok(answer)
    }
}

/// What is left to read of an answer.
struct Answer(std::collections::VecDeque<u8>);

impl Answer {
    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > self.0.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.0.drain(..length).collect())
    }

    fn i16(&mut self) -> io::Result<i16> {
        let bytes = self.take(2)?;
        Ok(i16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn i32(&mut self) -> io::Result<i32> {
        let bytes = self.take(4)?;
        Ok(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn text(&mut self) -> io::Result<Option<String>> {
        let length = self.i16()?;
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        Ok(Some(String::from_utf8_lossy(&self.take(length)?).into_owned()))
    }

    fn numbers(&mut self) -> io::Result<Vec<i32>> {
        (0..self.i32()?).map(|_| self.i32()).collect()
    }
}
