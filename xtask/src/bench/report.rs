//! The figures as a page for people: tables, what they mean, and how they compare with the aims.

use super::{
    api::STEPS,
    figures::{Figure, Figures, Spread},
    machine::Machine,
    round::LEVELS,
    starts::{CLIENTS, MOST_STARTS},
};

/// Everything that is said.
pub(super) struct Report {
    pub(super) figures: Figures,
    pub(super) machine: Machine,
    pub(super) command: String,
}

/// A bound that a figure is held against.
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// What is aimed at.
struct Aim {
    what: &'static str,
    figure: Figure,
    bound: Bound,
    digits: usize,
}

/// Issue 2 states these. The first five are ratios, which hold on any machine; the others are for two cores.
const AIMS: [Aim; 9] = [
    aim("steps/s by bare calls/s, 256 in flight", Figure::StepsByBareCalls(256), Bound::AtLeast(0.4), 2),
    aim("durable starts/s by floor commits/s", Figure::StartsByFloor, Bound::AtLeast(1.0), 2),
    aim("overhead p99 at 16 in flight by floor commit p50", Figure::OverheadByCommit(16), Bound::AtMost(10.0), 1),
    aim("database commits per step, 256 in flight", Figure::TransactionsPerStep(256), Bound::AtMost(0.1), 3),
    aim("database commits per step, 1 in flight", Figure::TransactionsPerStep(1), Bound::AtMost(1.3), 2),
    aim("steps/s, 256 in flight", Figure::StepsPerSecond(256), Bound::AtLeast(5000.0), 0),
    aim("overhead p99 at 16 in flight, ms", Figure::OverheadP99(16), Bound::AtMost(3.0), 2),
    aim("idle memory, MB", Figure::IdleMemory, Bound::AtMost(40.0), 1),
    aim("start to ready, ms", Figure::ReadyAfter, Bound::AtMost(300.0), 0),
];

const fn aim(what: &'static str, figure: Figure, bound: Bound, digits: usize) -> Aim {
    Aim { what, figure, bound, digits }
}

/// A row of the table by level: its name, its figure, its digits after the point.
type Row = (&'static str, fn(usize) -> Figure, usize);

const BY_LEVEL: [Row; 15] = [
    ("completed 10-step runs/s", Figure::RunsPerSecond, 0),
    ("steps/s", Figure::StepsPerSecond, 0),
    ("floor: bare calls/s", Figure::BareCallsPerSecond, 0),
    ("floor: bare call p50, ms", Figure::BareP50, 3),
    ("floor: bare call p99, ms", Figure::BareP99, 3),
    ("wall time per step p50, ms", Figure::WallP50, 2),
    ("wall time per step p99, ms", Figure::WallP99, 2),
    ("agent's own time per step, ms", Figure::AgentTime, 3),
    ("overhead per step p50, ms", Figure::OverheadP50, 2),
    ("overhead per step p99, ms", Figure::OverheadP99, 2),
    ("database commits per step", Figure::TransactionsPerStep, 3),
    ("run commits per step (grouped into these)", Figure::RunCommitsPerStep, 2),
    ("CPU of server / % of a core", Figure::ServerCpu, 0),
    ("CPU of agent / % of a core", Figure::AgentCpu, 0),
    ("CPU of driver / % of a core", Figure::DriverCpu, 0),
];

const SINGLE: [(&str, Figure, usize); 9] = [
    ("floor: single-row commits/s", Figure::FloorCommitsPerSecond, 0),
    ("floor: commit p50, ms", Figure::FloorCommitP50, 3),
    ("floor: commit p99, ms", Figure::FloorCommitP99, 3),
    ("durable starts/s, starts only", Figure::StartsOnly, 0),
    ("durable starts/s while executing", Figure::StartsWhileExecuting, 0),
    ("start until answered p50, ms", Figure::StartP50, 2),
    ("start until answered p99, ms", Figure::StartP99, 2),
    ("idle memory, MB", Figure::IdleMemory, 1),
    ("start to ready, ms", Figure::ReadyAfter, 0),
];

impl Report {
    /// The whole section.
    pub(super) fn markdown(&self) -> String {
        [self.heading(), self.aims(), self.single(), self.by_level(), meaning()].join("\n")
    }

    fn heading(&self) -> String {
        let Machine { cpu, cores, memory_gib, kernel, file_system, date } = &self.machine;
        format!(
            "## Runs\n\nMeasured {date} by `{}`.\n\nMachine: {cpu}, {cores} cores, {memory_gib} GiB, Linux {kernel}, data \
             on {file_system}; server, agent and driver together on it.\nEach value is the median of the rounds, with \
             the least and the most of them in brackets.\n",
            self.command
        )
    }

    fn aims(&self) -> String {
        let rows = AIMS.iter().map(|aim| {
            let measured = self.figures.spread(aim.figure);
            let mark = match measured {
                Some(spread) if aim.bound.holds(spread.median) => "pass",
                Some(_) => "**FAIL**",
                None => "not measured",
            };
            format!("| {} | {} | {} | {mark} |\n", aim.what, aim.bound.shown(), shown(measured, aim.digits))
        });
        table("### Against the aims\n\n| aim | bound | measured | |\n|---|---|---|---|\n", rows)
    }

    fn single(&self) -> String {
        let ratio = ("starts while executing by floor commits", Figure::StartsWhileExecutingByFloor, 2);
        let rows = SINGLE
            .into_iter()
            .chain([ratio])
            .map(|(what, figure, digits)| format!("| {what} | {} |\n", shown(self.figures.spread(figure), digits)));
        table("### Starts, memory and the floor of commits\n\n| | |\n|---|---|\n", rows)
    }

    fn by_level(&self) -> String {
        let memory: Row = ("most memory of the server so far, MB", Figure::PeakMemory, 1);
        let ratio: Row = ("steps/s by bare calls/s", Figure::StepsByBareCalls, 2);
        let rows = BY_LEVEL.into_iter().chain([memory, ratio]).map(|(what, figure, digits)| {
            let cells = LEVELS.map(|level| format!(" {} |", shown(self.figures.spread(figure(level)), digits)));
            format!("| {what} |{}\n", cells.concat())
        });
        let heads = LEVELS.map(|level| format!(" {level} in flight |")).concat();
        table(&format!("### Runs in flight\n\n| |{heads}\n|---|---|---|---|\n"), rows)
    }
}

fn table(head: &str, rows: impl Iterator<Item = String>) -> String {
    std::iter::once(head.to_owned()).chain(rows).collect()
}

impl Bound {
    fn holds(&self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= *least,
            Self::AtMost(most) => value <= *most,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::AtLeast(least) => format!("at least {least}"),
            Self::AtMost(most) => format!("at most {most}"),
        }
    }
}

fn shown(spread: Option<Spread>, digits: usize) -> String {
    let Some(Spread { median, min, max }) = spread else { return "not measured".into() };
    format!("{median:.digits$} ({min:.digits$}–{max:.digits$})")
}

fn meaning() -> String {
    format!(
        "### What the words mean\n\n\
         * A *run* has {STEPS} steps in sequence; each calls an echo agent in another process and hands the text on.\n\
         * *Steps* are counted by the server's counter of completed step attempts, runs by that of finished runs.\n\
         * *In flight*: a closed loop; a run that ended is replaced within some milliseconds (the driver reads the \
         server's counter of finished runs every 2 ms at one in flight, every 10 ms otherwise, so the rate at one in \
         flight includes up to 2 ms of idle time per run; times per step do not).\n\
         * *Wall time per step*: `completed_at` minus `created_at` of a run, divided by {STEPS}, over up to 1,000 runs a \
         round. *Overhead* is that minus the agent's own working time per call, as its process tells; the way to the \
         agent and back, and waiting for a busy processor, count as overhead.\n\
         * *Bare calls*: the same JSON-RPC body to the same agent by the same HTTP client library, from the driver.\n\
         * *Single-row commits*: one row a transaction, one after another, in a store of the same kind and settings \
         (`orrery bench-floor`).\n\
         * *Database commits* are transactions of the journal, each made durable before anyone is told.\n\
         * *Starts*: {CLIENTS} clients, each waiting for its answer. *Starts only*: every run waits in its first step for \
         an agent that does not answer, at most {MOST_STARTS} starts a round. *While executing*: the runs execute at the \
         same time, as fast as they can.\n\
         * *Most memory* is the peak of one server process that serves all three levels in turn.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_marks_aims_that_are_missed_and_figures_that_are_missing() {
        let mut figures = Figures::default();
        figures.add(Figure::IdleMemory, 41.0);
        figures.add(Figure::ReadyAfter, 20.0);
        let machine = Machine {
            cpu: "A Processor".into(),
            cores: 2,
            memory_gib: 8,
            kernel: "6.1".into(),
            file_system: "ext4".into(),
            date: "2026-01-01 00:00 UTC".into(),
        };
        let text = Report { figures, machine, command: "cargo xtask bench runs".into() }.markdown();
        assert!(text.contains("| idle memory, MB | at most 40 | 41.0 (41.0–41.0) | **FAIL** |"), "{text}");
        assert!(text.contains("| start to ready, ms | at most 300 | 20 (20–20) | pass |"), "{text}");
        assert!(text.contains("| steps/s, 256 in flight | at least 5000 | not measured | not measured |"), "{text}");
    }
}
