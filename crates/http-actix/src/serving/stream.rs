//! A connection on which the bare refusals that the framework writes by itself become problem documents, and which knows when its
//! client has hung up.
//!
//! They are told from all other answers by what they are made of: a head of their own with an empty body, and no correlation
//! id, which everything has that went through the routes. No payload can look like one: in JSON a line break is escaped.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};
use tokio_util::sync::CancellationToken;

use crate::problem::PROBLEM_JSON;

/// What is said instead of a bare status; none leaves it as it is.
pub(super) type Explain = Arc<dyn Fn(u16) -> Option<String> + Send + Sync>;

/// For how long a client may take nothing of what is sent to it. Longer is nobody slow: the client, or the way to it, is gone without a
/// word, and a stream would hold its place for as long as the operating system believes in it.
const STALLED: Duration = Duration::from_mins(1);

/// The longest head that is looked at. A bare one has a status, a length, a date and `connection: close`.
const LONGEST: usize = 256;

/// Tells whether a client has closed its end of a connection. Nothing else does while an answer is being sent: the framework
/// goes on until it cannot write any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct HungUp(CancellationToken);

impl HungUp {
    /// Waits until the client has hung up.
    pub(crate) async fn told(&self) {
        self.0.cancelled().await;
    }
}

/// A connection that explains refusals, and notices when its client hangs up.
pub(super) struct Explained<S> {
    inner: S,
    hung_up: HungUp,
    explain: Explain,
    /// What was put in the place of an answer and is not written yet.
    instead: Vec<u8>,
    /// Since when the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Explained<S> {
    pub(super) fn new(inner: S, explain: Explain) -> Self {
        Self { inner, hung_up: HungUp::default(), explain, instead: Vec::new(), stalled: None }
    }

    /// Whether its client has hung up.
    pub(super) fn hung_up(&self) -> HungUp {
        self.hung_up.clone()
    }
}

/// The status of an answer that is nothing but a status.
fn bare(answer: &[u8]) -> Option<u16> {
    if answer.len() > LONGEST || !answer.starts_with(b"HTTP/1.1 4") || !answer.ends_with(b"\r\n\r\n") {
        return None;
    }
    let head = std::str::from_utf8(answer).ok()?.strip_suffix("\r\n\r\n")?.to_ascii_lowercase();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut empty = false;
    for line in lines {
        match line.split_once(": ") {
            Some(("content-length", "0")) => empty = true,
            Some(("connection" | "date", _)) => {}
            _ => return None,
        }
    }
    empty.then_some(status)
}

fn explained(answer: &[u8], document: &str) -> Option<Vec<u8>> {
    let line = std::str::from_utf8(answer).ok()?.split("\r\n").next()?;
    let length = document.len();
    let head = format!(
        "{line}\r\ncontent-type: {PROBLEM_JSON}\r\ncontent-length: {length}\r\nconnection: close\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\n\r\n{document}"
    );
    Some(head.into_bytes())
}

impl<S: AsyncWrite + Unpin> Explained<S> {
    /// The outcome of a write, or an error where the client has taken nothing for too long.
    fn patiently(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALLED)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.instead))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.instead.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Explained<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buf));
        if read.is_err() || (buf.filled().len() == before && buf.remaining() > 0) {
            self.hung_up.0.cancel();
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(cx))?;
        let instead = bare(buf).and_then(|status| (self.explain)(status)).and_then(|text| explained(buf, &text));
        let Some(instead) = instead else {
            let written = Pin::new(&mut self.inner).poll_write(cx, buf);
            return self.patiently(cx, written);
        };
        self.instead = instead;
        // What cannot be written at once is written when the connection is flushed or closed.
        match self.poll_instead(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(buf.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_for_a_minute_is_gone_and_who_takes_little_is_not() {
        let (client, server) = tokio::io::duplex(8);
        let mut server = Explained::new(server, Arc::new(|_| None));
        let (mut reads, _writes) = tokio::io::split(client);
        let begun = tokio::time::Instant::now();
        let slowly = async {
            for _ in 0..10 {
                tokio::time::sleep(STALLED / 2).await;
                let mut bytes = [0; 8];
                reads.read_exact(&mut bytes).await.expect("it is there");
            }
        };
        let (sent, ()) = tokio::join!(server.write_all(&[b'x'; 8 * 11]), slowly);
        sent.expect("it is taken, if slowly");
        let error = server.write_all(b"more").await.expect_err("nobody takes it");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed(), STALLED / 2 * 10 + STALLED);
    }

    #[tokio::test]
    async fn a_client_that_closes_its_end_is_noticed_when_that_is_read() {
        let (client, server) = tokio::io::duplex(8);
        let mut server = Explained::new(server, Arc::new(|_| None));
        let hung_up = server.hung_up();
        drop(client);
        assert_eq!(server.read(&mut [0; 8]).await.expect("an end"), 0);
        hung_up.told().await;
    }

    #[test]
    fn only_what_is_nothing_but_a_status_is_bare() {
        let date = "date: Sun, 06 Nov 1994 08:49:37 GMT";
        let head = |fields: &str| format!("HTTP/1.1 408 Request Timeout\r\n{fields}\r\n\r\n");
        let bare = |text: &str| bare(text.as_bytes());
        assert_eq!(bare(&head(&format!("content-length: 0\r\nconnection: close\r\n{date}"))), Some(408));
        assert_eq!(bare(&head("content-length: 0\r\nx-correlation-id: a")), None);
        assert_eq!(bare(&head("content-length: 2")), None);
        assert_eq!(bare(&(head("content-length: 0") + "{}")), None);
        assert_eq!(bare("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), None);
        assert_eq!(bare("HTTP/1.1 4"), None);
    }
}
