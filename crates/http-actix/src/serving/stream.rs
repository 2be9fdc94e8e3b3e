//! A connection on which the bare refusals that the framework writes by itself become problem documents.
//!
//! They are told from all other answers by what they are made of: a head of their own with an empty body, and no correlation
//! id, which everything has that went through the routes. No payload can look like one: in JSON a line break is escaped.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::problem::PROBLEM_JSON;

/// What is said instead of a bare status; none leaves it as it is.
pub(super) type Explain = Arc<dyn Fn(u16) -> Option<String> + Send + Sync>;

/// The longest head that is looked at. A bare one has a status, a length, a date and `connection: close`.
const LONGEST: usize = 256;

/// A connection that explains refusals.
pub(super) struct Explained<S> {
    inner: S,
    explain: Explain,
    /// What was put in the place of an answer and is not written yet.
    instead: Vec<u8>,
}

impl<S> Explained<S> {
    pub(super) fn new(inner: S, explain: Explain) -> Self {
        Self { inner, explain, instead: Vec::new() }
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
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(cx))?;
        let instead = bare(buf).and_then(|status| (self.explain)(status)).and_then(|text| explained(buf, &text));
        let Some(instead) = instead else { return Pin::new(&mut self.inner).poll_write(cx, buf) };
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
    use super::*;

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
