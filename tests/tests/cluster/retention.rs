//! Runs that ended long ago are removed by the processes themselves, where somebody has said how long they are kept.

use e2e_tests::{Cluster, eventually};
use sqlx::{Connection, PgConnection};

use crate::load::{complete, plans, register, start};

#[tokio::test]
async fn old_runs_are_removed_with_all_that_was_kept_of_them_and_younger_ones_stay() {
    let cluster = Cluster::new().await;
    let (api, executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    register(&cluster, api.client(), 10).await;
    let runs = start(&[api.client()], plans(api.client(), "kept", 4, &["echo"]).await).await;
    complete(api.client(), &runs).await;
    // Two of them ended a hundred days ago.
    let mut connection = PgConnection::connect(cluster.database_url()).await.expect("the database lets tests in");
    for run in &runs[..2] {
        sqlx::query("UPDATE workflow_runs SET updated_at = updated_at - interval '100 days' WHERE run_id = $1")
            .bind(&run.id)
            .execute(&mut connection)
            .await
            .expect("the statement is sound");
    }
    assert!(executor.terminate().await.status.success());
    let (keeper, other) = tokio::join!(
        cluster.start("executor", &["--keep-runs-days", "30"]),
        cluster.start("executor", &["--keep-runs-days", "30"])
    );
    eventually("the old runs are gone", async || {
        (cluster.number("SELECT count(*) FROM workflow_runs").await == 2).then_some(())
    })
    .await;
    for run in &runs[..2] {
        assert_eq!(api.client().get(&format!("/runs/{}", run.id)).await.status, 404);
        assert_eq!(api.client().get(&format!("/runs/{}/steps", run.id)).await.status, 404);
    }
    for run in &runs[2..] {
        assert_eq!(api.client().get(&format!("/runs/{}", run.id)).await.status, 200);
    }
    for left in [
        "SELECT count(*) FROM step_executions WHERE run_id NOT IN (SELECT run_id FROM workflow_runs)",
        "SELECT count(*) FROM run_events WHERE run_id NOT IN (SELECT run_id FROM workflow_runs)",
        "SELECT count(*) FROM run_heads WHERE run_id NOT IN (SELECT run_id FROM workflow_runs)",
    ] {
        assert_eq!(cluster.number(left).await, 0, "{left}");
    }
    let mut removed = 0.0;
    for process in [&keeper, &other] {
        removed += process.metric("orrery_removed_total", "what=\"runs\"").await;
    }
    assert!((removed - 2.0).abs() < 0.1, "what was removed is counted: {removed}");
}
