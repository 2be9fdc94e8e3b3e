//! What a database says of itself.

use adapters_postgres::{ConnectError, DatabaseFacts, Refusal, examine};
use chrono::TimeDelta;
use dev_services::Database;
use domain::{
    Timestamp,
    ports::{Clock, StoreTime},
};

use crate::stores::{migrated, open};

/// A clock that stands still.
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

async fn facts(url: &str, clock: &dyn Clock) -> DatabaseFacts {
    examine(url, clock).await.expect("the database answers")
}

/// What belongs to the old system and is neither read nor written.
const NOT_OURS: [&str; 1] = ["ai_chat_sessions"];

/// The list of tables is written by hand; this is what fails if one is forgotten.
#[tokio::test]
async fn every_table_that_a_user_may_not_use_is_named() {
    let database = migrated().await;
    let owner = facts(database.url(), &Still(Timestamp::UNIX_EPOCH)).await;
    assert_eq!(owner.not_allowed, Vec::<String>::new());
    assert_eq!(owner.sequences_not_allowed, Vec::<String>::new());
    assert!(owner.may_change_schema && !owner.read_only, "{owner:?}");
    database
        .run(
            "DO $$ BEGIN CREATE ROLE orrery_stranger LOGIN;
               EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        )
        .await;
    let url = database.url().replacen("postgres@", "orrery_stranger@", 1);
    assert_ne!(url, database.url(), "the user stands in the URL");
    let stranger = facts(&url, &Still(Timestamp::UNIX_EPOCH)).await;
    let mut tables: Vec<String> = migrated_tables(&database).await;
    tables.retain(|table| !NOT_OURS.contains(&table.as_str()));
    assert_eq!(stranger.not_allowed, tables);
    assert_eq!(stranger.sequences_not_allowed, ["audit_logs_place_seq", "run_changes_place_seq"]);
    assert!(!stranger.may_change_schema && stranger.schema.is_none(), "{stranger:?}");
}

/// Numbers are taken by whoever writes a row, whatever they may do with the table.
#[tokio::test]
async fn rights_on_tables_are_not_taken_for_rights_on_their_sequences() {
    let database = migrated().await;
    database
        .run(
            "DO $$ BEGIN CREATE ROLE orrery_clerk LOGIN;
               EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO orrery_clerk",
        )
        .await;
    let url = database.url().replacen("postgres@", "orrery_clerk@", 1);
    let clock = Still(Timestamp::UNIX_EPOCH);
    let clerk = facts(&url, &clock).await;
    assert_eq!(clerk.not_allowed, Vec::<String>::new());
    assert_eq!(clerk.sequences_not_allowed, ["audit_logs_place_seq", "run_changes_place_seq"]);
    database.run("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO orrery_clerk").await;
    assert_eq!(facts(&url, &clock).await.sequences_not_allowed, Vec::<String>::new());
}

async fn migrated_tables(database: &Database) -> Vec<String> {
    use sqlx::{Connection, PgConnection};
    let mut connection = PgConnection::connect(database.url()).await.expect("the database lets tests in");
    let select = "SELECT relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') ORDER BY 1";
    sqlx::query_scalar(select).fetch_all(&mut connection).await.expect("names")
}

#[tokio::test]
async fn a_schema_is_compared_with_what_the_program_knows() {
    let empty = Database::new(None).await;
    let clock = Still(Timestamp::UNIX_EPOCH);
    let schema = facts(empty.url(), &clock).await.schema.expect("it may be known");
    assert!(!schema.is_there && schema.missing.first() == Some(&"m0001_initial"), "{schema:?}");
    let database = migrated().await;
    let schema = facts(database.url(), &clock).await.schema.expect("it may be known");
    assert!(schema.is_there && schema.missing.is_empty() && schema.unknown.is_empty(), "{schema:?}");
    database.run("UPDATE seaql_migrations SET version = 'm9999_future' WHERE version = 'm0017_schedules'").await;
    let schema = facts(database.url(), &clock).await.schema.expect("it may be known");
    assert_eq!((schema.missing, schema.unknown), (vec!["m0017_schedules"], vec!["m9999_future".to_owned()]));
}

#[tokio::test]
async fn the_difference_between_clocks_is_told_with_its_direction() {
    let database = migrated().await;
    let now = open(&database).await.read().await.expect("it tells the time");
    for minutes in [10, -10] {
        let told = facts(database.url(), &Still(now + TimeDelta::minutes(minutes))).await.ahead;
        let error = (told + TimeDelta::minutes(minutes)).abs();
        assert!(error < TimeDelta::seconds(30), "{minutes} minutes: the database is {told} ahead");
    }
}

#[tokio::test]
async fn why_a_database_cannot_be_reached_is_told_apart() {
    let refusal = async |url: &str| {
        let error: ConnectError = examine(url, &Still(Timestamp::UNIX_EPOCH)).await.expect_err("it cannot be reached");
        error.refusal()
    };
    assert_eq!(refusal("postgres://postgres@127.0.0.1:1/orrery").await, Refusal::Nobody);
    let gone = Database::new(None).await.url().to_owned();
    assert_eq!(refusal(&gone).await, Refusal::Database);
    assert_eq!(refusal(&gone.replacen("postgres@", "nobody_of_this_name@", 1)).await, Refusal::User);
}
