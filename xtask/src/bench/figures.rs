//! What is measured, by name, and what several rounds say about it.

use std::collections::BTreeMap;

use super::database::Table;

/// One figure. The number is how many runs or calls are in flight; for commits of the floor, how many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Figure {
    /// Floor: commits of one row per second in a store like the server's.
    FloorCommitsPerSecond(usize),
    /// Floor: half of these commits take longer, in milliseconds.
    FloorCommitP50(usize),
    /// Floor: one in a hundred takes longer, in milliseconds.
    FloorCommitP99(usize),
    /// Floor: runs per second that the journal starts when nothing else is to be done.
    JournalStarts,
    /// Floor: steps per second that the journal takes when nothing else is to be done.
    JournalSteps,
    /// Floor: bare calls per second to the agent.
    BareCallsPerSecond(usize),
    /// Floor: a bare call in milliseconds, median.
    BareP50(usize),
    /// Floor: a bare call in milliseconds, 99th percentile.
    BareP99(usize),
    /// From the start of the process to its first "ready", in milliseconds.
    ReadyAfter,
    /// Resident memory when nothing runs, in MB.
    IdleMemory,
    /// Completed runs of ten steps per second.
    RunsPerSecond(usize),
    /// Completed steps per second.
    StepsPerSecond(usize),
    /// Wall time of a run per step in milliseconds, median.
    WallP50(usize),
    /// Wall time of a run per step in milliseconds, 99th percentile.
    WallP99(usize),
    /// The agent's own working time per call in milliseconds.
    AgentTime(usize),
    /// Wall time without the agent's time, median.
    OverheadP50(usize),
    /// Wall time without the agent's time, 99th percentile.
    OverheadP99(usize),
    /// Commits of the database (each with its fsync) per completed step.
    TransactionsPerStep(usize),
    /// Commits of runs (grouped into the former) per completed step.
    RunCommitsPerStep(usize),
    /// The most memory of the server so far, in MB.
    PeakMemory(usize),
    /// CPU of the server, in percent of one core.
    ServerCpu(usize),
    /// CPU of the agent, in percent of one core.
    AgentCpu(usize),
    /// CPU of this driver, in percent of one core.
    DriverCpu(usize),
    /// Durable starts per second while the runs execute.
    StartsWhileExecuting,
    /// Durable starts per second while no run gets beyond its first step.
    StartsOnly,
    /// How long such a start takes until its answer, in milliseconds, median.
    StartP50,
    /// How long such a start takes until its answer, in milliseconds, 99th percentile.
    StartP99,
    /// Steps per second by bare calls per second, at the same number in flight.
    StepsByBareCalls(usize),
    /// The most starts per second that journal and HTTP leave if everything else cost nothing.
    StartsAtMost,
    /// These by the floor's commits.
    StartsAtMostByFloor,
    /// The most steps per second that journal and calls leave if everything else cost nothing.
    StepsAtMost,
    /// These by bare calls per second.
    StepsAtMostByBareCalls,
    /// The floor's slowest commits among 16 by the median of a single connection: what no overhead can stay below.
    OverheadAtLeast,
    /// Steps per second with 256 in flight by what the journal alone takes.
    StepsByJournal,
    /// Starts only by what the journal alone takes.
    StartsByJournal,
    /// Starts only by the floor's commits.
    StartsByFloor,
    /// Starts while executing by the floor's commits.
    StartsWhileExecutingByFloor,
    /// Overhead (99th percentile) by the floor's median commit.
    OverheadByCommit(usize),
    /// Overhead (99th percentile) by the floor's median commit on as many connections as runs are in flight.
    OverheadByCrowdedCommit(usize),
    /// Bytes that PostgreSQL wrote ahead per completed step.
    WalPerStep(usize),
    /// Transactions of all kinds, reading ones too, that PostgreSQL committed per completed step.
    ServerTransactionsPerStep(usize),
    /// How many of a hundred updates of a table left its indexes alone.
    HotUpdates(Table, usize),
    /// From a run's being due to its being claimed, in milliseconds, median.
    ClaimP50,
    /// From a run's being due to its being claimed, in milliseconds, 99th percentile.
    ClaimP99,
}

/// All figures of all rounds.
#[derive(Debug, Default)]
pub(super) struct Figures {
    measured: BTreeMap<Figure, Vec<f64>>,
}

impl Figures {
    /// Adds a round's value.
    pub(super) fn add(&mut self, figure: Figure, value: f64) {
        self.measured.entry(figure).or_default().push(value);
    }

    /// Adds the quotient of two figures of the same round: rounds are compared with themselves, not with others.
    pub(super) fn add_ratio(&mut self, ratio: Figure, above: Figure, below: Figure) {
        if let (Some(above), Some(below)) = (self.last(above), self.last(below)) {
            self.add(ratio, above / below);
        }
    }

    /// The value of the newest round.
    pub(super) fn last(&self, figure: Figure) -> Option<f64> {
        self.measured.get(&figure)?.last().copied()
    }

    /// Median and spread over the rounds.
    pub(super) fn spread(&self, figure: Figure) -> Option<Spread> {
        let mut values = self.measured.get(&figure)?.clone();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Spread { median, min, max })
    }
}

/// Median, least and most of several rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

/// The value that a share of a sample does not exceed (nearest rank); sorts the sample. Nothing for an empty sample.
pub(super) fn percentile(sample: &mut [f64], percent: usize) -> Option<f64> {
    sample.sort_by(f64::total_cmp);
    let rank = (sample.len() * percent).div_ceil(100);
    sample.get(rank.saturating_sub(1)).copied()
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts here stay far below 2^52")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_between_two_rounds_if_their_number_is_even() {
        let mut figures = Figures::default();
        for value in [4.0, 1.0, 3.0, 2.0] {
            figures.add(Figure::IdleMemory, value);
        }
        assert_eq!(figures.spread(Figure::IdleMemory), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
    }

    #[test]
    fn percentiles_are_values_of_the_sample() {
        let mut sample: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut sample, 50), Some(50.0));
        assert_eq!(percentile(&mut sample, 99), Some(99.0));
        assert_eq!(percentile(&mut [7.0], 99), Some(7.0));
        assert_eq!(percentile(&mut [], 50), None);
    }

    #[test]
    fn a_ratio_compares_values_of_one_round() {
        let mut figures = Figures::default();
        figures.add(Figure::StartsOnly, 6.0);
        figures.add(Figure::FloorCommitsPerSecond(1), 4.0);
        figures.add_ratio(Figure::StartsByFloor, Figure::StartsOnly, Figure::FloorCommitsPerSecond(1));
        assert_eq!(figures.last(Figure::StartsByFloor), Some(1.5));
    }
}
