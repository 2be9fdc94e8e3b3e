//! Cursors as clients see them: a text that means nothing to them and that they hand back.
//!
//! It is base64url of the form's number, eight bytes that say which list, sorting and filter it belongs to, the value that the
//! list is sorted by, and the item's id. It is neither secret nor signed: who makes one up reads from another place of a list that
//! they may read anyway.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Datelike as _;
use domain::{
    Timestamp,
    ids::RunId,
    page::{Cursor, SortValue},
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The number of the form; another one is for another release to give.
const FORM: u8 = 1;

/// What the values are, in the text.
const TIME: u8 = b't';
const NUMBER: u8 = b'n';
const TEXT: u8 = b's';

/// The longest cursor: the longest name and the longest id, four bytes a character, in base64.
pub(crate) const LONGEST: usize = 2800;

/// What the places of a list are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    /// A time and the id of a run.
    RunsByTime,
    /// A time and a UUID.
    ByTime,
    /// A name and a UUID.
    ByName,
    /// A number and a UUID.
    ByNumber,
}

/// Which list, sorting and filter a cursor belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark([u8; 8]);

impl Mark {
    /// Of a list and what was asked about it.
    pub(crate) fn new(list: &str, asked: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(list);
        hash.update([0]);
        hash.update(asked);
        let digest = hash.finalize();
        let mut mark = [0; 8];
        mark.copy_from_slice(&digest[..8]);
        Self(mark)
    }
}

/// Why a text is no cursor of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoCursor {
    #[error("is no `next_cursor` of a page; leave it out to begin at the first one")]
    Unreadable,
    #[error("belongs to another list, filter or sorting; only `page_size` may change from page to page")]
    Foreign,
}

/// The text of a cursor.
pub(crate) fn encode(mark: Mark, cursor: &Cursor) -> String {
    let mut bytes = vec![FORM];
    bytes.extend(mark.0);
    match &cursor.value {
        SortValue::Time(time) => {
            bytes.push(TIME);
            bytes.extend(time.timestamp_micros().to_be_bytes());
        }
        SortValue::Number(number) => {
            bytes.push(NUMBER);
            bytes.extend(number.to_be_bytes());
        }
        SortValue::Text(text) => {
            bytes.push(TEXT);
            // Names have at most 255 characters.
            bytes.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
    }
    bytes.extend(cursor.id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a text back, if it is a cursor of this list.
pub(crate) fn decode(mark: Mark, places: Places, text: &str) -> Result<Cursor, NoCursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NoCursor::Unreadable)?;
    let (form, rest) = bytes.split_first_chunk::<1>().ok_or(NoCursor::Unreadable)?;
    let (theirs, rest) = rest.split_first_chunk::<8>().ok_or(NoCursor::Unreadable)?;
    if *form != [FORM] {
        return Err(NoCursor::Unreadable);
    }
    if *theirs != mark.0 {
        return Err(NoCursor::Foreign);
    }
    place(places, rest).ok_or(NoCursor::Unreadable)
}

fn place(places: Places, bytes: &[u8]) -> Option<Cursor> {
    let (kind, rest) = bytes.split_first()?;
    let (value, id) = match (kind, places) {
        (&TIME, Places::RunsByTime | Places::ByTime) => {
            let (micros, id) = rest.split_first_chunk::<8>()?;
            (SortValue::Time(time(i64::from_be_bytes(*micros))?), id)
        }
        (&NUMBER, Places::ByNumber) => {
            let (number, id) = rest.split_first_chunk::<4>()?;
            (SortValue::Number(u32::from_be_bytes(*number)), id)
        }
        (&TEXT, Places::ByName) => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            let (name, id) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
            let name = std::str::from_utf8(name).ok().filter(|name| !name.contains(char::is_control))?;
            (SortValue::Text(name.to_owned()), id)
        }
        _ => return None,
    };
    let id = std::str::from_utf8(id).ok()?;
    Some(match places {
        Places::RunsByTime => Cursor::new(value, &RunId::parse(id).ok()?),
        Places::ByTime | Places::ByName | Places::ByNumber => Cursor::new(value, &id.parse::<Uuid>().ok()?),
    })
}

/// A time that every store can keep.
fn time(micros: i64) -> Option<Timestamp> {
    Timestamp::from_timestamp_micros(micros).filter(|time| (0..10_000).contains(&time.year()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: Uuid = Uuid::from_u128(7);

    fn mark() -> Mark {
        Mark::new("runs", "{}")
    }

    fn samples() -> [(Places, Cursor); 4] {
        let time = Timestamp::from_timestamp_micros(1_700_000_000_123_456).expect("a time");
        [
            (Places::RunsByTime, Cursor::new(time, &"run-\u{fc}")),
            (Places::ByTime, Cursor::new(time, &UUID)),
            (Places::ByName, Cursor::new("na\u{ef}ve", &UUID)),
            (Places::ByNumber, Cursor::new(3, &UUID)),
        ]
    }

    #[test]
    fn a_cursor_comes_back_as_it_was_and_can_stand_in_a_url() {
        for (places, cursor) in samples() {
            let text = encode(mark(), &cursor);
            assert!(text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'), "{text}");
            assert_eq!(decode(mark(), places, &text), Ok(cursor));
        }
    }

    #[test]
    fn the_longest_cursor_fits_its_schema() {
        let longest = "\u{10ffff}".repeat(255);
        let of_run = Cursor::new(Timestamp::UNIX_EPOCH, &longest);
        let of_name = Cursor::new(longest.as_str(), &UUID);
        for cursor in [of_run, of_name] {
            assert!(encode(mark(), &cursor).len() <= LONGEST);
        }
    }

    #[test]
    fn a_cursor_of_another_list_or_question_is_foreign() {
        for (places, cursor) in samples() {
            for other in [Mark::new("agents", "{}"), Mark::new("runs", r#"{"status":["FAILED"]}"#)] {
                assert_eq!(decode(other, places, &encode(mark(), &cursor)), Err(NoCursor::Foreign));
            }
        }
    }

    #[test]
    fn what_is_cut_or_made_up_cannot_be_read() {
        for (places, cursor) in samples() {
            let text = encode(mark(), &cursor);
            for length in 0..text.len().saturating_sub(48) {
                assert!(decode(mark(), places, &text[..length]).is_err(), "{places:?} {length}");
            }
            for (other, _) in samples().into_iter().filter(|(other, _)| *other != places) {
                let same_form = [Places::RunsByTime, Places::ByTime];
                if same_form.contains(&other) && same_form.contains(&places) {
                    continue;
                }
                assert_eq!(decode(mark(), other, &text), Err(NoCursor::Unreadable), "{places:?} as {other:?}");
            }
        }
        for nonsense in ["", "7", "not base64!", "AAAA"] {
            assert_eq!(decode(mark(), Places::ByTime, nonsense), Err(NoCursor::Unreadable), "{nonsense}");
        }
        let ancient = Cursor::new(Timestamp::MIN_UTC, &UUID);
        assert_eq!(decode(mark(), Places::ByTime, &encode(mark(), &ancient)), Err(NoCursor::Unreadable));
        let forged = Cursor::new("a\0b", &UUID);
        assert_eq!(decode(mark(), Places::ByName, &encode(mark(), &forged)), Err(NoCursor::Unreadable));
    }
}
