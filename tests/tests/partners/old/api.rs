//! The API of the old system, as far as runs go: contract 1.8 and 4.4 for its rows, 3.3 for what it publishes. The row is
//! committed before the request is published.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{Surroundings, ids, kafka::Producer};

pub(crate) struct OldApi {
    pool: PgPool,
    producer: Producer,
    around: Surroundings,
}

impl OldApi {
    pub(crate) fn new(pool: &PgPool, around: &Surroundings) -> Self {
        Self { pool: pool.clone(), producer: Producer::new(&around.brokers), around: around.clone() }
    }

    /// `POST /workflows/{id}/execute`. Answers the run's id.
    pub(crate) async fn execute(&self, plan: &Value, input: &Value) -> String {
        let run = self.insert(plan, input).await;
        self.publish_execution(&run, plan, input).await;
        run
    }

    /// The first half of it: the row.
    pub(crate) async fn insert(&self, plan: &Value, input: &Value) -> String {
        let run = ids::run_id();
        let definition = self.definition(plan).await;
        sqlx::query(
            "INSERT INTO workflow_runs (run_id, workflow_id, workflow_name, workflow_definition_id, status, input_data,
                                        triggered_by, created_at, updated_at)
             VALUES ($1, $2, $3, $2, 'PENDING', $4, 'system', $5, $5)",
        )
        .bind(&run)
        .bind(&definition)
        .bind(plan["name"].as_str())
        .bind(input)
        .bind(ids::utc())
        .execute(&self.pool)
        .await
        .expect("the row of a run can be inserted");
        run
    }

    /// The id of the definition; a plan that there is no definition of gets one.
    async fn definition(&self, plan: &Value) -> String {
        let name = plan["name"].as_str().expect("a plan has a name");
        let there = "SELECT id::text FROM workflow_definitions WHERE name = $1 ORDER BY version DESC LIMIT 1";
        let there = sqlx::query_scalar(there).bind(name).fetch_optional(&self.pool).await;
        if let Some(id) = there.expect("definitions can be read") {
            return id;
        }
        let insert = "INSERT INTO workflow_definitions (name, version, workflow_data, status, created_at, updated_at)
                      VALUES ($1, 1, $2, 'active', $3, $3) RETURNING id::text";
        let insert = sqlx::query_scalar(insert).bind(name).bind(plan).bind(ids::utc());
        insert.fetch_one(&self.pool).await.expect("a definition can be inserted")
    }

    /// Registers an agent by its row.
    pub(crate) async fn register(&self, name: &str, url: &str, attempts: u32) {
        self.register_with(name, url, attempts, 100).await;
    }

    /// The same with a wait between two attempts.
    pub(crate) async fn register_with(&self, name: &str, url: &str, attempts: u32, delay_ms: u32) {
        let retry = json!({
            "max_retries": attempts, "initial_delay_ms": delay_ms, "max_delay_ms": 1000, "backoff_multiplier": 1.0,
        });
        sqlx::query(
            "INSERT INTO agents (name, url, auth_type, auth_config, timeout_ms, retry_config, status, created_at, updated_at)
             VALUES ($1, $2, 'none', 'null', 30000, $3, 'active', $4, $4)",
        )
        .bind(name)
        .bind(url)
        .bind(retry)
        .bind(ids::utc())
        .execute(&self.pool)
        .await
        .expect("an agent can be inserted");
    }

    pub(crate) async fn publish_execution(&self, run: &str, plan: &Value, input: &Value) {
        let request = json!({
            "run_id": run, "workflow_plan": plan, "input_data": input, "timestamp": ids::now(),
            "message_type": "execution_request",
        });
        self.producer.send(&self.around.topics.executions, run, &request).await;
    }

    /// `POST /runs/{id}/cancel`.
    pub(crate) async fn cancel(&self, run: &str, reason: &str) {
        let cancelled = sqlx::query(
            "UPDATE workflow_runs SET status = 'CANCELLED', cancelled_at = $2, cancelled_by = 'system', updated_at = $2,
                                      error_message = $3
             WHERE run_id = $1 AND status IN ('PENDING', 'RUNNING')",
        )
        .bind(run)
        .bind(ids::utc())
        .bind(format!("Cancelled: {reason}"));
        let cancelled = cancelled.execute(&self.pool).await.expect("a run can be cancelled");
        assert_eq!(cancelled.rows_affected(), 1, "only PENDING and RUNNING runs can be cancelled");
        self.publish_cancellation(run, reason).await;
    }

    pub(crate) async fn publish_cancellation(&self, run: &str, reason: &str) {
        let request = json!({
            "run_id": run, "cancelled_by": "system", "reason": reason, "timestamp": ids::now(),
            "message_type": "cancellation_request",
        });
        self.producer.send(&self.around.topics.cancellations, run, &request).await;
    }

    /// `POST /runs/{id}/retry`.
    pub(crate) async fn retry(&self, run: &str, plan: &Value, input: &Value) {
        let retried = sqlx::query(
            "UPDATE workflow_runs SET status = 'PENDING', error_message = NULL, cancelled_at = NULL, cancelled_by = NULL,
                                      updated_at = $2
             WHERE run_id = $1 AND status IN ('FAILED', 'CANCELLED')",
        );
        let retried = retried.bind(run).bind(ids::utc()).execute(&self.pool).await.expect("a run can be retried");
        assert_eq!(retried.rows_affected(), 1, "only FAILED and CANCELLED runs can be retried");
        self.publish_execution(run, plan, input).await;
    }

    /// Anything, on the topic of execution requests.
    pub(crate) async fn publish_anything(&self, key: &str, value: Option<&[u8]>) {
        self.producer.send_bytes(&self.around.topics.executions, key, value).await;
    }
}
