//! The words of a condition.

use serde_json::{Number, Value};

use super::{expression::TextPart, parse::SyntaxError};
use crate::workflows::reference::Reference;

/// A word, with the place where it begins: the number of its first character, from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Literal(Value),
    Text(Vec<TextPart>),
    Reference(Reference),
    /// An operator, a bracket, or one of the words that are operators.
    Symbol(&'static str),
    End,
}

/// Longer ones first: the first that fits is taken.
const SYMBOLS: [&str; 23] = [
    "**", "//", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "|", "&", "(", ")", "[", "]", "{", "}", ",",
    ":",
];

const WORDS: [&str; 8] = ["and", "or", "not", "in", "is", "contains", "if", "else"];

/// What people write who come from other languages.
const MISTAKES: [(&str, &str); 6] = [
    ("&&", "'&&' is written 'and'"),
    ("||", "'||' is written 'or'"),
    ("<>", "'<>' is written '!='"),
    ("!", "'!' is written 'not'"),
    ("=", "'=' is written '=='"),
    (".", "methods and attributes cannot be used; name members inside ${…}"),
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut reader = Reader { rest: text, at: 1 };
    let mut found = Vec::new();
    loop {
        reader.skip_blanks();
        let at = reader.at;
        let kind = reader.next()?;
        let is_end = kind == Kind::End;
        found.push(Token { at, kind });
        if is_end {
            return Ok(found);
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn skip_blanks(&mut self) {
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.take(blank);
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.at += taken.chars().count();
        self.rest = rest;
        taken
    }

    fn error(&self, problem: impl Into<String>) -> SyntaxError {
        SyntaxError { at: self.at, problem: problem.into() }
    }

    fn next(&mut self) -> Result<Kind, SyntaxError> {
        let Some(first) = self.rest.chars().next() else { return Ok(Kind::End) };
        if self.rest.starts_with("${") {
            return self.reference();
        }
        if first == '\'' || first == '"' {
            return self.quoted(first);
        }
        let digit_follows = self.rest[first.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
        if first.is_ascii_digit() || (first == '.' && digit_follows) {
            return self.number();
        }
        if first.is_alphabetic() || first == '_' {
            return self.word();
        }
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| {
            // `&&` is a mistake, not two operators.
            self.rest.starts_with(symbol) && !["&&", "||", "<>"].iter().any(|wrong| self.rest.starts_with(wrong))
        }) {
            self.take(symbol.len());
            return Ok(Kind::Symbol(symbol));
        }
        let mistake = MISTAKES.into_iter().find(|(wrong, _)| self.rest.starts_with(wrong));
        Err(self.error(mistake.map_or_else(|| format!("'{first}' has no meaning here"), |(_, hint)| hint.to_owned())))
    }

    fn reference(&mut self) -> Result<Kind, SyntaxError> {
        let Some(end) = self.rest.find('}') else { return Err(self.error("the reference is not closed by '}'")) };
        let reference =
            Reference::parse_for_condition(&self.rest[2..end]).map_err(|problem| self.error(problem.to_string()))?;
        self.take(end + 1);
        Ok(Kind::Reference(reference))
    }

    fn quoted(&mut self, quote: char) -> Result<Kind, SyntaxError> {
        let begin = self.at;
        self.take(1);
        let (mut parts, mut plain) = (Vec::new(), String::new());
        loop {
            let Some(next) = self.rest.chars().next() else {
                return Err(SyntaxError { at: begin, problem: "the text is not closed".to_owned() });
            };
            if next == quote {
                self.take(1);
                break;
            }
            if self.rest.starts_with("${")
                && let Some(end) = self.rest.find('}')
                && let Ok(reference) = Reference::parse_for_condition(&self.rest[2..end])
            {
                parts.push(TextPart::Plain(std::mem::take(&mut plain)));
                parts.push(TextPart::Reference(reference));
                self.take(end + 1);
            } else if next == '\\' {
                plain.push_str(&self.escaped()?);
            } else {
                plain.push(next);
                self.take(next.len_utf8());
            }
        }
        if parts.is_empty() {
            return Ok(Kind::Literal(Value::String(plain)));
        }
        parts.push(TextPart::Plain(plain));
        Ok(Kind::Text(parts))
    }

    /// The escapes that Python and JSON have in common; any other backslash stands for itself, as in Python.
    fn escaped(&mut self) -> Result<String, SyntaxError> {
        let mut after = self.rest.chars().skip(1);
        let Some(letter) = after.next() else { return Err(self.error("the text is not closed")) };
        let plain = match letter {
            '\\' | '\'' | '"' => letter,
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'u' | 'x' => {
                let digits = if letter == 'u' { 4 } else { 2 };
                let code = self.rest.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                let Some(character) = code.and_then(char::from_u32) else {
                    return Err(self.error(format!("'\\{letter}' needs {digits} hexadecimal digits of a character")));
                };
                self.take(2 + digits);
                return Ok(character.to_string());
            }
            other => {
                self.take(1 + other.len_utf8());
                return Ok(format!("\\{other}"));
            }
        };
        self.take(2);
        Ok(plain.to_string())
    }

    fn number(&mut self) -> Result<Kind, SyntaxError> {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut end = digits(0);
        let mut is_whole = true;
        if bytes.get(end) == Some(&b'.') {
            is_whole = false;
            end += 1;
            end += digits(end);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits((end + 1 + sign).min(bytes.len()));
            if exponent > 0 {
                is_whole = false;
                end += 1 + sign + exponent;
            }
        }
        let text = &self.rest[..end];
        if self.rest[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return Err(self.error("a number runs into a word"));
        }
        let number = if is_whole {
            text.parse::<i64>().map(Number::from).ok().or_else(|| text.parse::<u64>().map(Number::from).ok())
        } else {
            text.parse::<f64>().ok().and_then(Number::from_f64)
        };
        let Some(number) = number else { return Err(self.error(format!("the number {text} is too large"))) };
        self.take(end);
        Ok(Kind::Literal(Value::Number(number)))
    }

    fn word(&mut self) -> Result<Kind, SyntaxError> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        let kind = match word {
            "true" | "True" => Kind::Literal(Value::Bool(true)),
            "false" | "False" => Kind::Literal(Value::Bool(false)),
            "null" | "None" => Kind::Literal(Value::Null),
            _ => match WORDS.into_iter().find(|known| *known == word) {
                Some(known) => Kind::Symbol(known),
                None => return Err(self.error(unknown(word))),
            },
        };
        self.take(end);
        Ok(kind)
    }
}

fn unknown(word: &str) -> String {
    let lower = word.to_lowercase();
    if WORDS.contains(&lower.as_str()) || ["true", "false", "null"].contains(&lower.as_str()) {
        return format!("'{word}' is written '{lower}'");
    }
    format!("'{word}' has no meaning; texts stand in quotes, references in ${{…}}")
}
