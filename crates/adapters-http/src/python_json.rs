//! JSON text as Python's `json.dumps` writes it.
//!
//! Agents written for the old executor got their input as such text, and some compare or hash it (contract 7.3). It
//! differs from `serde_json` in the blanks, in escaping all that is not printable ASCII, and in the exponents of floats.

use std::io;

use serde::Serialize;
use serde_json::{
    Value,
    ser::{Formatter, Serializer},
};

/// Writes a value the way `json.dumps(value)` does.
pub(crate) fn dumps(value: &Value) -> String {
    let mut text = Vec::with_capacity(128);
    let written = value.serialize(&mut Serializer::with_formatter(&mut text, Python));
    written.expect("a JSON value has text keys only and a Vec takes all bytes");
    String::from_utf8(text).expect("the formatter writes ASCII only")
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| !c.is_ascii() || c == '\u{7f}') {
            let (plain, tail) = rest.split_at(at);
            to.write_all(plain.as_bytes())?;
            let mut tail = tail.chars();
            for unit in tail.next().into_iter().flat_map(utf16) {
                write!(to, "\\u{unit:04x}")?;
            }
            rest = tail.as_str();
        }
        to.write_all(rest.as_bytes())
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, to: &mut W, value: f64) -> io::Result<()> {
        // Rust and Python agree on the shortest digits and on where the exponent form begins, not on how it looks.
        let text = format!("{value:?}");
        match text.split_once('e') {
            None => to.write_all(text.as_bytes()),
            Some((digits, exponent)) => match exponent.strip_prefix('-') {
                Some(exponent) => write!(to, "{digits}e-{exponent:0>2}"),
                None => write!(to, "{digits}e+{exponent:0>2}"),
            },
        }
    }
}

fn utf16(c: char) -> impl Iterator<Item = u16> {
    let mut units = [0; 2];
    let used = c.encode_utf16(&mut units).len();
    units.into_iter().take(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_text_is_that_of_json_dumps() {
        // Expected texts: Python 3.12, json.dumps(…).
        for (value, python) in [
            (json!({}), "{}"),
            (json!([]), "[]"),
            (
                json!({"a": 1, "b": [true, null, -2], "c": {"d": ""}}),
                r#"{"a": 1, "b": [true, null, -2], "c": {"d": ""}}"#,
            ),
            (json!("grün €"), r#""gr\u00fcn \u20ac""#),
            (json!("🚀x"), r#""\ud83d\ude80x""#),
            (json!("\u{7f}\u{80}"), r#""\u007f\u0080""#),
            (json!("\"\\/\u{8}\u{c}\n\r\t\u{1f}"), r#""\"\\/\b\f\n\r\t\u001f""#),
            (json!({"ключ": 1}), r#"{"\u043a\u043b\u044e\u0447": 1}"#),
        ] {
            assert_eq!(dumps(&value), python);
        }
    }

    #[test]
    fn floats_look_like_those_of_python() {
        for (value, python) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (-2.5e-10, "-2.5e-10"),
        ] {
            assert_eq!(dumps(&json!(value)), python);
        }
    }
}
