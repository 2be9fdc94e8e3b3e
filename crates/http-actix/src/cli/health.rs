//! `orrery health`: asks a server of this machine how it is, for containers that hold nothing else to ask with.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;

/// How long the answer may take: whoever asks is waited for too.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most of an answer that is read.
const MOST: u64 = 64 * 1024;

#[derive(Args)]
pub(crate) struct Health {
    /// Where the server listens, as it was told itself.
    #[arg(long, env = "ORRERY_LISTEN", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// Ask whether it can work, and not only whether it is there.
    #[arg(long)]
    ready: bool,
}

impl Health {
    /// What it says; an error if that is not good.
    pub(crate) fn ask(&self) -> anyhow::Result<String> {
        let (at, path) = (reachable(self.listen), if self.ready { "/health/ready" } else { "/health" });
        let answer = get(at, path).with_context(|| format!("nothing answers at http://{at}{path}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").context("this is no answer of HTTP")?;
        let status = head.split_whitespace().nth(1).unwrap_or_default();
        if status != "200" {
            bail!("http://{at}{path} answers {status}: {body}");
        }
        Ok(body.to_owned())
    }
}

/// Plain HTTP/1.0, whose answer ends with the connection.
fn get(at: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Who listens on every address is asked on that of the machine itself.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    fn asked(answer: &'static str) -> anyhow::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let listen = listener.local_addr().expect("it has an address");
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let mut request = [0; 512];
            let read = stream.read(&mut request).expect("there is a request");
            stream.write_all(answer.as_bytes()).expect("it can be answered");
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let said = Health { listen, ready: true }.ask();
        assert!(server.join().expect("it has answered").starts_with("GET /health/ready HTTP/1.0\r\n"));
        said
    }

    #[test]
    fn what_a_server_says_is_passed_on_and_judged_by_its_status() {
        assert_eq!(asked("HTTP/1.0 200 OK\r\n\r\n{}").expect("it is well"), "{}");
        let unwell = asked("HTTP/1.0 503 Service Unavailable\r\n\r\n{\"ready\":false}").expect_err("it is not");
        assert!(unwell.to_string().contains("503") && unwell.to_string().contains("\"ready\":false"), "{unwell}");
        assert!(asked("nonsense").is_err());
    }

    #[test]
    fn who_listens_everywhere_is_asked_on_this_machine() {
        let at = |text: &str| reachable(text.parse().expect("an address")).to_string();
        assert_eq!(at("0.0.0.0:8000"), "127.0.0.1:8000");
        assert_eq!(at("[::]:8000"), "[::1]:8000");
        assert_eq!(at("10.0.0.1:1"), "10.0.0.1:1");
    }
}
