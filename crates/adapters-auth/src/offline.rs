//! What anybody can do with a token who holds it: look into it, and narrow it. No key is needed for either, so nothing here
//! says whether a token is good.

use std::{fmt::Write, time::Duration};

use biscuit_auth::{
    BlockBuilder, UnverifiedBiscuit,
    builder::{self, Binary, Check, CheckKind, Expression, Op, Term},
    error::Token,
};
use domain::{Timestamp, agents::Secret};

use crate::{
    MAX_BLOCKS, MAX_TOKEN,
    biscuits::{ends, hex, seconds},
};

/// Why a text cannot be used as a token.
#[derive(Debug, thiserror::Error)]
pub enum NotAToken {
    /// It is none.
    #[error("this is no Biscuit token")]
    Form,
    /// It has as many blocks as the server looks at.
    #[error("this token has {MAX_BLOCKS} blocks already, and the server takes no more")]
    Full,
    /// It would be longer than what the server looks at.
    #[error("the narrower token would have more than the {MAX_TOKEN} bytes that the server takes")]
    Long,
    /// It is sealed.
    #[error("this token was sealed: nobody can narrow it any more")]
    Sealed,
}

/// A token as it shows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The number by which the server finds the key that it was minted with.
    pub root_key: Option<u32>,
    /// Its blocks, the server's own first.
    pub blocks: Vec<InspectedBlock>,
}

/// A block of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedBlock {
    /// What it says, as Datalog.
    pub datalog: String,
    /// The id by which it is revoked, and with it every token that has it.
    pub revocation_id: String,
}

/// Looks into a token without checking it.
pub fn inspect(token: &Secret) -> Result<Inspected, NotAToken> {
    let token = UnverifiedBiscuit::from_base64(token.reveal().trim()).map_err(|_| NotAToken::Form)?;
    let ids = token.revocation_identifiers();
    let blocks = ids.iter().enumerate().map(|(index, id)| {
        let datalog = token.print_block_source(index).map_err(|_| NotAToken::Form)?;
        Ok(InspectedBlock { datalog, revocation_id: hex(id) })
    });
    Ok(Inspected { root_key: token.root_key_id(), blocks: blocks.collect::<Result<_, _>>()? })
}

/// What to take away from a token. Whatever is named must hold; several workflows are alternatives, and so on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attenuation {
    /// It ends at this time, if it does not end earlier.
    pub ends: Option<Timestamp>,
    /// It is good for these workflows and their runs only.
    pub workflows: Vec<String>,
    /// It is good for these runs only.
    pub runs: Vec<String>,
    /// It is good for these agents only.
    pub agents: Vec<String>,
    /// It only reads.
    pub read_only: bool,
}

impl Attenuation {
    /// When a token ends that is good for this long from now.
    pub fn ending_in(now: Timestamp, duration: Duration) -> Option<Timestamp> {
        chrono::TimeDelta::from_std(duration).ok().and_then(|duration| now.checked_add_signed(duration))
    }

    /// The narrower token. The one that it was made from stays as good as it was.
    pub fn apply(&self, token: &Secret) -> Result<Secret, NotAToken> {
        let token = UnverifiedBiscuit::from_base64(token.reveal().trim()).map_err(|_| NotAToken::Form)?;
        if token.block_count() >= MAX_BLOCKS {
            return Err(NotAToken::Full);
        }
        let narrowed = self.block().and_then(|block| token.append(block)).and_then(|token| token.to_base64());
        let narrowed = narrowed.map_err(|error| match error {
            Token::AppendOnSealed | Token::AlreadySealed => NotAToken::Sealed,
            _ => NotAToken::Form,
        })?;
        if narrowed.len() > MAX_TOKEN { Err(NotAToken::Long) } else { Ok(Secret::new(narrowed)) }
    }

    fn block(&self) -> Result<BlockBuilder, Token> {
        let mut checks: Vec<Check> = self.ends.iter().map(|end| ends(seconds(*end))).collect();
        for (name, values) in [("workflow", &self.workflows), ("run", &self.runs), ("agent", &self.agents)] {
            checks.extend(one_of(name, values));
        }
        if self.read_only {
            checks.extend(one_of("mode", &["read".to_owned()]));
        }
        checks.into_iter().try_fold(BlockBuilder::new(), BlockBuilder::check)
    }
}

/// `check if name($it), [values].contains($it)`; nothing, if there are no values.
fn one_of(name: &str, values: &[String]) -> Option<Check> {
    let text = |value: &String| Term::Str(value.clone());
    let query = match values {
        [] => return None,
        [value] => builder::constrained_rule(
            "query",
            &[] as &[Term],
            &[builder::pred(name, &[text(value)])],
            &[] as &[Expression],
        ),
        values => {
            let it = builder::var("it");
            let set = Term::Set(values.iter().map(text).collect());
            let is_one = Expression { ops: vec![Op::Value(set), Op::Value(it.clone()), Op::Binary(Binary::Contains)] };
            builder::constrained_rule("query", &[] as &[Term], &[builder::pred(name, &[it])], &[is_one])
        }
    };
    Some(Check { queries: vec![query], kind: CheckKind::One })
}

impl Inspected {
    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Some(root) = self.root_key {
            let _ = writeln!(text, "minted with the root {root:08x}; not checked here");
        }
        for (index, block) in self.blocks.iter().enumerate() {
            let who = if index == 0 { "the server's" } else { "a holder's" };
            let _ = write!(text, "\nblock {index} ({who}), revoked by {}\n", block.revocation_id);
            for statement in statements(&block.datalog) {
                let _ = writeln!(text, "    {statement}");
            }
        }
        text
    }
}

/// The statements of a block, with everything visible that is in them. The library prints texts as they are: what a stranger has
/// written into one must neither look like a statement of its own nor tell the terminal anything.
fn statements(datalog: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    let (mut in_text, mut before) = (false, None);
    for c in datalog.chars() {
        if c == '\n' && before == Some(';') && !in_text {
            statements.push(String::new());
        } else if let Some(statement) = statements.last_mut() {
            if c.is_control() || is_invisible(c) {
                statement.extend(c.escape_default());
            } else {
                statement.push(c);
            }
        }
        in_text ^= c == '"';
        before = Some(c);
    }
    statements.retain(|statement| !statement.is_empty());
    statements
}

/// Marks that turn the direction of writing around, or have no width.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_text_is_no_statement_and_no_order_to_a_terminal() {
        let block = "check if agent(\"a\u{1b}[2J;\ncheck if mode(\\b\u{202e})\");\ncheck if mode(\"read\");\n";
        assert_eq!(
            statements(block),
            ["check if agent(\"a\\u{1b}[2J;\\ncheck if mode(\\b\\u{202e})\");", "check if mode(\"read\");",]
        );
    }
}
