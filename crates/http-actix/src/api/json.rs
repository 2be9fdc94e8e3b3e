//! JSON text to a value, with every duplicate member and every unstorable text named.
//!
//! `serde_json` keeps the last of several equal members without a word; whoever sent two meant one of them, and nobody
//! can tell which. U+0000 is valid JSON that no JSON column of PostgreSQL can hold.

use std::{
    cell::{Cell, RefCell},
    fmt,
};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::{Mistake, Part};

/// Reads the text of a body, in which arrays and objects lie in each other at most this deep.
pub(super) fn parse(bytes: &[u8], most: usize) -> Result<Value, Vec<Mistake>> {
    let text = std::str::from_utf8(bytes).map_err(|e| vec![invalid(e.valid_up_to(), "the body is not UTF-8")])?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (found, too_deep) = (RefCell::default(), Cell::new(None));
    let mut source = serde_json::Deserializer::from_str(text);
    let value = Seed { place: &Place::Root, found: &found, too_deep: &too_deep, left: most }
        .deserialize(&mut source)
        .and_then(|value| source.end().map(|()| value))
        .map_err(|e| vec![too_deep.take().unwrap_or_else(|| malformed(text, &e))])?;
    match found.into_inner() {
        found if found.is_empty() => Ok(value),
        found => Err(found),
    }
}

fn malformed(text: &str, error: &serde_json::Error) -> Mistake {
    let (line, column) = (error.line(), error.column());
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let offset = text.floor_char_boundary((before + column.saturating_sub(1)).min(text.len()));
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or_default();
    invalid(text[..offset].chars().count(), &format!("JSON decode error: {reason} (line {line}, column {column})"))
}

/// The old API reports the offset in characters where the pointer would be.
fn invalid(offset: usize, message: &str) -> Mistake {
    Mistake::new(Part::Body, "", "json_invalid", message).field(format!("body.{offset}"))
}

/// A place in the text, without the cost of a pointer for each value.
enum Place<'a> {
    Root,
    Member(&'a Self, &'a str),
    Item(&'a Self, usize),
}

impl Place<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Member(parent, name) => parent.pointer() + "/" + &super::schema::escape(name),
            Self::Item(parent, index) => format!("{}/{index}", parent.pointer()),
        }
    }
}

struct Seed<'a> {
    place: &'a Place<'a>,
    found: &'a RefCell<Vec<Mistake>>,
    /// The mistake that ends the reading.
    too_deep: &'a Cell<Option<Mistake>>,
    /// How many arrays and objects may still lie in each other.
    left: usize,
}

impl Seed<'_> {
    /// The seed of a value in this one.
    fn inner<'b>(&'b self, place: &'b Place<'b>) -> Seed<'b> {
        Seed { place, found: self.found, too_deep: self.too_deep, left: self.left - 1 }
    }

    /// Whoever walks the value later needs as much stack as it is deep, so the reading ends where that is too much.
    fn open<E: de::Error>(&self) -> Result<(), E> {
        if self.left > 0 {
            return Ok(());
        }
        let message = "lies too deep: arrays and objects cannot be nested any further here";
        self.too_deep.set(Some(Mistake::new(Part::Body, self.place.pointer(), "json_too_deep", message)));
        Err(E::custom("too deep"))
    }

    fn report(&self, place: &Place<'_>, kind: &'static str, message: &str) {
        self.found.borrow_mut().push(Mistake::new(Part::Body, place.pointer(), kind, message));
    }

    fn check_text(&self, place: &Place<'_>, text: &str) {
        if text.contains('\0') {
            self.report(place, "value_error", "contains the character U+0000, which cannot be stored");
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // JSON text has no infinite numbers.
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        self.check_text(self.place, text);
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.open()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner(&Place::Item(self.place, list.len())))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.open()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let place = Place::Member(self.place, &name);
            self.check_text(&place, &name);
            if object.contains_key(&name) {
                self.report(&place, "value_error", "is given more than once");
            }
            let value = members.next_value_seed(self.inner(&place))?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn places(text: &str) -> Vec<(String, String)> {
        let found = parse(text.as_bytes(), 100).expect_err("mistakes");
        found.into_iter().map(|m| (m.field, m.message)).collect()
    }

    #[test]
    fn a_value_comes_back_as_it_was_sent() {
        let text = "\u{feff}{\"a\": [1, -2, 3.5, 1e2, true, null, \"x\\u00e9\"], \"b\": {\"c\": {}}}";
        let expected = json!({"a": [1, -2, 3.5, 100.0, true, null, "x\u{e9}"], "b": {"c": {}}});
        assert_eq!(parse(text.as_bytes(), 100).expect("sound"), expected);
    }

    #[test]
    fn malformed_text_is_reported_with_its_place() {
        let found = places("{\n  \"é\": 1,\n  oops\n}");
        assert_eq!(found, [("body.14".into(), "JSON decode error: key must be a string (line 3, column 3)".into())]);
        assert_eq!(places("{} x")[0].0, "body.3");
        assert_eq!(places("{")[0].1, "JSON decode error: EOF while parsing an object (line 1, column 1)");
        assert_eq!(parse(b"{\"a\": \"\xff\"}", 100).expect_err("not UTF-8")[0].field, "body.7");
    }

    #[test]
    fn every_duplicate_member_and_every_nul_is_named() {
        let found = places(r#"{"a": {"b": 1, "b": 2}, "a": [{"c/d": 1, "c/d": 2}, "x\u0000"]}"#);
        let fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["body.a.b", "body.a", "body.a.0.c/d", "body.a.1"]);
    }

    #[test]
    fn what_lies_too_deep_is_named_where_it_begins_to() {
        let at =
            |text: &str, most| parse(text.as_bytes(), most).map_err(|found| (found.len(), found[0].pointer.clone()));
        let text = r#"{"a": [1, {"b/c": []}], "x": 1, "x": 2}"#;
        assert_eq!(at(text, 3), Err((1, "/a/1/b~1c".to_owned())));
        assert_eq!(at(text, 1), Err((1, "/a".to_owned())));
        assert_eq!(at(text, 4), Err((1, "/x".to_owned())), "the other mistake");
        assert!(at(r#"{"a": [1]}"#, 2).is_ok() && at("1", 0).is_ok() && at("[]", 0).is_err());
        // However deep it goes on, and whatever follows.
        let deep = "[".repeat(500_000);
        assert_eq!(parse(deep.as_bytes(), 100).expect_err("deep")[0].pointer, "/0".repeat(100));
        assert_eq!(parse("[".repeat(121).as_bytes(), 120).expect_err("deep")[0].kind, "json_too_deep");
    }
}
