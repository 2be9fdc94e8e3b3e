//! The literal of the old agent registry: `AGENTS = {...}` in a file of Python. It is read, never run: whatever is no literal is
//! refused with its place, and everything outside of the literal is passed over.

mod numbers;
mod strings;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use self::strings::Prefix;
use super::{Located, Place, Unreadable, below};

/// How deep literals may lie in each other.
const DEEPEST: usize = 60;

/// What a registry is called.
const NAME: &str = "AGENTS";

/// Reads what `AGENTS` is set to, and finds where the file goes on to change it: that is not read, for it would have to be run.
pub(crate) fn registry(text: &str) -> Result<(Located, Vec<Unreadable>), Unreadable> {
    let mut parser = Parser::new(text);
    if !parser.find_assignment()? {
        let message = "nothing in it sets AGENTS: a registry has a line like AGENTS = {…}";
        return Err(Unreadable { place: None, message: message.to_owned() });
    }
    let mut places = BTreeMap::new();
    parser.skip_blank(false)?;
    let value = parser.value("", &mut places, 0)?;
    parser.ends_statement()?;
    Ok((Located { value, places }, parser.find_changes()))
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    line: u64,
    column: u64,
}

type Read<T> = Result<T, Unreadable>;

impl Parser {
    fn new(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
        Self { chars: text.chars().collect(), at: 0, line: 1, column: 1 }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn ahead(&self, by: usize) -> Option<char> {
        self.chars.get(self.at + by).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        if next == '\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        Some(next)
    }

    fn place(&self) -> Place {
        Place { line: self.line, column: self.column }
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Read<T> {
        wrong_at(self.place(), message)
    }

    /// Goes behind the `=` of the assignment.
    fn find_assignment(&mut self) -> Read<bool> {
        while self.find_name(true).is_some() {
            if self.is_assigned()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The places, each at the beginning of a line, at which it is set again, or a part of it.
    fn find_changes(&mut self) -> Vec<Unreadable> {
        let mut found = Vec::new();
        while let Some(place) = self.find_name(false) {
            let is_change = self.skip_blank(false).is_ok()
                && match self.peek() {
                    Some('=') => self.ahead(1) != Some('='),
                    Some('[' | '.' | '|' | '+' | ':') => true,
                    _ => false,
                };
            if is_change {
                let message = format!("{NAME} is changed here by code, which is not run: put it into the literal");
                found.push(Unreadable { place: Some(place), message });
            }
        }
        found
    }

    /// Goes behind the next place where the name begins a line, past strings and comments in which it only seems to.
    fn find_name(&mut self, begins_line: bool) -> Option<Place> {
        let mut begins_line = begins_line;
        while let Some(c) = self.peek() {
            match c {
                '\n' => {
                    self.next();
                    begins_line = true;
                }
                '#' => self.skip_comment(),
                '\'' | '"' => {
                    self.skip_string();
                    begins_line = false;
                }
                c if begins_line && is_word(c) => {
                    let place = self.place();
                    begins_line = false;
                    if self.word() == NAME {
                        return Some(place);
                    }
                }
                _ => {
                    self.next();
                    begins_line = false;
                }
            }
        }
        None
    }

    /// Skips a string of the code around, which may be of a kind that is not read here; a quote that begins none is skipped alone.
    fn skip_string(&mut self) {
        let before = (self.at, self.line, self.column);
        if self.string(String::new(), Prefix { is_raw: true }).is_err() {
            (self.at, self.line, self.column) = before;
            self.next();
        }
    }

    /// Whether what follows a name, perhaps with a type, is `=`.
    fn is_assigned(&mut self) -> Read<bool> {
        self.skip_blank(false)?;
        if self.peek() == Some(':') {
            while self.peek().is_some_and(|c| c != '=' && c != '\n') {
                self.next();
            }
        }
        if self.peek() != Some('=') || self.ahead(1) == Some('=') {
            return Ok(false);
        }
        self.next();
        Ok(true)
    }

    fn skip_comment(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.next();
        }
    }

    /// Skips blanks, lines that go on behind a backslash, and, inside of brackets, ends of lines and comments.
    fn skip_blank(&mut self, inside: bool) -> Read<()> {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\u{c}') => {}
                Some('\n') if inside => {}
                Some('#') if inside => {
                    self.skip_comment();
                    continue;
                }
                Some('\\') if self.ahead(1) == Some('\n') => {
                    self.next();
                }
                Some('\\') => return self.wrong("a backslash that does not end its line"),
                _ => return Ok(()),
            }
            self.next();
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| is_word(*c)) {
            word.push(c);
            self.next();
        }
        word
    }

    fn ends_statement(&mut self) -> Read<()> {
        self.skip_blank(false)?;
        match self.peek() {
            None | Some('\n' | '#' | ';') => Ok(()),
            Some(_) => self
                .wrong("something follows the value of AGENTS: only a literal can be read, nothing that is computed"),
        }
    }

    fn value(&mut self, pointer: &str, places: &mut BTreeMap<String, Place>, depth: usize) -> Read<Value> {
        if depth > DEEPEST {
            return self.wrong(format!("values lie more than {DEEPEST} levels deep in each other"));
        }
        let place = self.place();
        places.insert(pointer.to_owned(), place);
        match self.peek() {
            Some('{') => self.dict(pointer, places, depth),
            Some('[') => self.list(']', pointer, places, depth).map(|(items, _)| Value::Array(items)),
            Some('(') => {
                let (mut items, is_tuple) = self.list(')', pointer, places, depth)?;
                // In brackets without a comma it is the value itself, a string of several lines for instance.
                match items.pop() {
                    Some(only) if !is_tuple => {
                        lift(pointer, places);
                        Ok(only)
                    }
                    last => Ok(Value::Array(items.into_iter().chain(last).collect())),
                }
            }
            Some('\'' | '"') => self.strings(),
            Some(c) if c.is_ascii_digit() || "+-.".contains(c) => self.number(),
            Some(c) if is_word(c) => self.named(place),
            Some(c) => self.wrong(format!("'{c}' begins no value")),
            None => self.wrong("the file ends where a value is missing"),
        }
    }

    fn dict(&mut self, pointer: &str, places: &mut BTreeMap<String, Place>, depth: usize) -> Read<Value> {
        let opened = self.place();
        self.next();
        let mut object = Map::new();
        loop {
            self.skip_blank(true)?;
            match self.peek() {
                Some('}') => {
                    self.next();
                    return Ok(Value::Object(object));
                }
                None => return wrong_at(opened, "this '{' is never closed"),
                Some(_) => {}
            }
            let at = self.place();
            let Value::String(name) = self.value("", &mut BTreeMap::new(), depth + 1)? else {
                return wrong_at(at, "a key must be a string");
            };
            self.skip_blank(true)?;
            if self.peek() != Some(':') {
                return self.wrong(format!("a ':' is missing behind the key '{name}'"));
            }
            self.next();
            self.skip_blank(true)?;
            let value = self.value(&below(pointer, &name), places, depth + 1)?;
            // Python takes the last one; two entries under one name are a mistake all the same.
            if object.contains_key(&name) {
                return wrong_at(at, format!("the key '{name}' is there twice"));
            }
            object.insert(name, value);
            self.separator('}', opened)?;
        }
    }

    /// The items up to a closing bracket, and whether there was a comma.
    fn list(
        &mut self,
        close: char,
        pointer: &str,
        places: &mut BTreeMap<String, Place>,
        depth: usize,
    ) -> Read<(Vec<Value>, bool)> {
        let opened = self.place();
        self.next();
        let (mut items, mut has_comma) = (Vec::new(), false);
        loop {
            self.skip_blank(true)?;
            match self.peek() {
                Some(c) if c == close => {
                    self.next();
                    return Ok((items, has_comma));
                }
                None => return wrong_at(opened, "this bracket is never closed"),
                Some(_) => {}
            }
            items.push(self.value(&below(pointer, &items.len().to_string()), places, depth + 1)?);
            has_comma |= self.separator(close, opened)?;
        }
    }

    /// A comma, or the closing bracket, which stays. Whether it was a comma.
    fn separator(&mut self, close: char, opened: Place) -> Read<bool> {
        self.skip_blank(true)?;
        match self.peek() {
            Some(',') => {
                self.next();
                Ok(true)
            }
            Some(c) if c == close => Ok(false),
            None => wrong_at(opened, "this bracket is never closed"),
            Some(_) if self.is_operator() => self.wrong(
                "something is computed here: only literals can be read, nothing that is computed, so write out the value",
            ),
            Some(_) => self.wrong(format!("a comma or '{close}' is missing")),
        }
    }

    /// Whether what follows a value makes an expression of it. Brackets do so, too, but where a comma is missing they are more
    /// likely the next value.
    fn is_operator(&self) -> bool {
        let word: String = self.chars.iter().skip(self.at).take_while(|c| is_word(**c)).collect();
        matches!(word.as_str(), "if" | "or" | "and" | "for" | "in" | "is" | "not")
            || self.peek().is_some_and(|c| "+-*/%|&^<>=!@.".contains(c))
    }

    /// `True`, `False`, `None`, and strings with a prefix; other names are no literals.
    fn named(&mut self, place: Place) -> Read<Value> {
        let word = self.word();
        match word.as_str() {
            "True" => return Ok(Value::Bool(true)),
            "False" => return Ok(Value::Bool(false)),
            "None" => return Ok(Value::Null),
            _ => {}
        }
        if matches!(self.peek(), Some('\'' | '"'))
            && let Some(prefix) = Prefix::parse(&word, place)?
        {
            let first = self.string(String::new(), prefix)?;
            return self.more_strings(first);
        }
        let hint = match word.as_str() {
            "true" | "false" | "null" => " (Python writes True, False and None)",
            _ => "",
        };
        wrong_at(place, format!("'{word}' is no literal: only values that are written out can be read{hint}"))
    }
}

/// The places of an only value in brackets are those of the value.
fn lift(pointer: &str, places: &mut BTreeMap<String, Place>) {
    let inner = below(pointer, "0");
    let moved: Vec<(String, Place)> = places
        .iter()
        .filter_map(|(at, place)| {
            let rest = at.strip_prefix(&inner).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
            Some((format!("{pointer}{rest}"), *place))
        })
        .collect();
    places.retain(|at, _| at != &inner && !at.starts_with(&format!("{inner}/")));
    places.extend(moved);
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn wrong_at<T>(place: Place, message: impl Into<String>) -> Read<T> {
    Err(Unreadable { place: Some(place), message: message.into() })
}

#[cfg(test)]
#[path = "python_tests.rs"]
mod tests;
