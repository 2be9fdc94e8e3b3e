//! From words to a tree, with the precedence of Python.

use super::{
    expression::{Comparison, Expression, Operator},
    token::{Kind, Token, tokens},
};

/// The deepest nesting of a condition.
const MAX_DEPTH: usize = 32;

/// The longest condition, in bytes.
const MAX_BYTES: usize = 16 << 10;

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {problem}")]
pub struct SyntaxError {
    /// The number of the character, from 1.
    pub at: usize,
    /// What is wrong there.
    pub problem: String,
}

pub(super) fn parse(text: &str) -> Result<Expression, SyntaxError> {
    if text.len() > MAX_BYTES {
        return Err(SyntaxError { at: 1, problem: format!("the condition is longer than {MAX_BYTES} bytes") });
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens, next: 0, depth: 0 };
    let root = parser.expression()?;
    match parser.peek() {
        Kind::End => Ok(root),
        _ => Err(parser.unexpected()),
    }
}

struct Parser {
    /// Ends with [`Kind::End`].
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

type Parsed = Result<Expression, SyntaxError>;

impl Parser {
    fn peek(&self) -> &Kind {
        &self.tokens[self.next].kind
    }

    fn advance(&mut self) -> Kind {
        let kind = self.peek().clone();
        if kind != Kind::End {
            self.next += 1;
        }
        kind
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Kind::Symbol(found) if *found == symbol);
        if found {
            self.next += 1;
        }
        found
    }

    fn one_of<T: Copy>(&mut self, choice: &[(&str, T)]) -> Option<T> {
        choice.iter().find(|(symbol, _)| self.eat(symbol)).map(|(_, meaning)| *meaning)
    }

    fn expect(&mut self, symbol: &str) -> Result<(), SyntaxError> {
        if self.eat(symbol) { Ok(()) } else { Err(self.error(format!("'{symbol}' is missing"))) }
    }

    fn error(&self, problem: impl Into<String>) -> SyntaxError {
        SyntaxError { at: self.tokens[self.next].at, problem: problem.into() }
    }

    fn unexpected(&self) -> SyntaxError {
        self.error(match self.peek() {
            Kind::End => "the condition ends where a value is expected".to_owned(),
            Kind::Symbol("(") => "functions cannot be called".to_owned(),
            Kind::Symbol(symbol) => format!("'{symbol}' is not expected here"),
            Kind::Literal(_) | Kind::Text(_) | Kind::Reference(_) => "an operator is missing before this".to_owned(),
        })
    }

    /// `a if b else c`
    fn expression(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("the condition is nested deeper than {MAX_DEPTH} levels")));
        }
        let first = self.disjunction()?;
        let whole = if self.eat("if") {
            let condition = self.disjunction()?;
            self.expect("else")?;
            Expression::Choice(Box::new([first, condition, self.expression()?]))
        } else {
            first
        };
        self.depth -= 1;
        Ok(whole)
    }

    fn disjunction(&mut self) -> Parsed {
        let first = self.conjunction()?;
        self.list_of("or", first, Self::conjunction, Expression::Or)
    }

    fn conjunction(&mut self) -> Parsed {
        let first = self.negation()?;
        self.list_of("and", first, Self::negation, Expression::And)
    }

    fn list_of(
        &mut self,
        symbol: &str,
        first: Expression,
        part: fn(&mut Self) -> Parsed,
        whole: fn(Vec<Expression>) -> Expression,
    ) -> Parsed {
        let mut parts = vec![first];
        while self.eat(symbol) {
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { whole(parts) })
    }

    fn negation(&mut self) -> Parsed {
        let mut negated = 0;
        while self.eat("not") {
            negated += 1;
        }
        // Twice not is the truth of the value, which a run of any length of them is or is the contrary of.
        let whole = self.comparison()?;
        Ok(match negated {
            0 => whole,
            n if n % 2 == 1 => Expression::Not(Box::new(whole)),
            _ => Expression::Not(Box::new(Expression::Not(Box::new(whole)))),
        })
    }

    fn comparison(&mut self) -> Parsed {
        let first = self.bits()?;
        let mut rest = Vec::new();
        while let Some(comparison) = self.comparator()? {
            rest.push((comparison, self.bits()?));
        }
        Ok(if rest.is_empty() { first } else { Expression::Compare(Box::new(first), rest) })
    }

    fn comparator(&mut self) -> Result<Option<Comparison>, SyntaxError> {
        if self.eat("not") {
            self.expect("in")?;
            return Ok(Some(Comparison::NotIn));
        }
        if self.eat("is") {
            return Ok(Some(if self.eat("not") { Comparison::IsNot } else { Comparison::Is }));
        }
        Ok(self.one_of(&[
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("in", Comparison::In),
            ("contains", Comparison::Contains),
        ]))
    }

    fn bits(&mut self) -> Parsed {
        self.binary(&[("|", Operator::Or)], |parser| {
            parser.binary(&[("&", Operator::And)], |parser| {
                parser.binary(&[("+", Operator::Add), ("-", Operator::Subtract)], |parser| {
                    parser.binary(
                        &[
                            ("*", Operator::Multiply),
                            ("//", Operator::FloorDivide),
                            ("/", Operator::Divide),
                            ("%", Operator::Remainder),
                        ],
                        Self::factor,
                    )
                })
            })
        })
    }

    fn binary(&mut self, operators: &[(&str, Operator)], part: fn(&mut Self) -> Parsed) -> Parsed {
        let mut whole = part(self)?;
        let mut length = 0;
        while let Some(operator) = self.one_of(operators) {
            length += 1;
            if length > MAX_DEPTH {
                // Each operator is one level of the tree.
                return Err(self.error(format!("more than {MAX_DEPTH} operators in a row")));
            }
            whole = Expression::Binary(operator, Box::new((whole, part(self)?)));
        }
        Ok(whole)
    }

    fn factor(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("the condition is nested deeper than {MAX_DEPTH} levels")));
        }
        let whole = if self.eat("-") {
            Expression::Negative(Box::new(self.factor()?))
        } else if self.eat("+") {
            Expression::Positive(Box::new(self.factor()?))
        } else {
            let base = self.element()?;
            if self.eat("**") { Expression::Binary(Operator::Power, Box::new((base, self.factor()?))) } else { base }
        };
        self.depth -= 1;
        Ok(whole)
    }

    fn element(&mut self) -> Parsed {
        let mut whole = self.value()?;
        let mut length = 0;
        while self.eat("[") {
            length += 1;
            if length > MAX_DEPTH {
                return Err(self.error(format!("more than {MAX_DEPTH} indexes in a row")));
            }
            let index = self.expression()?;
            self.expect("]")?;
            whole = Expression::Element(Box::new((whole, index)));
        }
        match self.peek() {
            Kind::Symbol("(") => Err(self.unexpected()),
            _ => Ok(whole),
        }
    }

    fn value(&mut self) -> Parsed {
        match self.peek() {
            Kind::Literal(_) | Kind::Text(_) | Kind::Reference(_) => Ok(match self.advance() {
                Kind::Text(parts) => Expression::Text(parts),
                Kind::Reference(reference) => Expression::Reference(reference),
                Kind::Literal(value) => Expression::Literal(value),
                Kind::Symbol(_) | Kind::End => Expression::Literal(serde_json::Value::Null),
            }),
            Kind::Symbol("(") => {
                self.next += 1;
                let first = if self.eat(")") { return Ok(Expression::List(Vec::new())) } else { self.expression()? };
                if self.eat(")") {
                    return Ok(first);
                }
                let mut items = vec![first];
                while self.eat(",") {
                    if matches!(self.peek(), Kind::Symbol(")")) {
                        break;
                    }
                    items.push(self.expression()?);
                }
                self.expect(")")?;
                Ok(Expression::List(items))
            }
            Kind::Symbol("[") => {
                self.next += 1;
                self.until("]", Self::expression).map(Expression::List)
            }
            Kind::Symbol("{") => {
                self.next += 1;
                let member = |parser: &mut Self| {
                    let key = parser.expression()?;
                    parser.expect(":")?;
                    Ok((key, parser.expression()?))
                };
                self.until("}", member).map(Expression::Object)
            }
            Kind::Symbol(_) | Kind::End => Err(self.unexpected()),
        }
    }

    fn until<T>(
        &mut self,
        close: &str,
        item: impl Fn(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<Vec<T>, SyntaxError> {
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(item(self)?);
            if !self.eat(",") {
                self.expect(close)?;
                break;
            }
        }
        Ok(items)
    }
}
