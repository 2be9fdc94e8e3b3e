//! `orrery doctor`: finds what is wrong with each part, and says what mends it.

use dev_services::{Durability, Postgres};
use e2e_tests::{Cluster, command_line};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::task::spawn_blocking;

use crate::starting::want_passwords;

/// What must never be shown.
const PASSWORD: &str = "hunter2-secret";

/// What the doctor says with these arguments, and whether all is well.
async fn examined(arguments: &[&str]) -> (Vec<Value>, bool) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let arguments = [&["doctor", "--json", "--listen", "127.0.0.1:0"], arguments].concat();
    let ended = command_line(&arguments, folder.path()).await;
    let said = ended.stdout.join("\n");
    assert!(!said.contains(PASSWORD) && !ended.stderr.join("\n").contains(PASSWORD), "the password is shown: {said}");
    let told: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}\n{:?}", ended.stderr));
    let healthy = told["healthy"].as_bool().expect("it says whether all is well");
    assert_eq!(ended.status.code(), Some(i32::from(!healthy)), "{told:#}");
    (told["findings"].as_array().expect("findings").clone(), healthy)
}

/// The one thing that must be wrong: what is found and what mends it.
fn the_error<'a>(findings: &'a [Value], check: &str) -> (&'a str, &'a str) {
    let errors: Vec<&Value> = findings.iter().filter(|finding| finding["severity"] == "error").collect();
    let error = errors.iter().find(|finding| finding["check"] == check);
    let error = error.unwrap_or_else(|| panic!("no error of {check} in {findings:#?}"));
    let text = |member: &str| error[member].as_str().unwrap_or_else(|| panic!("no {member} in {error}"));
    println!("{}: {} | {}", check, text("found"), text("hint"));
    (text("found"), text("hint"))
}

fn assert_names(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "'{word}' is not in: {text}");
    }
}

async fn sql(url: &str, statements: &str) {
    let mut connection = PgConnection::connect(url).await.expect("the database lets tests in");
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(&mut connection)
        .await
        .expect("the statements are sound");
}

/// The arguments of a cluster's process, with others for some of them.
fn with<'a>(own: &'a [String], other: &[&'a str]) -> Vec<&'a str> {
    let pairs = own.chunks_exact(2).filter(|pair| !other.contains(&pair[0].as_str()));
    pairs.flatten().map(String::as_str).chain(other.iter().copied()).collect()
}

#[tokio::test]
async fn a_cluster_that_is_well_is_found_well_and_what_is_wrong_with_its_topics_is_named() {
    let cluster = Cluster::new().await;
    let relay = cluster.start("relay", &[]).await;
    // The topics are made once it is ready, or a moment later.
    e2e_tests::eventually("all is well", async || {
        let own = cluster.arguments("all");
        let (findings, healthy) = examined(&with(&own, &[])).await;
        println!("{findings:#?}");
        healthy.then_some(())
    })
    .await;
    let own = cluster.arguments("all");

    let (findings, _) = examined(&with(&own, &["--kafka-dlq-topic", "nowhere.to.be.found"])).await;
    let (found, hint) = the_error(&findings, "kafka.topics");
    assert_names(found, &["nowhere.to.be.found", "missing"]);
    assert_names(hint, &["kafka-topics.sh", "--create --topic nowhere.to.be.found"]);

    let (findings, _) = examined(&with(&own, &["--kafka-partitions", "5"])).await;
    let (found, hint) = the_error(&findings, "kafka.partitions");
    assert_names(found, &["partitions where --kafka-partitions says 5"]);
    assert!(hint.contains("--alter") || hint.contains("cannot be taken away"), "{hint}");

    let (findings, _) = examined(&with(&own, &["--kafka-brokers", "127.0.0.1:1"])).await;
    let (found, hint) = the_error(&findings, "kafka");
    assert_names(found, &["no Kafka broker answers"]);
    assert_names(hint, &["nc -vz 127.0.0.1 1"]);
    drop(relay);
}

#[tokio::test]
async fn what_is_wrong_with_a_database_is_named_with_what_mends_it() {
    let cluster = Cluster::new().await;
    let own = cluster.arguments("api");
    let (findings, healthy) = examined(&with(&own, &[])).await;
    assert!(healthy, "a database that is still empty is no fault: {findings:#?}");
    drop(cluster.start("api", &[]).await);

    let url = cluster.database_url();
    sql(url, "DELETE FROM seaql_migrations WHERE version IN ('m0016_webhooks', 'm0017_schedules')").await;
    let (findings, _) = examined(&with(&own, &[])).await;
    let (found, hint) = the_error(&findings, "schema");
    assert_names(found, &["old", "m0016_webhooks", "m0017_schedules"]);
    assert_names(hint, &["orrery migrate up"]);
    sql(url, "INSERT INTO seaql_migrations VALUES ('m0016_webhooks', 0), ('m0017_schedules', 0), ('m9999_future', 0)")
        .await;
    let (findings, _) = examined(&with(&own, &[])).await;
    assert_names(the_error(&findings, "schema").0, &["m9999_future"]);
    let (findings, _) = examined(&with(&own, &["--accept-newer-schema"])).await;
    let accepted = findings.iter().find(|finding| finding["check"] == "schema").expect("the schema is looked at");
    assert_eq!(accepted["severity"], "warning", "it is accepted, as told: {accepted}");
    sql(url, "DELETE FROM seaql_migrations WHERE version = 'm9999_future'").await;

    // Nobody can set a clock here, but a function of its name stands before the database's own.
    let skewed = "CREATE SCHEMA skewed;
        CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql
          AS 'SELECT pg_catalog.clock_timestamp() + interval ''10 minutes''';
        DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, skewed, pg_catalog', current_database()); END $$";
    sql(url, skewed).await;
    let (findings, _) = examined(&with(&own, &[])).await;
    let (found, hint) = the_error(&findings, "clock");
    assert_names(found, &["clock", "600", "behind"]);
    assert_names(hint, &["timedatectl"]);
}

#[tokio::test]
async fn who_is_not_let_in_or_may_not_write_is_told_so() {
    let server = spawn_blocking(|| {
        let server = Postgres::temporary(Durability::Off).expect("a PostgreSQL of one's own");
        server.create_database("orrery").expect("a database");
        server
    });
    let server = server.await.expect("no panic");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let keys = folder.path().join("keys");
    dev_services::write_secret_keys(&keys).expect("the keys can be written");
    let keys = keys.to_string_lossy();
    let url = |user: &str, password: &str, database: &str| {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", server.port())
    };
    let examined = async |url: &str| examined(&["--database-url", url, "--secret-keys-file", &keys]).await.0;
    want_passwords(&url("postgres", "", "orrery")).await;

    let findings = examined(&url("guest", PASSWORD, "orrery")).await;
    let (found, hint) = the_error(&findings, "database");
    assert_names(found, &["password authentication failed", "guest"]);
    assert_names(hint, &["ALTER ROLE", "PASSWORD"]);

    let findings = examined(&url("postgres", "", "missing")).await;
    assert_names(the_error(&findings, "database").1, &["createdb"]);
    let findings = examined(&url("stranger", "", "orrery")).await;
    assert_names(the_error(&findings, "database").1, &["CREATE ROLE"]);
    let findings = examined("postgres://postgres@127.0.0.1:1/orrery").await;
    assert_names(the_error(&findings, "database").1, &["pg_isready"]);

    let migrated =
        command_line(&["migrate", "up", "--database-url", &url("postgres", "", "orrery")], folder.path()).await;
    assert!(migrated.status.success(), "{:?}", migrated.stderr);
    let findings = examined(&url("guest", "another", "orrery")).await;
    let (found, hint) = the_error(&findings, "database.permissions");
    assert_names(found, &["guest may not read and write", "workflow_runs"]);
    assert_names(found, &["audit_logs_place_seq"]);
    assert_names(
        hint,
        &["ON ALL TABLES IN SCHEMA public TO guest", "USAGE ON ALL SEQUENCES IN SCHEMA public TO guest"],
    );

    // Who may do this and no more cannot start a server that migrates, and can start one that does not.
    let grants = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO guest";
    sql(&url("postgres", "", "orrery"), grants).await;
    let guest = url("guest", "another", "orrery");
    let findings = examined(&guest).await;
    let (found, hint) = the_error(&findings, "database.permissions");
    assert_names(found, &["guest cannot bring the schema up to date"]);
    assert_names(hint, &["--no-migrate"]);
    let no_migrate = ["--database-url", &guest, "--secret-keys-file", &keys, "--no-migrate"];
    let (findings, healthy) = self::examined(&no_migrate).await;
    assert!(healthy, "{findings:#?}");

    sql(&url("postgres", "", "orrery"), "ALTER DATABASE orrery SET default_transaction_read_only = on").await;
    let findings = examined(&url("postgres", "", "orrery")).await;
    assert_names(the_error(&findings, "database.permissions").0, &["nothing can be written"]);
}
