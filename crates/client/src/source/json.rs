//! JSON, read by the parser for JSON, which is stricter than that for YAML; the places of its parts come from the latter, which
//! reads nearly all of it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{Located, Place, Unreadable, yaml::places};

/// Reads a text of JSON.
pub(crate) fn json(text: &str) -> Result<Located, Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Strict(value) = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    Ok(Located { value, places: places(text) })
}

fn unreadable(error: &serde_json::Error) -> Unreadable {
    let place = Place { line: error.line() as u64, column: error.column() as u64 };
    let whole = error.to_string();
    let reason = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(reason, _)| reason);
    Unreadable { place: Some(place), message: in_our_words(reason).to_owned() }
}

/// The parser's reasons are written for those who wrote the parser.
fn in_our_words(reason: &str) -> &str {
    match reason {
        "EOF while parsing a value" => "the text ends where a value is missing",
        "EOF while parsing an object" => "the text ends within an object: a '}' is missing",
        "EOF while parsing a list" => "the text ends within a list: a ']' is missing",
        "EOF while parsing a string" => "the text ends within a string: a '\"' is missing",
        "expected `:`" => "a ':' is missing behind the name of a member",
        "expected `,` or `]`" => "a comma or ']' is missing",
        "expected `,` or `}`" => "a comma or '}' is missing",
        "expected ident" | "expected value" => "what stands here is no JSON value (texts stand in double quotes)",
        "key must be a string" => "the name of a member is missing (names stand in double quotes)",
        "trailing comma" => "nothing follows the comma",
        "trailing characters" => "something follows the JSON value",
        "invalid escape" => "a string has no such escape (a backslash is written \\\\)",
        "recursion limit exceeded" => "lists and objects lie too deep in each other",
        "control character (\\u0000-\\u001F) found while parsing a string" => {
            "a string has a line break or another control character in it (a line break is written \\n)"
        }
        other => other,
    }
}

/// A value in which no object has two members of one name. `serde_json` would keep the last of them without a word.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format!("'{name}' is given more than once")));
            }
            let Strict(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Located, Unreadable> {
        super::json(text)
    }

    /// Line and column of what is wrong, and what it is.
    fn refused(text: &str) -> (u64, u64, String) {
        let wrong = read(text).expect_err(text);
        let place = wrong.place.unwrap_or(Place { line: 0, column: 0 });
        (place.line, place.column, wrong.message)
    }

    #[test]
    fn a_value_is_read_as_it_is_written() {
        let text = "\u{feff}{\"a\": [1, -2, 3.5, 1e2, true, null, \"x\\u00e9\"], \"b\": {\"c\": {}}, \"d\": 18446744073709551615}";
        let expected = json!({"a": [1, -2, 3.5, 100.0, true, null, "x\u{e9}"], "b": {"c": {}}, "d": 18_446_744_073_709_551_615_u64});
        assert_eq!(read(text).map(|read| read.value), Ok(expected));
    }

    #[test]
    fn a_member_that_is_given_twice_is_refused_with_its_place() {
        let steps = "{\"steps\": {\n  \"a\": {\"id\": \"a\"},\n  \"a\": {\"id\": \"b\"}\n}}";
        assert_eq!(refused(steps), (3, 5, "'a' is given more than once".to_owned()));
        assert_eq!(refused("[{\"x\": 1, \"x\": 1}]").2, "'x' is given more than once");
        assert_eq!(refused("{\"b at line 1\": 1, \"b at line 1\": 1}").2, "'b at line 1' is given more than once");
        assert!(read("[{\"x\": 1}, {\"x\": {\"x\": 2}}]").is_ok(), "each is in an object of its own");
    }

    #[test]
    fn a_mistake_has_its_line_and_column_and_is_told_in_words_of_ours() {
        let (line, column, message) = refused("{\n  \"a\": 1,\n  \"b\" 2\n}");
        assert_eq!((line, column), (3, 7));
        assert_eq!(message, "a ':' is missing behind the name of a member");
        for (text, what) in [
            ("name: w\n", "no JSON value"),
            ("- a\n", "invalid number"),
            ("{,}", "the name of a member is missing"),
            ("{\"a\": 1", "a '}' is missing"),
            ("[1", "a ']' is missing"),
            ("[1,]", "nothing follows the comma"),
            ("{} {}", "something follows"),
            ("", "a value is missing"),
            ("\"a\nb\"", "has a line break"),
        ] {
            let message = refused(text).2;
            assert!(message.contains(what), "{text}: {message}");
        }
    }

    #[test]
    fn parts_know_their_lines() {
        let read = read("{\n  \"a\": {\n    \"b\": [1,\n 2]}}").expect("JSON");
        assert_eq!(read.place("/a/b/1").map(|place| place.line), Some(4));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = read(&text);
        }
    }
}
