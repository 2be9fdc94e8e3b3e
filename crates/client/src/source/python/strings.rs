//! Strings of Python: their prefixes, quotes and escapes.

use serde_json::Value;

use super::{Parser, Place, Read, is_word, wrong_at};

impl Parser {
    pub(super) fn strings(&mut self) -> Read<Value> {
        let first = self.string(String::new(), Prefix::default())?;
        self.more_strings(first)
    }

    /// Strings that follow each other are one.
    pub(super) fn more_strings(&mut self, mut text: String) -> Read<Value> {
        loop {
            let before = (self.at, self.line, self.column);
            self.skip_blank(true)?;
            let place = self.place();
            match self.peek() {
                Some('\'' | '"') => text = self.string(text, Prefix::default())?,
                Some(c) if is_word(c) => {
                    let word = self.word();
                    match Prefix::parse(&word, place)? {
                        Some(prefix) if matches!(self.peek(), Some('\'' | '"')) => text = self.string(text, prefix)?,
                        _ => {
                            (self.at, self.line, self.column) = before;
                            return Ok(Value::String(text));
                        }
                    }
                }
                _ => {
                    (self.at, self.line, self.column) = before;
                    return Ok(Value::String(text));
                }
            }
        }
    }

    pub(super) fn string(&mut self, mut text: String, prefix: Prefix) -> Read<String> {
        let opened = self.place();
        let Some(quote) = self.next() else { return self.wrong("a string is missing") };
        let is_long = self.peek() == Some(quote) && self.ahead(1) == Some(quote);
        if is_long {
            self.next();
            self.next();
        }
        loop {
            let place = self.place();
            match self.next() {
                None => return wrong_at(opened, "this string is never closed"),
                Some('\n') if !is_long => return wrong_at(opened, "this string is not closed on its line"),
                Some(c) if c == quote => {
                    if !is_long {
                        return Ok(text);
                    }
                    if self.peek() == Some(quote) && self.ahead(1) == Some(quote) {
                        self.next();
                        self.next();
                        return Ok(text);
                    }
                    text.push(c);
                }
                Some('\\') if prefix.is_raw => {
                    text.push('\\');
                    // A quote behind a backslash ends no string, raw or not.
                    text.extend(self.next());
                }
                Some('\\') => text.extend(self.escape(place)?),
                Some(c) => text.push(c),
            }
        }
    }

    /// What an escape stands for, behind its backslash.
    fn escape(&mut self, place: Place) -> Read<Vec<char>> {
        let Some(c) = self.next() else { return wrong_at(place, "the file ends in an escape") };
        Ok(vec![match c {
            '\n' => return Ok(Vec::new()),
            '\\' | '\'' | '"' => c,
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '0'..='7' => {
                let mut code = c.to_digit(8).unwrap_or_default();
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.next();
                }
                return character(code, place).map(|c| vec![c]);
            }
            'x' => self.code(2, place)?,
            'u' => self.code(4, place)?,
            'U' => self.code(8, place)?,
            'N' => {
                return wrong_at(place, "characters by their names (\\N{…}) are not read: write the character itself");
            }
            // Python keeps the backslash, and warns.
            other => return Ok(vec!['\\', other]),
        }])
    }

    fn code(&mut self, digits: usize, place: Place) -> Read<char> {
        let mut code = 0;
        for _ in 0..digits {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else {
                return wrong_at(place, format!("this escape needs {digits} hexadecimal digits"));
            };
            code = code * 16 + digit;
            self.next();
        }
        character(code, place)
    }
}

fn character(code: u32, place: Place) -> Read<char> {
    match char::from_u32(code) {
        Some(c) => Ok(c),
        None => wrong_at(place, "this escape stands for no character"),
    }
}

/// What stands before a string.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Prefix {
    pub(super) is_raw: bool,
}

impl Prefix {
    /// None for a name that is no prefix of a string.
    pub(super) fn parse(word: &str, place: Place) -> Read<Option<Self>> {
        match word.to_ascii_lowercase().as_str() {
            "u" => Ok(Some(Self { is_raw: false })),
            "r" => Ok(Some(Self { is_raw: true })),
            "f" | "fr" | "rf" | "t" | "tr" | "rt" => {
                wrong_at(place, "a string that is computed (f\"…\") cannot be read: write it out")
            }
            "b" | "br" | "rb" => wrong_at(place, "bytes (b\"…\") have no meaning here: write a string"),
            _ => Ok(None),
        }
    }
}
