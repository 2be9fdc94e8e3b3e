//! The declaration of a metric.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};

/// How a metric behaves, in the words of Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until its process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets: series `_bucket`, `_sum` and `_count`.
    Histogram,
}

impl Kind {
    /// Its name in the text format of Prometheus.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric. Its unit is the last word of its name before `_total`, as Prometheus wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// How it behaves.
    pub kind: Kind,
    /// Its name.
    pub name: &'static str,
    /// What tells its series apart. The values MUST be few, and none may be chosen by whoever sends a request.
    pub labels: &'static [&'static str],
    /// What it tells, for people.
    pub help: &'static str,
}

impl Measure {
    /// Something that is counted.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { kind: Kind::Counter, name, labels: &[], help }
    }

    /// Something that goes up and down.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { kind: Kind::Gauge, name, labels: &[], help }
    }

    /// Something of which it matters how much each single one is.
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { kind: Kind::Histogram, name, labels: &[], help }
    }

    /// The same with labels.
    #[must_use]
    pub const fn by(self, labels: &'static [&'static str]) -> Self {
        Self { labels, ..self }
    }

    /// In seconds or without a unit.
    pub fn is_in_seconds(&self) -> bool {
        self.name.trim_end_matches("_total").ends_with("_seconds")
    }

    /// Tells the recorder of this process what it is; called after the recorder was installed. A counter without labels is there
    /// from then on: what appears with its first value shows no increase to it.
    pub fn describe(&self) {
        let unit = if self.is_in_seconds() { Unit::Seconds } else { Unit::Count };
        match self.kind {
            Kind::Counter => {
                describe_counter!(self.name, unit, self.help);
                if self.labels.is_empty() {
                    counter!(self.name).increment(0);
                }
            }
            Kind::Gauge => describe_gauge!(self.name, unit, self.help),
            Kind::Histogram => describe_histogram!(self.name, unit, self.help),
        }
    }

    /// The names of its series.
    pub fn series(&self) -> Vec<String> {
        match self.kind {
            Kind::Counter | Kind::Gauge => vec![self.name.to_owned()],
            Kind::Histogram => ["bucket", "sum", "count"].map(|end| format!("{}_{end}", self.name)).to_vec(),
        }
    }
}
