//! What a seed did, in figures.

use std::fmt;

use crate::coverage::Coverage;

/// A promise was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The seed.
    pub seed: u64,
    /// What happened.
    pub what: String,
    /// Every step up to it.
    pub trace: Vec<String>,
}

/// What one seed did, or several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub(crate) counts: Counts,
    pub(crate) coverage: Coverage,
}

/// Declares the figures, their sum and their sentence in one place.
macro_rules! counts {
    ($($name:ident: $words:literal,)+) => {
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub(crate) struct Counts {
            $(pub(crate) $name: u64,)+
        }

        impl Counts {
            fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
            }

            fn all(&self) -> Vec<(u64, &'static str)> {
                vec![$((self.$name, $words),)+]
            }
        }

    };
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (count, words)) in self.all().iter().enumerate() {
            write!(f, "{}{count} {words}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

counts! {
    steps: "steps",
    runs: "runs",
    calls: "calls",
    repeated: "calls repeated",
    crashes: "crashes",
    freezes: "freezes",
    cuts: "executors cut off",
    outages: "outages of the store",
    silences: "outages of the bus",
    skewed: "clocks wrong",
    robberies: "leases lost",
    drains: "drains",
    unknown: "outcomes unknown",
    refused: "commits refused",
    unstorable: "commits unstorable",
    doubled: "answers doubled",
    parcels: "messages from the bus",
    cancels: "cancellations",
    resumes: "resumes",
    pauses: "pauses",
    held: "calls held back",
    reruns: "reruns",
    skips: "steps skipped",
    reports: "reports of agents",
    events: "events",
}

impl Report {
    /// Adds another report's figures.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.coverage.add(&other.coverage);
    }

    /// What never happened.
    pub fn missing(&self) -> Vec<&'static str> {
        self.counts.all().into_iter().filter(|(count, _)| *count == 0).map(|(_, words)| words).collect()
    }

    /// How many kinds of transitions were made, each counted once for each type of steps.
    pub fn covered(&self) -> usize {
        self.coverage.covered()
    }

    /// The table of transitions and types of steps.
    pub fn table(&self) -> String {
        format!("{}\n{} of these cells are covered", self.coverage, self.coverage.covered())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.fmt(f)
    }
}
