//! Ways into a value: `.key`, `[0]`, `[-1]`, `["any key"]`, and in conditions `[*]` and `[1:3]`.

use serde_json::Value;

/// The longest way into a value; deeper values are not storable.
const MAX_SEGMENTS: usize = 128;

/// One step on the way into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A member of an object.
    Key(String),
    /// An element of an array, from 0, or from the end where negative.
    Index(i64),
    /// In conditions: whichever of these elements comes first from which the way goes on.
    Slice(Slice),
}

/// `[from:to:by]` as in Python; `[*]` leaves all three out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slice {
    from: Option<i64>,
    to: Option<i64>,
    by: Option<i64>,
}

/// The place in a list of this length that an index names.
fn place(index: i64, length: usize) -> Option<usize> {
    if index < 0 {
        length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
    } else {
        usize::try_from(index).ok().filter(|place| *place < length)
    }
}

pub(super) fn element(items: &[Value], index: i64) -> Option<&Value> {
    place(index, items.len()).map(|place| &items[place])
}

/// The first value to which the path leads.
pub(super) fn first_match<'a>(value: &'a Value, path: &[Segment]) -> Option<&'a Value> {
    let Some((segment, rest)) = path.split_first() else { return Some(value) };
    match (segment, value) {
        (Segment::Key(key), Value::Object(members)) => first_match(members.get(key)?, rest),
        (Segment::Index(index), Value::Array(items)) => first_match(element(items, *index)?, rest),
        (Segment::Slice(slice), Value::Array(items)) => {
            slice.places(items.len()).find_map(|place| first_match(items.get(place)?, rest))
        }
        // What is no list counts as a list of itself.
        (Segment::Slice(_), value) => first_match(value, rest),
        (Segment::Key(_) | Segment::Index(_), _) => None,
    }
}

impl Slice {
    /// The places that it names in a list of this length, in its order.
    fn places(self, length: usize) -> impl Iterator<Item = usize> {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let by = self.by.unwrap_or(1);
        let (lowest, highest) = if by < 0 { (-1, length - 1) } else { (0, length) };
        let bound = |given: Option<i64>, absent: i64| {
            given.map_or(absent, |at| (if at < 0 { at.saturating_add(length) } else { at }).clamp(lowest, highest))
        };
        let from = bound(self.from, if by < 0 { highest } else { lowest });
        let to = bound(self.to, if by < 0 { lowest } else { highest });
        let goes_on = move |at: &i64| if by < 0 { *at > to } else { *at < to };
        // A step of zero would never end; Python refuses it, and the parser has.
        std::iter::successors(Some(from), move |at| at.checked_add(by))
            .take_while(goes_on)
            .filter_map(|at| usize::try_from(at).ok())
    }
}

/// `.key`, `[0]`, `[-1]`, `[*]`, `[1:3]` and `["any key"]`, any number of times.
pub(super) fn parse_path(mut tail: &str) -> Result<Vec<Segment>, &'static str> {
    let mut path = Vec::new();
    while !tail.is_empty() {
        if path.len() == MAX_SEGMENTS {
            return Err("it names more members inside each other than a value can have");
        }
        if let Some(rest) = tail.strip_prefix('.') {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end == 0 {
                return Err("a name is missing after a dot");
            }
            path.push(Segment::Key(rest[..end].to_owned()));
            tail = &rest[end..];
        } else if let Some(rest) = tail.strip_prefix('[') {
            let (segment, rest) = parse_bracket(rest)?;
            path.push(segment);
            tail = rest;
        } else {
            return Err("a dot or a bracket is missing");
        }
    }
    Ok(path)
}

fn parse_bracket(rest: &str) -> Result<(Segment, &str), &'static str> {
    for quote in ['"', '\''] {
        if let Some(quoted) = rest.strip_prefix(quote) {
            let (key, after) = quoted.split_once(quote).ok_or("a quoted key is not closed")?;
            return after
                .strip_prefix(']')
                .map(|rest| (Segment::Key(key.to_owned()), rest))
                .ok_or("a bracket is not closed");
        }
    }
    let (inside, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
    let segment = if inside == "*" {
        Some(Segment::Slice(Slice::default()))
    } else if inside.contains(':') {
        parse_slice(inside).map(Segment::Slice)
    } else {
        parse_index(inside).map(Segment::Index)
    };
    segment.map(|segment| (segment, rest)).ok_or("an index must be a whole number or a quoted key")
}

fn parse_slice(text: &str) -> Option<Slice> {
    let bounds: Vec<Option<i64>> = text
        .split(':')
        .map(|bound| if bound.is_empty() { Some(None) } else { parse_index(bound).map(Some) })
        .collect::<Option<_>>()?;
    let slice = match *bounds.as_slice() {
        [from, to] => Slice { from, to, by: None },
        [from, to, by] => Slice { from, to, by },
        _ => return None,
    };
    (slice.by != Some(0)).then_some(slice)
}

fn parse_index(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}
