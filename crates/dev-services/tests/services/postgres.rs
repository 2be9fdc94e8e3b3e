//! A PostgreSQL of one's own.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use dev_services::{Durability, Postgres, Shutdown};
use sqlx::{Connection, PgConnection};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

async fn run(url: &str, statements: &'static str) {
    let mut connection = PgConnection::connect(url).await.expect("the server answers");
    sqlx::raw_sql(statements).execute(&mut connection).await.expect("the statements are right");
}

async fn count(url: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.expect("the server answers");
    sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(&mut connection).await.expect("the table is there")
}

#[test]
fn a_server_that_was_killed_or_stopped_comes_back_on_the_same_port_with_what_was_committed() {
    let mut server = Postgres::temporary(Durability::On).expect("a server");
    let url = server.create_database("app").expect("a database");
    block_on(run(&url, "CREATE TABLE t (n int); INSERT INTO t VALUES (1)"));
    server.kill();
    assert!(!server.is_running());
    assert!(block_on(PgConnection::connect(&url)).is_err());
    server.start().expect("it recovers");
    assert_eq!(block_on(count(&url)), 1);
    for how in [Shutdown::Fast, Shutdown::Immediate] {
        server.stop(how).expect("it ends");
        assert!(!server.is_running());
        server.start().expect("it starts again");
        assert_eq!(block_on(count(&url)), 1);
    }
}

#[test]
fn a_frozen_server_says_nothing_until_it_may_go_on() {
    let server = Postgres::temporary(Durability::Off).expect("a server");
    server.pause();
    // The question whether it speaks TLS, which every server answers with one letter.
    let mut connection = TcpStream::connect(("127.0.0.1", server.port())).expect("the system takes the connection");
    connection.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).expect("the system takes the question");
    connection.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout can be set");
    assert!(connection.read(&mut [0]).is_err(), "a frozen server has answered");
    server.resume();
    connection.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout can be set");
    assert_eq!(connection.read(&mut [0]).expect("it answers"), 1);
}

#[test]
fn a_folder_keeps_its_data_and_its_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Postgres::in_folder(folder.path(), Durability::Off).expect("a server");
    let (port, url) = (server.port(), server.create_database("app").expect("a database"));
    block_on(run(&url, "CREATE TABLE t (n int)"));
    assert_eq!(Postgres::running_in(folder.path()), Some(port));
    drop(server);
    assert_eq!(Postgres::running_in(folder.path()), None);
    let again = Postgres::in_folder(folder.path(), Durability::Off).expect("a server");
    assert_eq!((again.port(), block_on(count(&url))), (port, 0));
    again.leave_running();
    assert!(Postgres::stop_in(folder.path()).expect("it ends"));
    assert!(!Postgres::stop_in(folder.path()).expect("nothing runs"));
}
