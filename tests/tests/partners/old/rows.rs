//! What the old executor writes to the shared tables: contract 4.4 and 6, statement by statement. Like the library that it
//! uses, it fails if an update changes another number of rows than one.

use std::collections::HashMap;

use serde_json::{Map, Value};
use sqlx::{Connection, PgConnection, postgres::PgQueryResult};

use super::ids;

/// The connection of one run. While an agent is waited for, it sits idle in a transaction (contract 4.5).
pub(crate) struct Rows {
    connection: PgConnection,
    run: String,
}

/// What is already done of a run.
#[derive(Default)]
pub(crate) struct Done {
    /// Whether the last row of a step is COMPLETED.
    pub(crate) completed: HashMap<String, bool>,
    pub(crate) outputs: HashMap<String, Value>,
}

type Outcome<T> = Result<T, sqlx::Error>;

fn exactly_one(result: &PgQueryResult) -> Outcome<()> {
    match result.rows_affected() {
        1 => Ok(()),
        rows => Err(sqlx::Error::Protocol(format!("an update was to match 1 row and matched {rows}"))),
    }
}

impl Rows {
    pub(crate) async fn of(run: &str, database: &str) -> Outcome<Self> {
        Ok(Self { connection: PgConnection::connect(database).await?, run: run.to_owned() })
    }

    pub(crate) async fn done(&mut self) -> Outcome<Done> {
        let rows: Vec<(String, String, Option<Value>)> = sqlx::query_as(
            "SELECT step_id, status, output_data FROM step_executions WHERE run_id = $1 ORDER BY started_at",
        )
        .bind(&self.run)
        .fetch_all(&mut self.connection)
        .await?;
        let mut done = Done::default();
        for (step, status, output) in rows {
            let completed = status == "COMPLETED";
            if let Some(output) = output.filter(|output| completed && !output.is_null()) {
                done.outputs.insert(step.clone(), output);
            }
            done.completed.insert(step, completed);
        }
        Ok(done)
    }

    /// RUNNING, whatever it was; a run without a row gets one.
    pub(crate) async fn begin(&mut self, workflow_id: &str, name: &str) -> Outcome<()> {
        let there: Option<String> = sqlx::query_scalar("SELECT status FROM workflow_runs WHERE run_id = $1")
            .bind(&self.run)
            .fetch_optional(&mut self.connection)
            .await?;
        let now = ids::utc();
        if there.is_some() {
            let update = "UPDATE workflow_runs SET status = 'RUNNING', updated_at = $2 WHERE run_id = $1";
            return exactly_one(&sqlx::query(update).bind(&self.run).bind(now).execute(&mut self.connection).await?);
        }
        sqlx::query(
            "INSERT INTO workflow_runs (run_id, workflow_id, workflow_name, status, created_at, updated_at)
             VALUES ($1, $2, $3, 'RUNNING', $4, $4)",
        )
        .bind(&self.run)
        .bind(workflow_id)
        .bind(name)
        .bind(now)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    pub(crate) async fn insert_step(
        &mut self,
        id: &str,
        step: &str,
        agent: &str,
        input: &Map<String, Value>,
    ) -> Outcome<()> {
        sqlx::query(
            "INSERT INTO step_executions (id, run_id, step_id, step_name, agent_name, status, input_data, started_at)
             VALUES ($1, $2, $3, $4, $4, 'RUNNING', $5, $6)",
        )
        .bind(id)
        .bind(&self.run)
        .bind(step)
        .bind(agent)
        .bind(Value::Object(input.clone()))
        .bind(ids::utc())
        .execute(&mut self.connection)
        .await?;
        // Refreshing what was written opens the transaction in which it sits idle.
        sqlx::raw_sql("BEGIN").execute(&mut self.connection).await?;
        let refresh = "SELECT status FROM step_executions WHERE id = $1";
        sqlx::query(refresh).bind(id).execute(&mut self.connection).await?;
        Ok(())
    }

    pub(crate) async fn end_step(&mut self, id: &str, result: &Result<Value, String>) -> Outcome<()> {
        let (status, output, error) = match result {
            Ok(output) => ("COMPLETED", Some(output).filter(|output| !output.is_null()), None),
            Err(error) => ("FAILED", None, Some(error)),
        };
        let update = "UPDATE step_executions SET status = $2, output_data = $3, error_message = $4, completed_at = $5
                      WHERE id = $1";
        let update = sqlx::query(update).bind(id).bind(status).bind(output).bind(error).bind(ids::utc());
        exactly_one(&update.execute(&mut self.connection).await?)?;
        sqlx::raw_sql("COMMIT").execute(&mut self.connection).await?;
        Ok(())
    }

    /// An old error message is kept.
    pub(crate) async fn complete(&mut self) -> Outcome<()> {
        let update =
            "UPDATE workflow_runs SET status = 'COMPLETED', completed_at = $2, updated_at = $2 WHERE run_id = $1";
        exactly_one(&sqlx::query(update).bind(&self.run).bind(ids::utc()).execute(&mut self.connection).await?)
    }

    pub(crate) async fn fail(&mut self, message: &str) -> Outcome<()> {
        let update =
            "UPDATE workflow_runs SET status = 'FAILED', error_message = $2, completed_at = $3, updated_at = $3
                      WHERE run_id = $1";
        let update = sqlx::query(update).bind(&self.run).bind(message).bind(ids::utc());
        exactly_one(&update.execute(&mut self.connection).await?)
    }
}
