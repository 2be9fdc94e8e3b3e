//! All figures, aimed at or not.

use super::section::{shown, table};
use crate::bench::{
    database::Table,
    figures::{Figure, Figures},
    round::LEVELS,
    store::StoreKind,
};

/// A row of a table by level: its name, its figure, its digits after the point.
type Row = (&'static str, fn(usize) -> Figure, usize);

const BY_LEVEL: [Row; 17] = [
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
    ("most memory of the server so far, MB", Figure::PeakMemory, 1),
    ("steps/s by bare calls/s", Figure::StepsByBareCalls, 2),
];

const SINGLE: [(&str, Figure, usize); 7] = [
    ("durable starts/s, starts only", Figure::StartsOnly, 0),
    ("durable starts/s while executing", Figure::StartsWhileExecuting, 0),
    ("start until answered p50, ms", Figure::StartP50, 2),
    ("start until answered p99, ms", Figure::StartP99, 2),
    ("idle memory, MB", Figure::IdleMemory, 1),
    ("start to ready, ms", Figure::ReadyAfter, 0),
    ("starts while executing by floor commits", Figure::StartsWhileExecutingByFloor, 2),
];

/// Figures that there is one of.
pub(super) fn single(store: StoreKind, figures: &Figures) -> String {
    let floors = store.floors().iter().flat_map(|connections| {
        let on = match store {
            StoreKind::Sqlite => String::new(),
            StoreKind::Postgres => format!(" on {connections} connection{}", if *connections == 1 { "" } else { "s" }),
        };
        [
            (format!("floor: single-row commits/s{on}"), Figure::FloorCommitsPerSecond(*connections), 0),
            (format!("floor: commit p50{on}, ms"), Figure::FloorCommitP50(*connections), 3),
            (format!("floor: commit p99{on}, ms"), Figure::FloorCommitP99(*connections), 3),
        ]
    });
    let journal: &[(&str, Figure, usize)] = match store {
        StoreKind::Sqlite => &[],
        StoreKind::Postgres => &[
            ("floor: the journal alone, starts/s", Figure::JournalStarts, 0),
            ("floor: the journal alone, steps/s", Figure::JournalSteps, 0),
            ("the most starts/s that the floors leave", Figure::StartsAtMost, 0),
            ("the most starts/s that the floors leave, by floor commits/s", Figure::StartsAtMostByFloor, 2),
            ("the most steps/s that the floors leave", Figure::StepsAtMost, 0),
            ("the most steps/s that the floors leave, by bare calls/s", Figure::StepsAtMostByBareCalls, 2),
            ("floor: commit p99 on 16 connections by commit p50 on 1", Figure::OverheadAtLeast, 1),
            ("durable starts/s by the journal alone", Figure::StartsByJournal, 2),
            ("steps/s, 256 in flight, by the journal alone", Figure::StepsByJournal, 2),
        ],
    };
    let journal = journal.iter().map(|(what, figure, digits)| ((*what).to_owned(), *figure, *digits));
    let others = SINGLE.into_iter().map(|(what, figure, digits)| (what.to_owned(), figure, digits));
    let rows = floors
        .chain(journal)
        .chain(others)
        .map(|(what, figure, digits)| format!("| {what} | {} |\n", shown(figures.spread(figure), digits)));
    table("### Starts, memory and the floor of commits\n\n| | |\n|---|---|\n", rows)
}

/// Figures that there is one of for each number of runs in flight.
pub(super) fn by_level(figures: &Figures) -> String {
    let rows = BY_LEVEL
        .into_iter()
        .map(|(what, figure, digits)| row(what, |level| shown(figures.spread(figure(level)), digits)));
    table(&head("Runs in flight"), rows)
}

/// What the database did for it.
pub(super) fn in_postgres(figures: &Figures) -> String {
    let work: [Row; 2] = [
        ("WAL per step, bytes", Figure::WalPerStep, 0),
        ("transactions of all kinds per step", Figure::ServerTransactionsPerStep, 3),
    ];
    let work =
        work.into_iter().map(|(what, figure, digits)| row(what, |level| shown(figures.spread(figure(level)), digits)));
    let hot = Table::ALL.into_iter().map(|table| {
        let share = |level| figures.spread(Figure::HotUpdates(table, level));
        row(&format!("HOT updates of {}, %", table.name()), |level| match share(level) {
            Some(spread) => shown(Some(spread), 1),
            None => "none".to_owned(),
        })
    });
    table(&head("What PostgreSQL does for it"), work.chain(hot))
}

fn head(title: &str) -> String {
    let heads = LEVELS.map(|level| format!(" {level} in flight |")).concat();
    format!("### {title}\n\n| |{heads}\n|---|---|---|---|\n")
}

fn row(what: &str, cell: impl Fn(usize) -> String) -> String {
    format!("| {what} |{}\n", LEVELS.map(|level| format!(" {} |", cell(level))).concat())
}
