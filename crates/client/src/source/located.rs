//! A value that knows where in its file each of its parts stands.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

/// A place in a text; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What makes a text unreadable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) place: Option<Place>,
    pub(crate) message: String,
}

/// A value, and where its parts stand.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Located {
    pub(crate) value: Value,
    /// By JSON Pointer. Some may be missing.
    pub(crate) places: BTreeMap<String, Place>,
}

impl Located {
    /// Where a part stands, or else the nearest one around it.
    pub(crate) fn place(&self, pointer: &str) -> Option<Place> {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return Some(*place);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    /// A part, with the places in it.
    pub(crate) fn part(&self, pointer: &str) -> Option<Self> {
        let value = self.value.pointer(pointer)?.clone();
        let inside = self.places.iter().filter_map(|(at, place)| {
            let rest = at.strip_prefix(pointer)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (rest.to_owned(), *place))
        });
        Some(Self { value, places: inside.collect() })
    }
}

/// A JSON Pointer with one more segment (RFC 6901, section 3).
pub(crate) fn below(pointer: &str, segment: &str) -> String {
    format!("{pointer}/{}", segment.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_no_place_is_where_its_surroundings_are() {
        let place = |line| Place { line, column: 1 };
        let places = [(String::new(), place(1)), ("/a".to_owned(), place(2)), ("/a/b".to_owned(), place(3))];
        let located = Located { value: json!({"a": {"b": 1}}), places: places.into() };
        assert_eq!(located.place("/a/b/c/d"), Some(place(3)));
        assert_eq!(located.place("/x"), Some(place(1)));
        assert_eq!(located.part("/a").and_then(|part| part.place("/b")), Some(place(3)));
    }
}
