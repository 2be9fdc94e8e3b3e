//! Reading answers without trusting their size, and quoting them without trusting their text.

use reqwest::Response;

/// Why a body was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It is larger than allowed.
    TooLarge,
    /// The connection failed.
    Transport(reqwest::Error),
}

/// Reads a body of at most `limit` bytes. What is announced to be larger is not read at all; what turns out to be larger
/// is dropped with its connection, so at most `limit` bytes and one chunk are ever held.
pub(crate) async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, Unread> {
    let announced = response.content_length().map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    if announced.is_some_and(|n| n > limit) {
        return Err(Unread::TooLarge);
    }
    let mut bytes = Vec::with_capacity(announced.unwrap_or_default());
    while let Some(chunk) = response.chunk().await.map_err(Unread::Transport)? {
        if bytes.len() + chunk.len() > limit {
            return Err(Unread::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Adds the beginning of a body to `start`, as far as it comes. Cancel-safe: what has arrived is kept.
pub(crate) async fn read_start(mut response: Response, limit: usize, start: &mut Vec<u8>) {
    while start.len() < limit {
        let Ok(Some(chunk)) = response.chunk().await else { return };
        start.extend_from_slice(&chunk[..chunk.len().min(limit - start.len())]);
    }
}

/// The first `most` characters of a text from outside, on one line and without control characters (U+0000 among them,
/// which no store could keep).
pub(crate) fn excerpt(text: &str, most: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > most * 4 {
            break;
        }
    }
    match line.char_indices().nth(most) {
        None => line,
        Some((at, _)) => format!("{}…", &line[..at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt(" a\r\n\tb\0c ", 10), "a b c");
        assert_eq!(excerpt("äöüß", 3), "äöü…");
        assert_eq!(excerpt("äöü", 3), "äöü");
        assert_eq!(excerpt(&"🚀 ".repeat(1000), 3), "🚀 🚀…");
    }
}
