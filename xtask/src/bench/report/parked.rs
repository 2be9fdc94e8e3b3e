//! What many parked runs cost: the same figures without and with them.

use super::section::{shown, table as rows_of};
use crate::bench::{
    figures::{Figure, Figures},
    round::LEVELS,
};

/// Without, with, and by how much that differs.
pub(super) fn table(count: usize, without: &Figures, with: &Figures) -> String {
    let by_level = LEVELS.into_iter().flat_map(|level| {
        [
            (format!("steps/s, {level} in flight"), Figure::StepsPerSecond(level), 0),
            (format!("overhead per step p99, {level} in flight, ms"), Figure::OverheadP99(level), 2),
        ]
    });
    let single = [
        ("durable starts/s, starts only", Figure::StartsOnly, 0),
        ("start until answered p99, ms", Figure::StartP99, 2),
        ("due until claimed p50, ms", Figure::ClaimP50, 2),
        ("due until claimed p99, ms", Figure::ClaimP99, 2),
        ("start to ready, ms", Figure::ReadyAfter, 0),
        ("idle memory of the server, MB", Figure::IdleMemory, 1),
        ("most memory of the server, MB", Figure::PeakMemory(LEVELS[LEVELS.len() - 1]), 1),
    ];
    let single = single.into_iter().map(|(what, figure, digits)| (what.to_owned(), figure, digits));
    let rows = by_level.chain(single).map(|(what, figure, digits)| {
        let (before, after) = (without.spread(figure), with.spread(figure));
        let ratio = before.zip(after).map_or_else(
            || "not measured".to_owned(),
            |(before, after)| format!("{:.2}", after.median / before.median),
        );
        format!("| {what} | {} | {} | {ratio} |\n", shown(before, digits), shown(after, digits))
    });
    rows_of(
        &format!("### With {count} parked runs\n\n| | without | with | with by without |\n|---|---|---|---|\n"),
        rows,
    )
}
