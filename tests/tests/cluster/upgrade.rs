//! Upgrades and their way back, as far as one binary can show them. Of two programs that share a database, what matters is the
//! schema: an old one runs on what a newer one has added to it, and a newer one takes up what it finds. So an older schema is made by
//! taking migrations back, and a newer one by what a migration may do (house rules: it only adds); see docs/guides/operations.md.

use std::collections::BTreeSet;

use e2e_tests::{Cluster, Ended, command_line, eventually};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::load::{complete, done, no_step_is_recorded_twice, owns, plans, register, repeated, start};

/// How many migrations are taken back.
const STEPS: &str = "3";

async fn migrate(cluster: &Cluster, what: &[&str]) -> Ended {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let arguments = [&["migrate", "--database-url", cluster.database_url()], what].concat();
    let ended = command_line(&arguments, folder.path()).await;
    assert!(ended.status.success(), "{what:?}: {}", ended.stderr.join("\n"));
    ended
}

/// Changes the schema in one transaction, as a migration does: what is in the way of those who are at work is tried again.
async fn change(cluster: &Cluster, statements: &'static str) {
    let mut connection = PgConnection::connect(cluster.database_url()).await.expect("the database lets tests in");
    eventually("the schema is changed", async || {
        match sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await {
            Ok(_) => Some(()),
            Err(sqlx::Error::Database(told)) if told.code().as_deref() == Some("40P01") => None,
            Err(error) => panic!("the statements are not sound: {error}"),
        }
    })
    .await;
}

#[tokio::test]
async fn unfinished_runs_survive_that_the_schema_is_taken_back_and_brought_up_again() {
    let cluster = Cluster::new().await.for_all(&["--drain-seconds", "0"]);
    let (api, executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    register(&cluster, api.client(), 2000).await;
    let load = plans(api.client(), "over", 12, &["echo", "slow", "echo"]).await;
    let runs = start(&[api.client()], load).await;
    owns(&executor, 12).await;
    eventually("first steps are done", async || (done(&cluster).await.len() >= 12).then_some(())).await;
    for process in [executor, api] {
        assert!(process.terminate().await.status.success());
    }
    let before = done(&cluster).await;
    let unfinished = "SELECT count(*) FROM run_heads WHERE phase = 0";
    assert_eq!(cluster.number(unfinished).await, 12, "all are in the midst of it");

    let down = migrate(&cluster, &["down", "--steps", STEPS]).await.stdout.join("\n");
    assert_eq!(down.matches("pending ").count(), 3, "{down}");
    assert_eq!(cluster.number(unfinished).await, 12, "nothing of them is lost with the schema");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let arguments = cluster.arguments("executor");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let arguments = [&["serve", "--listen", "127.0.0.1:0", "--no-migrate"], &arguments[..]].concat();
    let refused = command_line(&arguments, folder.path()).await;
    assert!(refused.stderr.join("\n").contains("lacks the migration"), "{:?}", refused.stderr);

    // The new program: the first process brings the schema up to date.
    let api = cluster.start("api", &[]).await;
    let up = migrate(&cluster, &["status"]).await.stdout.join("\n");
    assert!(up.contains("the schema is up to date") && !up.contains("pending"), "{up}");
    let executor = cluster.start("executor", &[]).await;
    complete(api.client(), &runs).await;
    let calls = cluster.agents.calls().await;
    assert!(repeated(&calls, &runs, &before) > 0, "the calls that were cut are repeated under their keys");
    no_step_is_recorded_twice(&cluster).await;
    drop(executor);
}

/// What migrations of a newer program may do while older ones run: add what these neither read nor have to write.
const EXPANDED: &str = "
    ALTER TABLE workflow_runs ADD COLUMN future_note text, ADD COLUMN future_rank integer NOT NULL DEFAULT 0;
    ALTER TABLE run_heads ADD COLUMN future_flag boolean NOT NULL DEFAULT false;
    ALTER TABLE run_events ADD COLUMN future_digest bytea;
    ALTER TABLE step_executions ADD COLUMN future_cost numeric;
    CREATE TABLE future_things (run_id varchar(255) PRIMARY KEY, thing jsonb);
    CREATE INDEX future_index ON workflow_runs (future_rank, run_id);
    CREATE FUNCTION note_future() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN INSERT INTO future_things (run_id) VALUES (NEW.run_id) ON CONFLICT DO NOTHING; RETURN NULL; END';
    CREATE TRIGGER note_future AFTER INSERT ON workflow_runs FOR EACH ROW EXECUTE FUNCTION note_future();
    INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0);
";

const CONTRACTED: &str = "
    DROP TRIGGER note_future ON workflow_runs;
    DROP FUNCTION note_future;
    DROP TABLE future_things;
    ALTER TABLE workflow_runs DROP COLUMN future_note, DROP COLUMN future_rank;
    ALTER TABLE run_heads DROP COLUMN future_flag;
    ALTER TABLE run_events DROP COLUMN future_digest;
    ALTER TABLE step_executions DROP COLUMN future_cost;
    DELETE FROM seaql_migrations WHERE version = 'm9999_future';
";

#[tokio::test]
async fn an_old_program_goes_on_beside_a_schema_that_a_newer_one_has_extended_and_after_that_was_taken_back() {
    let cluster = Cluster::new().await;
    let (api, executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    register(&cluster, api.client(), 700).await;
    let agents = ["echo", "slow", "slow", "echo"];
    let mut runs = start(&[api.client()], plans(api.client(), "early", 10, &agents).await).await;
    owns(&executor, 10).await;

    // A newer program has migrated; these go on, with what they had and with what comes.
    change(&cluster, EXPANDED).await;
    runs.extend(start(&[api.client()], plans(api.client(), "beside", 10, &agents).await).await);
    complete(api.client(), &runs[..10]).await;

    // One of the old ones is restarted. It refuses what it does not know, unless it is told to accept it.
    assert!(executor.terminate().await.status.success());
    let folder = tempfile::tempdir().expect("a folder can be made");
    let arguments = cluster.arguments("executor");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let accepting = [&["serve", "--listen", "127.0.0.1:0"], &arguments[..]].concat();
    let refused = command_line(&accepting, folder.path()).await;
    assert!(refused.stderr.join("\n").contains("m9999_future"), "{:?}", refused.stderr);
    let accepted =
        e2e_tests::Orrery::launch(&[&arguments[..], &["--accept-newer-schema"]].concat(), folder.path()).await;
    complete(api.client(), &runs).await;
    assert_eq!(cluster.number("SELECT count(*) FROM future_things").await, 10, "what the newer program added works");

    // And back: the newer program's migration is taken back while the old ones run.
    runs.extend(start(&[api.client()], plans(api.client(), "back", 10, &agents).await).await);
    change(&cluster, CONTRACTED).await;
    complete(api.client(), &runs).await;
    let restarted = cluster.start("executor", &[]).await;
    assert!(accepted.terminate().await.status.success());
    let last = start(&[api.client()], plans(api.client(), "last", 3, &agents).await).await;
    complete(api.client(), &last).await;
    runs.extend(last);
    assert_eq!(repeated(&cluster.agents.calls().await, &runs, &BTreeSet::new()), 0, "nothing was called twice");
    no_step_is_recorded_twice(&cluster).await;
    drop(restarted);
}
