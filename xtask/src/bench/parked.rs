//! Parked runs: runs that wait for a time in the future, of which a store may hold very many.
//!
//! The server parks one itself, and the database multiplies its rows: a copy is a run like any other, because events hold
//! no ids of runs.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use sqlx::PgPool;

use super::{
    api::{Api, Patience, Started},
    database::Database,
    figures::{Figure, Figures, percentile},
};

/// How many runs are woken to learn how long a claim takes.
const WOKEN: i64 = 200;

/// How long a run may take until it is parked, and until it is claimed.
const WITHIN: Duration = Duration::from_secs(20);

/// A run that is parked, to be multiplied.
pub(super) struct ParkedRuns<'a> {
    pool: &'a PgPool,
    /// Its id.
    template: String,
    /// How the ids of its copies begin.
    name: String,
}

impl<'a> ParkedRuns<'a> {
    /// Lets the server park a run. A name serves once in a database.
    pub(super) async fn template(name: &str, api: &Api, database: &'a Database, agents: &str) -> anyhow::Result<Self> {
        let (agent, failing) = (format!("fails-{name}"), format!("{agents}/flaky?fail=4000000000"));
        api.register_agent(&agent, &failing, Patience::TriesAgainInAnHour).await?;
        let workflow = api.create_workflow(name, &agent).await?;
        ensure!(api.execute(&workflow).await? == Started::Accepted, "the server is full before anything has begun");
        let pool = database.pool();
        let parked = "SELECT r.run_id::text FROM workflow_runs r JOIN run_heads h USING (run_id)
                      WHERE r.workflow_id = $1 AND h.owner IS NULL AND h.wake_at > clock_timestamp()";
        let begin = Instant::now();
        while begin.elapsed() < WITHIN {
            if let Some(template) = sqlx::query_scalar(parked).bind(&workflow).fetch_optional(pool).await? {
                return Ok(Self { pool, template, name: name.to_owned() });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the server did not park a run within {WITHIN:?}")
    }

    /// Parks so many for ten years, in a database that has been tidied up since, as if they had been there for long.
    pub(super) async fn park(&self, count: usize) -> anyhow::Result<()> {
        self.multiply(i64::try_from(count)?).await?;
        sqlx::raw_sql("VACUUM (ANALYZE) workflow_runs, run_heads, run_events, step_executions")
            .execute(self.pool)
            .await?;
        // The baseline begins after one too: dropping a database makes one. Without the right to it, it is not worth a failure.
        let _refused = sqlx::raw_sql("CHECKPOINT").execute(self.pool).await;
        let there: i64 = sqlx::query_scalar("SELECT count(*) FROM run_heads WHERE wake_at > now() + interval '1 year'")
            .fetch_one(self.pool)
            .await?;
        ensure!(there >= i64::try_from(count)?, "only {there} of {count} runs are parked");
        Ok(())
    }

    /// Wakes runs, one after the other, and adds how long the server takes to claim each: from the moment that its being
    /// due is sent, with the doorbell, until its row says so.
    pub(super) async fn add_claims(&self, figures: &mut Figures) -> anyhow::Result<()> {
        self.multiply(WOKEN).await?;
        let mut times = Vec::new();
        for number in 1..=WOKEN {
            times.push(self.claimed_after(&format!("{}-{number}", self.name)).await?);
        }
        let failed: i64 = sqlx::query_scalar("SELECT count(*) FROM workflow_runs WHERE status = 'FAILED'")
            .fetch_one(self.pool)
            .await?;
        ensure!(failed == 0, "{failed} runs failed when they were woken: their copies are not like runs");
        figures.add(Figure::ClaimP50, percentile(&mut times, 50).context("no run was woken")?);
        figures.add(Figure::ClaimP99, percentile(&mut times, 99).context("no run was woken")?);
        Ok(())
    }

    async fn multiply(&self, count: i64) -> anyhow::Result<()> {
        // Rows as they are, whatever columns they have, but for what is replaced.
        let heads = "INSERT INTO run_heads SELECT c.* FROM run_heads t, generate_series(1, $3) n,
                       jsonb_populate_record(t, jsonb_build_object('run_id', $2 || '-' || n,
                         'wake_at', now() + interval '10 years' + n * interval '1 second')) c
                     WHERE t.run_id = $1";
        let runs = "INSERT INTO workflow_runs SELECT c.* FROM workflow_runs t, generate_series(1, $3) n,
                      jsonb_populate_record(t, jsonb_build_object('run_id', $2 || '-' || n,
                        'created_at', t.created_at - n * interval '1 second',
                        'updated_at', t.updated_at - n * interval '1 second')) c
                    WHERE t.run_id = $1";
        let events = "INSERT INTO run_events SELECT c.* FROM run_events t, generate_series(1, $3) n,
                        jsonb_populate_record(t, jsonb_build_object('run_id', $2 || '-' || n)) c
                      WHERE t.run_id = $1";
        let steps = "INSERT INTO step_executions SELECT c.* FROM step_executions t, generate_series(1, $3) n,
                       jsonb_populate_record(t, jsonb_build_object('run_id', $2 || '-' || n, 'id', $2 || '-' || n || '-' || t.id)) c
                     WHERE t.run_id = $1";
        let mut transaction = self.pool.begin().await?;
        for (statement, what) in [(runs, "runs"), (events, "events"), (steps, "steps"), (heads, "heads")] {
            let insert = sqlx::query(statement).bind(&self.template).bind(&self.name).bind(count);
            insert.execute(&mut *transaction).await.with_context(|| format!("cannot multiply {what}"))?;
        }
        Ok(transaction.commit().await?)
    }

    /// In milliseconds.
    async fn claimed_after(&self, run: &str) -> anyhow::Result<f64> {
        // Due for a second, because the server's clock may be behind the database's.
        let wake = "WITH woken AS (UPDATE run_heads SET wake_at = clock_timestamp() - interval '1 second'
                                   WHERE run_id = $1 AND owner IS NULL RETURNING epoch)
                    SELECT epoch, pg_notify('orrery_runs', '')::text FROM woken";
        let begin = Instant::now();
        let (asleep, _rung): (i64, String) = sqlx::query_as(wake).bind(run).fetch_one(self.pool).await?;
        while begin.elapsed() < WITHIN {
            let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM run_heads WHERE run_id = $1")
                .bind(run)
                .fetch_one(self.pool)
                .await?;
            if epoch > asleep {
                return Ok(begin.elapsed().as_secs_f64() * 1000.0);
            }
        }
        bail!("nobody claimed {run} within {WITHIN:?}")
    }
}
