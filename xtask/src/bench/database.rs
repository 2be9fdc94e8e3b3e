//! What PostgreSQL says about its own work.

use anyhow::Context;
use sqlx::{
    ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// The tables whose rows are changed while runs execute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    RunHeads,
    WorkflowRuns,
    StepExecutions,
}

impl Table {
    pub(super) const ALL: [Self; 3] = [Self::RunHeads, Self::WorkflowRuns, Self::StepExecutions];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RunHeads => "run_heads",
            Self::WorkflowRuns => "workflow_runs",
            Self::StepExecutions => "step_executions",
        }
    }
}

/// The database of a server, seen from beside it.
pub(super) struct Database {
    pool: PgPool,
}

/// What was done so far, or within a window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Activity {
    /// What was written ahead, by all databases of the server, with the images of pages after a checkpoint.
    pub(super) wal_bytes: f64,
    /// Transactions that were committed, reading ones too.
    pub(super) transactions: f64,
    /// Rows that were updated, in the order of [`Table::ALL`].
    updates: [Updates; 3],
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Updates {
    all: f64,
    /// Those that left every index alone (heap-only tuples).
    hot: f64,
}

impl Database {
    pub(super) fn open(url: &str) -> anyhow::Result<Self> {
        let options: PgConnectOptions = url.parse().context("the database URL is not valid")?;
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options.disable_statement_logging());
        Ok(Self { pool })
    }

    /// For statements that only one measurement needs.
    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The counters now. A busy connection adds to them once a second.
    pub(super) async fn activity(&self) -> anyhow::Result<Activity> {
        let sums = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8, xact_commit::float8
                    FROM pg_stat_database WHERE datname = current_database()";
        let (wal_bytes, transactions) = sqlx::query_as(sums).fetch_one(&self.pool).await?;
        let of_table = "SELECT n_tup_upd::float8, n_tup_hot_upd::float8 FROM pg_stat_user_tables WHERE relname = $1";
        let mut updates = [Updates::default(); 3];
        for (table, updates) in Table::ALL.into_iter().zip(&mut updates) {
            let counted = sqlx::query_as(of_table).bind(table.name()).fetch_optional(&self.pool).await?;
            let (all, hot) = counted.with_context(|| format!("there is no table {}", table.name()))?;
            *updates = Updates { all, hot };
        }
        Ok(Activity { wal_bytes, transactions, updates })
    }
}

impl Activity {
    /// What was done since then.
    pub(super) fn since(self, before: Self) -> Self {
        let mut updates = self.updates;
        for (updates, before) in updates.iter_mut().zip(before.updates) {
            *updates = Updates { all: updates.all - before.all, hot: updates.hot - before.hot };
        }
        Self {
            wal_bytes: self.wal_bytes - before.wal_bytes,
            transactions: self.transactions - before.transactions,
            updates,
        }
    }

    /// How many of a hundred updates were HOT; nothing if there were none.
    pub(super) fn hot_percent(self, table: Table) -> Option<f64> {
        let updates = self.updates[table as usize];
        (updates.all > 0.0).then(|| 100.0 * updates.hot / updates.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(wal_bytes: f64, transactions: f64, all: f64, hot: f64) -> Activity {
        let heads = Updates { all, hot };
        Activity { wal_bytes, transactions, updates: [heads, Updates::default(), Updates::default()] }
    }

    #[test]
    fn what_was_done_before_a_window_does_not_count() {
        let window = activity(900.0, 30.0, 50.0, 40.0).since(activity(400.0, 10.0, 10.0, 10.0));
        assert_eq!(window, activity(500.0, 20.0, 40.0, 30.0));
        assert_eq!(window.hot_percent(Table::RunHeads), Some(75.0));
    }

    #[test]
    fn a_table_without_updates_has_no_share_of_them() {
        assert_eq!(activity(1.0, 1.0, 1.0, 1.0).hot_percent(Table::StepExecutions), None);
    }
}
