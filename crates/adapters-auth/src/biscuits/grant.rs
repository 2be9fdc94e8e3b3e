//! A grant as the facts and checks of a token's first block, and back.
//!
//! The names of these facts are what `orrery token inspect` shows. Only the server signs a first block, so attenuations cannot
//! change what is said here.

use std::{collections::BTreeSet, time::SystemTime};

use biscuit_auth::{
    Authorizer, Biscuit, BiscuitBuilder,
    builder::{self, Binary, Check, CheckKind, Expression, Fact, Op, Term},
    error::Token,
};
use chrono::DateTime;
use domain::{
    Timestamp,
    access::{Role, Scope, TaskGrant, TokenGrant},
    agents::AgentName,
    ids::{RunId, StepPath},
};

/// The block that says so.
pub(super) fn block(grant: &TokenGrant) -> BiscuitBuilder {
    let expires_at = seconds(grant.expires_at);
    let mut facts = vec![
        fact("principal", vec![text(&grant.principal)]),
        fact("role", vec![text(grant.role.as_str())]),
        fact("expires", vec![Term::Date(expires_at)]),
    ];
    let mut checks = vec![ends(expires_at)];
    facts.extend(grant.source.as_ref().map(|source| fact("source", vec![text(source)])));
    facts.extend(grant.scope.workflows.as_ref().map(|names| fact("only_workflows", vec![set(names)])));
    facts.extend(grant.scope.agents.as_ref().map(|names| fact("only_agents", vec![set(names)])));
    if grant.hides_payloads {
        facts.push(fact("hides_payloads", vec![Term::Bool(true)]));
    }
    if let Some(TaskGrant { run, step, agent, generation, round }) = &grant.task {
        let place = [("run", text(run.as_str())), ("step", text(step.as_str())), ("agent", text(agent.as_str()))];
        let call = [*generation, *round].map(|number| Term::Integer(number.into()));
        facts.push(fact("task", place.iter().map(|(_, value)| value.clone()).chain(call).collect()));
        checks.push(builder::check(&place.map(|(name, value)| builder::pred(name, &[value])), CheckKind::One));
    }
    let block = facts.into_iter().try_fold(Biscuit::builder(), BiscuitBuilder::fact);
    let block = block.and_then(|block| checks.into_iter().try_fold(block, BiscuitBuilder::check));
    block.expect("these facts and checks have no parameters left open")
}

/// What the first block grants; none if it was not written by [`block`].
pub(super) fn read(authorizer: &mut Authorizer) -> Result<Option<TokenGrant>, Token> {
    let mut facts = Facts(authorizer);
    let principal = facts.text("principal")?;
    let role = facts.text("role")?.and_then(|name| Role::parse(&name));
    let expires_at = facts.one("expires", 1)?.and_then(|terms| date(terms.first()?));
    let (Some(principal), Some(role), Some(expires_at)) = (principal, role, expires_at) else { return Ok(None) };
    let task = match facts.one("task", 5)? {
        None => None,
        Some(terms) => match task(&terms) {
            None => return Ok(None),
            task => task,
        },
    };
    Ok(Some(TokenGrant {
        principal,
        source: facts.text("source")?,
        role,
        scope: Scope { workflows: facts.names("only_workflows")?, agents: facts.names("only_agents")? },
        hides_payloads: facts.one("hides_payloads", 1)?.is_some(),
        expires_at,
        task,
    }))
}

/// When a check of the form that sets an end (`check if time($t), $t < …`) does so, whoever wrote it.
pub(super) fn end(check: &Check) -> Option<Timestamp> {
    let [query] = check.queries.as_slice() else { return None };
    let ([time], [expression]) = (query.body.as_slice(), query.expressions.as_slice()) else { return None };
    let ("time", [Term::Variable(now)]) = (time.name.as_str(), time.terms.as_slice()) else { return None };
    let [Op::Value(Term::Variable(left)), Op::Value(Term::Date(end)), Op::Binary(operator)] = expression.ops.as_slice()
    else {
        return None;
    };
    let last = match operator {
        Binary::LessThan => *end,
        Binary::LessOrEqual => end.saturating_add(1),
        _ => return None,
    };
    (left == now && check.kind == CheckKind::One).then(|| date(&Term::Date(last))).flatten()
}

/// `check if time($t), $t < end`.
pub(crate) fn ends(end: u64) -> Check {
    let time = builder::pred("time", &[builder::var("t")]);
    let before = Expression {
        ops: vec![Op::Value(builder::var("t")), Op::Value(Term::Date(end)), Op::Binary(Binary::LessThan)],
    };
    let query = builder::constrained_rule("query", &[] as &[Term], &[time], &[before]);
    Check { queries: vec![query], kind: CheckKind::One }
}

/// What the first block says. Facts of later blocks are not trusted, so they are not seen.
struct Facts<'a>(&'a mut Authorizer);

impl Facts<'_> {
    fn one(&mut self, name: &str, terms: usize) -> Result<Option<Vec<Term>>, Token> {
        let variables: Vec<Term> = ["a", "b", "c", "d", "e"][..terms].iter().map(|name| builder::var(name)).collect();
        let rule = builder::rule("data", &variables, &[builder::pred(name, &variables)]);
        let found: Vec<Fact> = self.0.query(rule)?;
        Ok(found.into_iter().next().map(|fact| fact.predicate.terms))
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Token> {
        Ok(self.one(name, 1)?.and_then(|terms| as_text(terms.first()?)))
    }

    fn names(&mut self, name: &str) -> Result<Option<BTreeSet<String>>, Token> {
        let Some(terms) = self.one(name, 1)? else { return Ok(None) };
        // Whatever cannot be read allows nothing.
        let Some(Term::Set(names)) = terms.first() else { return Ok(Some(BTreeSet::new())) };
        Ok(Some(names.iter().filter_map(as_text).collect()))
    }
}

fn task(terms: &[Term]) -> Option<TaskGrant> {
    let [run, step, agent, generation, round] = terms else { return None };
    Some(TaskGrant {
        run: RunId::parse(&as_text(run)?).ok()?,
        step: StepPath::parse(&as_text(step)?).ok()?,
        agent: AgentName::parse(&as_text(agent)?).ok()?,
        generation: as_number(generation)?,
        round: as_number(round)?,
    })
}

pub(super) fn fact(name: &str, terms: Vec<Term>) -> Fact {
    Fact::new(name.to_owned(), terms)
}

pub(super) fn text(text: &str) -> Term {
    Term::Str(text.to_owned())
}

/// A time in the unit of tokens, whole seconds.
pub(crate) fn seconds(time: Timestamp) -> u64 {
    let since = SystemTime::from(time).duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn set(names: &BTreeSet<String>) -> Term {
    Term::Set(names.iter().map(|name| text(name)).collect())
}

fn as_text(term: &Term) -> Option<String> {
    if let Term::Str(text) = term { Some(text.clone()) } else { None }
}

fn as_number(term: &Term) -> Option<u32> {
    if let Term::Integer(number) = term { u32::try_from(*number).ok() } else { None }
}

fn date(term: &Term) -> Option<Timestamp> {
    let Term::Date(seconds) = term else { return None };
    DateTime::from_timestamp(i64::try_from(*seconds).ok()?, 0)
}
