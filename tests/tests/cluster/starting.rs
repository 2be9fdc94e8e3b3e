//! Starts: those that fail say why in one line, and several at once get on with each other.

use dev_services::{Database, Durability, Postgres, write_secret_keys};
use e2e_tests::{Cluster, Ended, Orrery, command_line, eventually};
use tokio::{net::TcpListener, task::spawn_blocking};

use crate::load::{complete, plans, register, start};

/// What must never be shown.
const PASSWORD: &str = "hunter2-secret";

/// Runs `orrery serve` with arguments that it cannot work with: it ends with the status 1. Answers the one line that says why.
async fn refused(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let keys = folder.path().join("keys");
    write_secret_keys(&keys).expect("the keys can be written");
    let keys = keys.to_string_lossy();
    let all = [&["serve", "--listen", "127.0.0.1:0", "--secret-keys-file", &keys], arguments].concat();
    let ended = command_line(&all, folder.path()).await;
    one_line_of(&ended, arguments)
}

fn one_line_of(ended: &Ended, arguments: &[&str]) -> String {
    let said = ended.stderr.join("\n");
    assert_eq!(ended.status.code(), Some(1), "{arguments:?} ended with {}: {said}", ended.status);
    assert!(!said.contains(PASSWORD), "{arguments:?} showed the password: {said}");
    let [line] = &ended.stderr[..] else { panic!("{arguments:?} said not one line but: {said}") };
    assert!(line.starts_with("orrery: "), "{line}");
    println!("{line}");
    line.clone()
}

pub(crate) fn assert_names(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "'{word}' is not in: {line}");
    }
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_named_in_one_line() {
    for role in ["api", "executor", "relay", "bridge"] {
        assert_names(&refused(&["--role", role]).await, &["--role", role, "DATABASE_URL"]);
    }
    let brokers = ["--kafka-brokers", "127.0.0.1:1"];
    assert_names(&refused(&brokers).await, &["Kafka needs a database", "DATABASE_URL"]);
    let database = ["--database-url", "postgres://postgres@127.0.0.1:1/orrery"];
    for role in ["relay", "bridge"] {
        let line = refused(&[&database[..], &["--role", role]].concat()).await;
        assert_names(&line, &["--role", role, "KAFKA_BROKERS"]);
    }
    let line = refused(&[&database[..], &["--engine", "external"]].concat()).await;
    assert_names(&line, &["--engine external", "--kafka-brokers"]);
    let line = refused(&[&database[..], &["--agent-calls", "bridge"]].concat()).await;
    assert_names(&line, &["--agent-calls bridge", "--kafka-brokers"]);
    let both = ["--engine", "external", "--accept-requests", "true"];
    let line = refused(&[&database[..], &brokers, &both].concat()).await;
    assert_names(&line, &["--engine external", "--accept-requests", "exclude"]);
    let line = refused(&[&database[..], &["--kafka-brokers", "no port"]].concat()).await;
    assert_names(&line, &["brokers", "host:port"]);
    let line = refused(&["--database-url", &format!("mysql://me:{PASSWORD}@127.0.0.1/orrery")]).await;
    assert_names(&line, &["must begin with postgres://"]);
    let line = refused(&["--database-url", &format!("postgres://me:{PASSWORD}@127.0.0.1:many/orrery")]).await;
    assert_names(&line, &["the database URL is not valid", "port"]);
}

#[tokio::test]
async fn a_database_that_does_not_let_the_server_in_is_named_in_one_line_without_the_password() {
    let server = spawn_blocking(|| {
        let server = Postgres::temporary(Durability::Off).expect("a PostgreSQL of one's own");
        server.create_database("orrery").expect("a database");
        server
    });
    let mut server = server.await.expect("no panic");
    let url =
        |user: &str, database: &str| format!("postgres://{user}:{PASSWORD}@127.0.0.1:{}/{database}", server.port());
    let line = refused(&["--database-url", &url("postgres", "missing")]).await;
    assert_names(&line, &["database", "\"missing\" does not exist"]);
    let line = refused(&["--database-url", &url("stranger", "orrery")]).await;
    assert_names(&line, &["database", "stranger"]);
    want_passwords(&url("postgres", "orrery")).await;
    let line = refused(&["--database-url", &url("guest", "orrery")]).await;
    assert_names(&line, &["database", "password authentication failed", "guest"]);

    let gone = url("postgres", "orrery");
    server = spawn_blocking(move || {
        server.kill();
        server
    })
    .await
    .expect("no panic");
    for more in [&[][..], &["--no-migrate"]] {
        let at_once = ["--database-url", &gone, "--database-wait-seconds", "0"];
        let line = refused(&[&at_once[..], more].concat()).await;
        assert_names(&line, &["the database cannot be reached", "refused"]);
    }
    drop(server);
}

#[tokio::test]
async fn a_database_that_comes_later_is_waited_for_and_brought_up_to_date() {
    let server = spawn_blocking(|| {
        let mut server = Postgres::temporary(Durability::Off).expect("a PostgreSQL of one's own");
        let url = server.create_database("orrery").expect("a database");
        server.kill();
        (server, url)
    });
    let (mut server, url) = server.await.expect("no panic");
    // In the database's place, somebody who hangs up: so it is known that the first try has failed.
    let place = TcpListener::bind(("127.0.0.1", server.port())).await.expect("nobody else is there");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let coming = async {
        drop(place.accept().await.expect("a first try"));
        drop(place);
        spawn_blocking(move || {
            server.start().expect("PostgreSQL starts again");
            server
        })
        .await
        .expect("no panic")
    };
    let keys = folder.path().join("keys");
    write_secret_keys(&keys).expect("the keys can be written");
    let keys = keys.to_string_lossy();
    let arguments = ["--database-url", &url, "--database-wait-seconds", "120", "--secret-keys-file", &keys];
    let (orrery, server) = tokio::join!(Orrery::launch(&arguments, folder.path()), coming);
    assert!(orrery.is_ready().await);
    let said = orrery.log().join("\n");
    assert!(said.contains("the database is not there yet"), "{said}");
    drop(orrery);
    drop(server);
}

/// Makes a user whose password is wanted, and is another one.
pub(crate) async fn want_passwords(url: &str) {
    use sqlx::{AssertSqlSafe, Connection, PgConnection};
    let mut connection = PgConnection::connect(url).await.expect("the superuser needs no password");
    let file: String = sqlx::query_scalar("SHOW hba_file").fetch_one(&mut connection).await.expect("a path");
    let rules = std::fs::read_to_string(&file).expect("the rules are readable");
    std::fs::write(&file, format!("host all guest 127.0.0.1/32 scram-sha-256\n{rules}")).expect("the rules are ours");
    let statements = "CREATE ROLE guest LOGIN PASSWORD 'another'; SELECT pg_reload_conf();";
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await.expect("a user");
}

#[tokio::test]
async fn a_schema_that_is_not_the_programs_own_is_named_in_one_line() {
    let database = Database::new(None).await;
    for role in ["all", "api", "executor"] {
        let line = refused(&["--role", role, "--database-url", database.url(), "--no-migrate"]).await;
        assert_names(&line, &["the database lacks the migration", "m0001"]);
    }
    let cluster = Cluster::new().await;
    drop(cluster.start("api", &[]).await);
    let change =
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_from_the_future', 0) RETURNING 1::bigint";
    assert_eq!(cluster.number(change).await, 1);
    for more in [&[][..], &["--no-migrate"]] {
        for role in ["all", "api"] {
            let line = refused(&[&["--role", role, "--database-url", cluster.database_url()], more].concat()).await;
            assert_names(&line, &["m9999_from_the_future", "newer"]);
        }
    }
}

#[tokio::test]
async fn replicas_that_start_at_once_on_an_empty_database_all_come_up_and_work() {
    let cluster = Cluster::new().await;
    let (api, other, executor, relay, all) = tokio::join!(
        cluster.start("api", &[]),
        cluster.start("api", &[]),
        cluster.start("executor", &[]),
        cluster.start("relay", &[]),
        cluster.start("all", &[])
    );
    register(&cluster, api.client(), 10).await;
    let runs =
        start(&[api.client(), other.client(), all.client()], plans(api.client(), "first", 20, &["echo", "slow"]).await)
            .await;
    complete(all.client(), &runs).await;

    let query = "SELECT count(*) - count(DISTINCT version) FROM seaql_migrations";
    assert_eq!(cluster.number(query).await, 0, "each migration was applied once");
    for process in [&api, &other, &executor, &relay, &all] {
        eventually("each says that all is well", async || {
            let (status, readiness) = process.readiness().await;
            (status == 200 && readiness["degraded"] == false).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn on_a_database_a_server_without_keys_does_not_start_and_says_how_to_get_some() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--database-url", "postgres://postgres@127.0.0.1:1/orrery"];
    let line = one_line_of(&command_line(&arguments, folder.path()).await, &arguments);
    assert_names(&line, &["--secret-keys-file", "ORRERY_SECRET_KEYS", "orrery secrets new-key"]);
}
