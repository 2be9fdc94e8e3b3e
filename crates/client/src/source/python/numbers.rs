//! Numbers of Python.

use serde_json::{Number, Value};

use super::{Parser, Read, is_word, wrong_at};

impl Parser {
    pub(super) fn number(&mut self) -> Read<Value> {
        let place = self.place();
        let mut text = String::new();
        while let Some(c) = self.peek() {
            let is_sign = matches!(c, '+' | '-') && (text.is_empty() || text.ends_with(['e', 'E']));
            if !(is_word(c) || c == '.' || is_sign) {
                break;
            }
            text.push(c);
            self.next();
        }
        match number(&text) {
            Some(number) => Ok(Value::Number(number)),
            None => wrong_at(place, format!("'{text}' is no number that can be read")),
        }
    }
}

fn number(text: &str) -> Option<Number> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let is_spaced = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    if is_spaced || digits.is_empty() {
        return None;
    }
    let plain = digits.replace('_', "").to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = plain.strip_prefix(prefix) {
            return i64::from_str_radix(rest, radix).ok().map(|n| Number::from(sign * n));
        }
    }
    if plain.bytes().all(|c| c.is_ascii_digit()) {
        // As Python: a leading zero is no octal number, and no decimal one either.
        if plain.len() > 1 && plain.starts_with('0') && plain.bytes().any(|c| c != b'0') {
            return None;
        }
        return plain.parse::<i128>().ok().and_then(|n| Number::from_i128(n * i128::from(sign)));
    }
    let is_float = plain.bytes().all(|c| c.is_ascii_digit() || b".e+-".contains(&c));
    let float: f64 = plain.parse().ok().filter(|_| is_float)?;
    Number::from_f64(if sign < 0 { -float } else { float })
}
