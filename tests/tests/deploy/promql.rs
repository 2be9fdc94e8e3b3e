//! Expressions of Prometheus, held against what is measured.
//!
//! It reads what dashboards and alerts are written in: selectors, ranges, functions, aggregations, operators. Not the whole language: a parser of
//! others would have had half of all packages compiled anew for it. What it does not know is a mistake.

use std::collections::BTreeSet;

use crate::measured::Measured;

/// Functions, each with whether it keeps the labels of what it is given.
const FUNCTIONS: [&str; 8] =
    ["rate", "increase", "histogram_quantile", "absent", "absent_over_time", "max_over_time", "clamp_min", "vector"];
const AGGREGATIONS: [&str; 7] = ["sum", "min", "max", "avg", "count", "topk", "bottomk"];
const OPERATORS: [&str; 14] = ["+", "-", "*", "/", "%", "==", "!=", ">=", "<=", ">", "<", "and", "or", "unless"];

/// What an expression uses.
#[derive(Debug, Default)]
pub(crate) struct Used {
    /// The series, by their names.
    pub(crate) series: BTreeSet<String>,
    /// The labels that its results may have.
    pub(crate) labels: BTreeSet<String>,
    /// What is wrong with it.
    pub(crate) mistakes: Vec<String>,
}

/// Reads an expression, with Grafana's variables in it, and finds every name in it that nobody measures.
pub(crate) fn check(expression: &str, measured: &Measured) -> Used {
    let plain = expression.replace("$__rate_interval", "5m").replace("$__range", "1h");
    let mut reader = Reader { words: words(&plain), at: 0, measured, used: Used::default() };
    let read = reader.expression();
    let (at, mut used) = (reader.at, reader.used);
    match read {
        Ok(labels) if at == reader.words.len() => used.labels = labels,
        Ok(_) => used.mistakes.push(format!("no PromQL from '{}' on: {expression}", reader.words[at])),
        Err(mistake) => used.mistakes.push(format!("no PromQL: {mistake}: {expression}")),
    }
    used
}

/// Names, numbers and durations, strings, signs.
fn words(text: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
        let length = if of_name(first) {
            rest.find(|c| !of_name(c)).unwrap_or(rest.len())
        } else if first == '"' {
            rest[1..].find('"').map_or(rest.len(), |end| end + 2)
        } else if ["==", "!=", ">=", "<=", "=~", "!~"].iter().any(|sign| rest.starts_with(sign)) {
            2
        } else {
            first.len_utf8()
        };
        found.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    found
}

struct Reader<'a> {
    words: Vec<String>,
    at: usize,
    measured: &'a Measured,
    used: Used,
}

type Labels = BTreeSet<String>;

impl Reader<'_> {
    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.words.get(self.at - 1).cloned().unwrap_or_default()
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.peek() == word;
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.takes(word) { Ok(()) } else { Err(format!("'{word}' is missing before '{}'", self.peek())) }
    }

    /// Operators are taken from left to right: what matters are the names.
    fn expression(&mut self) -> Result<Labels, String> {
        let mut labels = self.operand()?;
        while OPERATORS.contains(&self.peek()) {
            self.next();
            self.takes("bool");
            let on = if self.takes("on") { Some(self.list()?) } else { None };
            let right = self.operand()?;
            for label in on.iter().flatten() {
                self.known(label, &labels);
                self.known(label, &right);
            }
            labels.extend(right);
        }
        Ok(labels)
    }

    fn operand(&mut self) -> Result<Labels, String> {
        let word = self.next();
        let first = word.chars().next().ok_or("it ends too early")?;
        if word == "(" {
            let labels = self.expression()?;
            self.expect(")")?;
            return Ok(labels);
        }
        if first.is_ascii_digit() || first == '"' {
            return Ok(Labels::new());
        }
        if AGGREGATIONS.contains(&word.as_str()) {
            return self.aggregation(&word);
        }
        if self.peek() == "(" {
            return if FUNCTIONS.contains(&word.as_str()) {
                self.arguments()
            } else {
                Err(format!("there is no function {word}"))
            };
        }
        if first.is_ascii_alphabetic() { self.selector(&word) } else { Err(format!("'{word}' begins nothing")) }
    }

    fn arguments(&mut self) -> Result<Labels, String> {
        self.expect("(")?;
        let mut labels = self.expression()?;
        while self.takes(",") {
            labels.extend(self.expression()?);
        }
        self.expect(")")?;
        Ok(labels)
    }

    fn aggregation(&mut self, name: &str) -> Result<Labels, String> {
        let mut by = if self.takes("by") { Some(self.list()?) } else { None };
        let of = self.arguments()?;
        if by.is_none() && self.takes("by") {
            by = Some(self.list()?);
        }
        match by {
            Some(by) => {
                for label in &by {
                    self.known(label, &of);
                }
                Ok(by.into_iter().collect())
            }
            // The largest of several keep all that they have.
            None if name.ends_with('k') => Ok(of),
            None => Ok(Labels::new()),
        }
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut names = vec![self.next()];
        while self.takes(",") {
            names.push(self.next());
        }
        self.expect(")")?;
        Ok(names)
    }

    fn known(&mut self, label: &str, of: &Labels) {
        if !of.contains(label) {
            self.used.mistakes.push(format!("nothing has the label {label} there"));
        }
    }

    fn selector(&mut self, name: &str) -> Result<Labels, String> {
        let labels = self.measured.labels(name);
        if labels.is_none() {
            self.used.mistakes.push(format!("nobody measures {name}"));
        }
        if self.takes("{") {
            while !self.takes("}") {
                let (label, sign, value) = (self.next(), self.next(), self.next());
                if !["=", "!=", "=~", "!~"].contains(&sign.as_str()) || !value.starts_with('"') {
                    return Err(format!("'{label}{sign}{value}' chooses nothing"));
                }
                if labels.as_ref().is_some_and(|labels| !labels.contains(&label)) {
                    self.used.mistakes.push(format!("{name} has no label {label}"));
                }
                self.takes(",");
            }
        }
        if self.takes("[") {
            let range = self.next();
            if !range.ends_with(['s', 'm', 'h', 'd']) || range[..range.len() - 1].parse::<u32>().is_err() {
                return Err(format!("{range} is no time"));
            }
            self.expect("]")?;
        }
        self.used.series.insert(name.to_owned());
        Ok(labels.unwrap_or_default())
    }
}

#[test]
fn a_wrong_name_and_a_wrong_label_are_found_wherever_they_stand() {
    let measured = Measured::by_the_program();
    let mistakes = |expression: &str| check(expression, &measured).mistakes.join("; ");
    for (expression, mistake) in [
        ("rate(orrery_nothing_total[5m])", "nobody measures orrery_nothing_total"),
        ("sum(orrery_runs_owned) / (1 + orrery_runs_owed)", "nobody measures orrery_runs_owed"),
        ("orrery_commit_duration_seconds", "nobody measures orrery_commit_duration_seconds"),
        ("orrery_runs_finished_total{state=\"FAILED\"}", "has no label state"),
        ("sum by (topic) (orrery_runs_owned)", "label topic"),
        ("sum by (le) (rate(orrery_commit_duration_seconds_sum[5m]))", "label le"),
        ("orrery_runs_waiting unless on (kind) orrery_runs_owned", "label kind"),
        ("sum(orrery_runs_owned", "no PromQL"),
        ("orrery_runs_owned orrery_runs_owned", "no PromQL"),
        ("rate(orrery_runs_started_total[5])", "no PromQL"),
        ("frobnicate(orrery_runs_owned)", "no PromQL"),
    ] {
        assert!(mistakes(expression).contains(mistake), "{expression}: {}", mistakes(expression));
    }
    assert_eq!(mistakes("sum by (job, status) (rate(orrery_runs_finished_total{job=~\"a\"}[$__rate_interval]))"), "");
    let labels = check("topk(3, sum by (job, status) (orrery_runs_finished_total))", &measured).labels;
    assert_eq!(labels, ["job", "status"].map(str::to_owned).into());
}
