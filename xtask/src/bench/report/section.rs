//! The section of the page that one store has.

use super::{aims, parked, tables, words};
use crate::bench::{figures::Spread, machine::Machine, round::Measured, store::StoreKind};

/// Everything that is said.
pub(in crate::bench) struct Report {
    pub(in crate::bench) store: StoreKind,
    /// The services that the store needs, with their settings.
    pub(in crate::bench) services: Option<String>,
    pub(in crate::bench) measured: Measured,
    /// Beside how many parked runs it was measured a second time.
    pub(in crate::bench) parked: Option<usize>,
    pub(in crate::bench) machine: Machine,
    pub(in crate::bench) command: String,
}

impl Report {
    /// The whole section.
    pub(in crate::bench) fn markdown(&self) -> String {
        let figures = &self.measured.figures;
        let mut parts = vec![
            self.heading(),
            aims::table(self.store, figures),
            tables::single(self.store, figures),
            tables::by_level(figures),
        ];
        if self.store == StoreKind::Postgres {
            parts.push(tables::in_postgres(figures));
        }
        if let Some(count) = self.parked {
            parts.push(parked::table(count, figures, &self.measured.beside_parked));
        }
        parts.push(words::meaning(self.store, self.parked));
        parts.join("\n")
    }

    fn heading(&self) -> String {
        let Machine { cpu, cores, memory_gib, kernel, file_system, date } = &self.machine;
        let title = match self.store {
            StoreKind::Sqlite => "Runs on SQLite",
            StoreKind::Postgres => "Runs on PostgreSQL and Kafka",
        };
        let (services, together) = match &self.services {
            Some(services) => (format!("\nServices: {services}."), "server, services, agent and driver"),
            None => (String::new(), "server, agent and driver"),
        };
        format!(
            "## {title}\n\nMeasured {date} by `{}`.\n\nMachine: {cpu}, {cores} cores, {memory_gib} GiB, Linux {kernel}, data \
             on {file_system}; {together} together on it.{services}\nEach value is the median of the rounds, with \
             the least and the most of them in brackets.\n",
            self.command
        )
    }
}

/// A table of Markdown.
pub(super) fn table(head: &str, rows: impl Iterator<Item = String>) -> String {
    std::iter::once(head.to_owned()).chain(rows).collect()
}

/// A figure with so many digits after the point.
pub(super) fn shown(spread: Option<Spread>, digits: usize) -> String {
    let Some(Spread { median, min, max }) = spread else { return "not measured".into() };
    format!("{median:.digits$} ({min:.digits$}–{max:.digits$})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{
        database::Table,
        figures::{Figure, Figures},
    };

    fn report(store: StoreKind, figures: &[(Figure, f64)], beside_parked: &[(Figure, f64)]) -> String {
        let of = |values: &[(Figure, f64)]| {
            let mut figures = Figures::default();
            for (figure, value) in values {
                figures.add(*figure, *value);
            }
            figures
        };
        let machine = Machine {
            cpu: "A Processor".into(),
            cores: 2,
            memory_gib: 8,
            kernel: "6.1".into(),
            file_system: "ext4".into(),
            date: "2026-01-01 00:00 UTC".into(),
        };
        let measured = Measured { figures: of(figures), beside_parked: of(beside_parked) };
        let parked = (!beside_parked.is_empty()).then_some(100_000);
        let services = (store == StoreKind::Postgres).then(|| "PostgreSQL 15".to_owned());
        Report { store, services, measured, parked, machine, command: "cargo xtask bench runs".into() }.markdown()
    }

    #[test]
    fn a_report_marks_aims_that_are_missed_and_figures_that_are_missing() {
        let text = report(StoreKind::Sqlite, &[(Figure::IdleMemory, 41.0), (Figure::ReadyAfter, 20.0)], &[]);
        assert!(text.contains("| idle memory, MB | at most 40 | 41.0 (41.0–41.0) | **FAIL** |"), "{text}");
        assert!(text.contains("| start to ready, ms | at most 300 | 20 (20–20) | pass |"), "{text}");
        assert!(text.contains("| steps/s, 256 in flight | at least 5000 | not measured | not measured |"), "{text}");
        assert!(!text.contains("PostgreSQL") && !text.contains("parked"), "{text}");
    }

    #[test]
    fn a_report_on_postgres_has_its_own_aims_and_tables() {
        let figures =
            [(Figure::StepsPerSecond(256), 5000.0), (Figure::OverheadP99(16), 7.9), (Figure::WalPerStep(16), 700.4)];
        let hot = (Figure::HotUpdates(Table::RunHeads, 256), 98.76);
        let text = report(StoreKind::Postgres, &[&figures[..], &[hot]].concat(), &[]);
        assert!(text.contains("| steps/s, 256 in flight | more than 5000 | 5000 (5000–5000) | **FAIL** |"), "{text}");
        assert!(
            text.contains("| overhead p99 at 16 in flight, ms | less than 8 | 7.90 (7.90–7.90) | pass |"),
            "{text}"
        );
        assert!(text.contains("| WAL per step, bytes | not measured | 700 (700–700) | not measured |"), "{text}");
        assert!(text.contains("| HOT updates of run_heads, % | none | none | 98.8 (98.8–98.8) |"), "{text}");
        assert!(text.contains("Services: PostgreSQL 15."), "{text}");
    }

    #[test]
    fn what_parked_runs_cost_is_shown_beside_what_it_was_without_them() {
        let text = report(StoreKind::Postgres, &[(Figure::StartsOnly, 4000.0)], &[(Figure::StartsOnly, 3000.0)]);
        assert!(text.contains("### With 100000 parked runs"), "{text}");
        let row = "| durable starts/s, starts only | 4000 (4000–4000) | 3000 (3000–3000) | 0.75 |";
        assert!(text.contains(row), "{text}");
    }
}
