//! YAML, of which JSON is nearly a part.

use std::{collections::BTreeMap, fmt, panic, thread};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Options, Spanned};

use super::{Located, Place, Unreadable, below};

/// Where the parts of a text with one document stand; of none where it cannot be read.
pub(super) fn places(text: &str) -> BTreeMap<String, Place> {
    read(text).ok().and_then(|mut all| all.pop()).map(|located| located.places).unwrap_or_default()
}

/// Reads a text of YAML with one document.
pub(crate) fn yaml(text: &str) -> Result<Located, Unreadable> {
    let mut all = yaml_documents(text)?;
    match (all.pop(), all.len()) {
        (Some(one), 0) => Ok(one),
        (Some(last), _) => {
            Err(Unreadable { place: last.place(""), message: "there is more than one document in the file".to_owned() })
        }
        (None, _) => Err(Unreadable { place: None, message: "the file is empty".to_owned() }),
    }
}

/// Reads all documents of a text of YAML; empty ones are left out.
pub(crate) fn yaml_documents(text: &str) -> Result<Vec<Located>, Unreadable> {
    read(text).map_err(|error| Unreadable { place: error.location().and_then(place), message: in_our_words(&error) })
}

/// What is wrong, for people who write files; the parser tells programmers how its settings would allow it.
fn in_our_words(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => in_our_words(error),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("'{key}' is given more than once"),
        Error::DuplicateMappingKey { key: None, .. } => "a key is given more than once".to_owned(),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "that is more than is read from one file of YAML (too many parts, too deep in each other, or too many \
             aliases): divide it into several files"
                .to_owned()
        }
        other => {
            let whole = other.to_string();
            let first = whole.lines().next().unwrap_or_default();
            // The place is told by itself.
            first.rsplit_once(" at line ").map_or(first, |(what, _)| what).to_owned()
        }
    }
}

/// The parser and what it fills call each other for each level, up to the depth at which it stops. A build that is not
/// optimised takes more for that than the stack of a thread usually has.
const STACK: usize = 16 << 20;

fn read(text: &str) -> Result<Vec<Located>, serde_saphyr::Error> {
    thread::scope(|scope| {
        let reader = thread::Builder::new().name("yaml".to_owned()).stack_size(STACK);
        match reader.spawn_scoped(scope, || read_here(text)) {
            Ok(reading) => reading.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked)),
            // No thread to be had: what is not deep is read all the same.
            Err(_) => read_here(text),
        }
    })
}

fn read_here(text: &str) -> Result<Vec<Located>, serde_saphyr::Error> {
    let mut options = Options::default();
    // `no` is Norway, and `on` the start of an event's name.
    options.strict_booleans = true;
    let nodes: Vec<Spanned<Node>> = serde_saphyr::from_multiple_with_options(text, options)?;
    let mut all = Vec::new();
    for node in nodes {
        let mut places = BTreeMap::new();
        let value = settle(node, "", &mut places);
        if !value.is_null() {
            all.push(Located { value, places });
        }
    }
    Ok(all)
}

fn place(location: Location) -> Option<Place> {
    (location.line() > 0).then(|| Place { line: location.line(), column: location.column() })
}

/// A value of which every part knows where it stands.
enum Node {
    Leaf(Value),
    List(Vec<Spanned<Node>>),
    Object(Vec<(String, Spanned<Node>)>),
}

fn settle(node: Spanned<Node>, pointer: &str, places: &mut BTreeMap<String, Place>) -> Value {
    if let Some(place) = place(node.referenced) {
        places.insert(pointer.to_owned(), place);
    }
    match node.value {
        Node::Leaf(value) => value,
        Node::List(items) => {
            let items = items.into_iter().enumerate();
            Value::Array(
                items.map(|(number, item)| settle(item, &below(pointer, &number.to_string()), places)).collect(),
            )
        }
        Node::Object(members) => {
            let mut object = Map::new();
            for (name, member) in members {
                let value = settle(member, &below(pointer, &name), places);
                object.insert(name, value);
            }
            Value::Object(object)
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON knows")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Leaf(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Leaf(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Leaf(value.into()))
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Node, E> {
        Number::from_i128(value)
            .map(|n| Node::Leaf(Value::Number(n)))
            .ok_or_else(|| E::custom("the number is too large"))
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Node, E> {
        Number::from_u128(value)
            .map(|n| Node::Leaf(Value::Number(n)))
            .ok_or_else(|| E::custom("the number is too large"))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        Number::from_f64(value)
            .map(|n| Node::Leaf(Value::Number(n)))
            .ok_or_else(|| E::custom("JSON has no such number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Leaf(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Node::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut all: Vec<(String, Spanned<Node>)> = Vec::new();
        while let Some((name, member)) = members.next_entry::<String, Spanned<Node>>()? {
            if all.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom(format!("'{name}' is given more than once")));
            }
            all.push((name, member));
        }
        Ok(Node::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_of_yaml_know_their_lines() {
        let text = "agents:\n  - name: A\n    url: http://a\n  - name: B\n    timeout_ms: 5\n";
        let read = yaml(text).expect("YAML");
        assert_eq!(read.value, json!({"agents": [{"name": "A", "url": "http://a"}, {"name": "B", "timeout_ms": 5}]}));
        assert_eq!(read.place("/agents/1/timeout_ms").map(|place| place.line), Some(5));
        assert_eq!(read.place("/agents/1/nothing").map(|place| place.line), Some(4));
    }

    #[test]
    fn scalars_are_what_yaml_1_2_says() {
        let read =
            yaml("a: no\nb: 'yes'\nc: 1.5\nd: ~\ne: true\nf: -3\ng: 012\nh: null\ni: \"1\"\n").expect("YAML").value;
        assert_eq!(read["a"], json!("no"));
        assert_eq!((&read["b"], &read["c"], &read["d"]), (&json!("yes"), &json!(1.5), &json!(null)));
        assert_eq!(
            (&read["e"], &read["f"], &read["h"], &read["i"]),
            (&json!(true), &json!(-3), &json!(null), &json!("1"))
        );
    }

    #[test]
    fn anchors_are_resolved() {
        let read = yaml("base: &b {x: 1}\nother: *b\n").expect("YAML").value;
        assert_eq!(read["other"], json!({"x": 1}));
    }

    #[test]
    fn a_mistake_in_yaml_has_its_line() {
        let wrong = yaml("a: 1\nb: [1, 2\nc: 3\n").expect_err("no YAML");
        assert!(wrong.place.is_some_and(|place| place.line >= 2), "{wrong:?}");
        let twice = yaml("a: 1\na: 2\n").expect_err("no YAML");
        assert!(twice.place.is_some_and(|place| place.line == 2), "{twice:?}");
        assert_eq!(twice.message, "'a' is given more than once");
    }

    #[test]
    fn a_file_that_is_too_much_is_told_to_be_divided() {
        for text in ["[".repeat(200) + &"]".repeat(200), format!("[{}]", "1,".repeat(300_000))] {
            let wrong = yaml(&text).expect_err("too much");
            assert!(wrong.message.contains("divide it into several files"), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_deep_is_read_on_a_thread_with_a_small_stack_too() {
        let deep = "[".repeat(60) + &"]".repeat(60);
        let read =
            thread::Builder::new().stack_size(128 << 10).spawn(move || yaml(&deep).map(|read| read.places.len()));
        assert_eq!(read.expect("a thread").join().expect("no overflow").expect("YAML"), 60);
    }

    #[test]
    fn several_documents_are_several_values() {
        let all = yaml_documents("---\na: 1\n---\nb: 2\n").expect("YAML");
        assert_eq!(all.len(), 2);
        assert_eq!(all[1].place("/b").map(|place| place.line), Some(4));
        assert!(yaml("a: 1\n---\nb: 2\n").is_err() && yaml("").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = yaml_documents(&text);
        }

        #[test]
        fn what_json_can_say_yaml_reads_the_same(number: i64, text in "[a-zA-Z0-9 .:#_-]{0,30}", flag: bool) {
            let value = json!({"n": number, "t": text, "f": flag, "l": [null, {"x": text}]});
            let read = yaml(&value.to_string()).expect("JSON is YAML");
            proptest::prop_assert_eq!(read.value, value);
        }
    }
}
