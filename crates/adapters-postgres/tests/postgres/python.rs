//! The programs of the old system, as far as they touch runs: each function writes what they write (contract 4.4).

use domain::Timestamp;
use sqlx::{Connection, PgConnection, Postgres, query::Query};

use dev_services::Database;

/// The old API and the old executor over one database.
pub(crate) struct Python {
    connection: PgConnection,
}

impl Python {
    pub(crate) async fn over(database: &Database) -> Self {
        Self { connection: PgConnection::connect(database.url()).await.expect("the database is there") }
    }

    async fn run(&mut self, query: Query<'_, Postgres, sqlx::postgres::PgArguments>) {
        let done = query.execute(&mut self.connection).await.expect("the old system's statements are right");
        // What SQLAlchemy makes sure of.
        assert_eq!(done.rows_affected(), 1);
    }

    /// The API stores a run that is to be executed.
    pub(crate) async fn requests(&mut self, run: &str, definition: &str, at: Timestamp) {
        let insert = "INSERT INTO workflow_runs (run_id, workflow_id, workflow_name, workflow_definition_id, status,
                                                 input_data, triggered_by, created_at, updated_at)
                      VALUES ($1, $2, 'report', $2, 'PENDING', '{\"from\": \"api\"}', 'system', $3, $3)";
        self.run(sqlx::query(insert).bind(run).bind(definition).bind(at.naive_utc())).await;
    }

    /// The executor begins a run that the API has stored.
    pub(crate) async fn starts(&mut self, run: &str, at: Timestamp) {
        self.status(run, "RUNNING", at).await;
    }

    /// The executor begins a run that nobody has stored.
    pub(crate) async fn starts_unasked(&mut self, run: &str, at: Timestamp) {
        let insert = "INSERT INTO workflow_runs (run_id, workflow_id, workflow_name, status, created_at, updated_at)
                      VALUES ($1, 'wf-report-1', 'report', 'RUNNING', $2, $2)";
        self.run(sqlx::query(insert).bind(run).bind(at.naive_utc())).await;
    }

    /// The executor writes a status, whatever is there.
    pub(crate) async fn status(&mut self, run: &str, status: &str, at: Timestamp) {
        let update = "UPDATE workflow_runs SET status = $2, updated_at = $3,
                        completed_at = CASE WHEN $2 IN ('COMPLETED', 'FAILED') THEN $3 ELSE completed_at END
                      WHERE run_id = $1";
        self.run(sqlx::query(update).bind(run).bind(status).bind(at.naive_utc())).await;
    }

    /// The executor sends a step to its agent.
    pub(crate) async fn begins_step(&mut self, run: &str, step: &str, id: &str, at: Timestamp) {
        let insert =
            "INSERT INTO step_executions (id, run_id, step_id, step_name, agent_name, status, input_data, started_at)
                      VALUES ($1, $2, $3, 'Fetcher', 'Fetcher', 'RUNNING', '{}', $4)";
        self.run(sqlx::query(insert).bind(id).bind(run).bind(step).bind(at.naive_utc())).await;
    }

    /// The executor has an agent's answer; a failure is none.
    pub(crate) async fn ends_step(&mut self, id: &str, output: Option<&str>, at: Timestamp) {
        let update = "UPDATE step_executions SET completed_at = $3, output_data = $2::text::jsonb,
                        status = CASE WHEN $2::text IS NULL THEN 'FAILED' ELSE 'COMPLETED' END,
                        error_message = CASE WHEN $2::text IS NULL THEN 'no answer' END
                      WHERE id = $1";
        self.run(sqlx::query(update).bind(id).bind(output).bind(at.naive_utc())).await;
    }

    /// The API cancels a run.
    pub(crate) async fn cancels(&mut self, run: &str, at: Timestamp) {
        let update =
            "UPDATE workflow_runs SET status = 'CANCELLED', cancelled_at = $2, cancelled_by = 'system', updated_at = $2
                      WHERE run_id = $1";
        self.run(sqlx::query(update).bind(run).bind(at.naive_utc())).await;
    }

    /// The API is asked to try a run again.
    pub(crate) async fn retries(&mut self, run: &str, at: Timestamp) {
        let update = "UPDATE workflow_runs SET status = 'PENDING', error_message = NULL, cancelled_at = NULL,
                        cancelled_by = NULL, updated_at = $2
                      WHERE run_id = $1";
        self.run(sqlx::query(update).bind(run).bind(at.naive_utc())).await;
    }
}
