//! How much work a token's blocks ask for, before any of it is done.
//!
//! Any holder may add blocks, and the library looks at its limits only between rounds of evaluation: a single check that joins
//! ten facts with themselves ten times would run for hours. So what is asked for is bounded by looking at it. Left out
//! altogether are `.matches()`, because a short pattern can take megabytes to compile, and `+`, because texts can grow by it.

use std::{collections::HashMap, time::Duration};

use biscuit_auth::{
    Authorizer, AuthorizerLimits,
    builder::{Binary, Expression, Fact, Op, Predicate, Rule, Term},
};

/// The most facts of a token and a request together, and the most rounds in which rules may add some. Time is a net below: a
/// token that passes here needs milliseconds, and a busy machine must not refuse it.
pub(super) const LIMITS: AuthorizerLimits =
    AuthorizerLimits { max_facts: 64, max_iterations: 8, max_time: Duration::from_millis(500) };

/// The most steps: about what takes ten milliseconds.
const MAX_STEPS: usize = 100_000;

/// The facts that a request adds.
const OF_THE_REQUEST: [&str; 7] = ["operation", "mode", "time", "workflow", "run", "step", "agent"];

/// Whether the token is cheap enough to be evaluated.
pub(super) fn is_affordable(authorizer: &Authorizer) -> bool {
    let (facts, rules, checks, _) = authorizer.dump();
    let measure = Measure::new(&facts, &rules);
    let queries = checks.iter().flat_map(|check| &check.queries);
    if measure.facts > limit(LIMITS.max_facts) {
        return false;
    }
    let rounds = limit(LIMITS.max_iterations);
    let of_rules = rules.iter().map(|rule| measure.query(rule).saturating_mul(rounds));
    let steps = of_rules.chain(queries.map(|query| measure.query(query))).fold(0, usize::saturating_add);
    steps <= MAX_STEPS
}

fn limit(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

struct Measure {
    facts: usize,
    /// How many facts there are of each name. With rules, any name may get as many as there may be at all.
    of_name: Option<HashMap<String, usize>>,
    /// How many elements all collections have together: no closure runs more often.
    elements: usize,
}

impl Measure {
    fn new(facts: &[Fact], rules: &[Rule]) -> Self {
        let mut of_name: HashMap<String, usize> = HashMap::new();
        for name in facts.iter().map(|fact| fact.predicate.name.as_str()).chain(OF_THE_REQUEST) {
            *of_name.entry(name.to_owned()).or_default() += 1;
        }
        let elements = facts.iter().flat_map(|fact| &fact.predicate.terms).map(elements).sum();
        Self { facts: of_name.values().sum(), of_name: rules.is_empty().then_some(of_name), elements }
    }

    /// Every fact is looked at for each predicate and each way in which those before it were met; expressions are evaluated for
    /// each way in which all are.
    fn query(&self, query: &Rule) -> usize {
        let (mut ways, mut steps) = (1usize, 0usize);
        for predicate in &query.body {
            steps = steps.saturating_add(ways.saturating_mul(self.all_facts()));
            ways = ways.saturating_mul(self.matching(predicate).max(1));
        }
        let expressions: usize = query.expressions.iter().map(|it| self.expression(it)).fold(1, usize::saturating_add);
        steps.saturating_add(ways.saturating_mul(expressions))
    }

    fn all_facts(&self) -> usize {
        if self.of_name.is_some() { self.facts } else { limit(LIMITS.max_facts) }
    }

    fn matching(&self, predicate: &Predicate) -> usize {
        match &self.of_name {
            Some(of_name) => of_name.get(&predicate.name).copied().unwrap_or_default(),
            None => limit(LIMITS.max_facts),
        }
    }

    fn expression(&self, expression: &Expression) -> usize {
        let elements = self.elements.saturating_add(in_values(&expression.ops));
        operations(&expression.ops, elements)
    }
}

fn operations(ops: &[Op], all_elements: usize) -> usize {
    let of = |op: &Op| match op {
        Op::Value(_) | Op::Unary(_) => 1,
        Op::Binary(Binary::Regex | Binary::Add | Binary::Ffi(_)) => usize::MAX,
        Op::Binary(_) => all_elements.saturating_add(1),
        // `&&` and `||` are closures without parameters, run at most once.
        Op::Closure(parameters, body) if parameters.is_empty() => operations(body, all_elements),
        Op::Closure(_, body) => operations(body, all_elements).saturating_mul(all_elements.max(1)),
    };
    ops.iter().map(of).fold(0, usize::saturating_add)
}

fn in_values(ops: &[Op]) -> usize {
    let of = |op: &Op| match op {
        Op::Value(term) => elements(term),
        Op::Closure(_, body) => in_values(body),
        Op::Unary(_) | Op::Binary(_) => 0,
    };
    ops.iter().map(of).sum()
}

fn elements(term: &Term) -> usize {
    match term {
        Term::Set(set) => set.iter().map(|term| 1 + elements(term)).sum(),
        Term::Array(array) => array.iter().map(|term| 1 + elements(term)).sum(),
        Term::Map(map) => map.values().map(|term| 1 + elements(term)).sum(),
        _ => 0,
    }
}
