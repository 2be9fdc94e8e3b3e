//! The audit log of several processes: one of them seals at a time, and what is done to rows behind their backs is found.

use e2e_tests::{AgentSpec, Cluster, Ended, command_line, eventually};
use sqlx::{Connection, PgConnection};

async fn verify(cluster: &Cluster) -> Ended {
    let (url, keys, folder) = (cluster.database_url(), cluster.keys(), std::env::temp_dir());
    let arguments = ["audit", "verify", "--database-url", url, "--secret-keys-file", &keys];
    command_line(&arguments, &folder).await
}

#[tokio::test]
async fn whoever_changes_the_log_is_found_out() {
    let cluster = Cluster::new().await;
    let (one, two) = (cluster.start("api", &[]).await, cluster.start("api", &[]).await);
    for n in 1..=8 {
        let server = if n % 2 == 0 { &one } else { &two };
        server.client().register(AgentSpec::new(&format!("agent-{n}"), "http://agent/")).await;
        eventually("the row is sealed", async || {
            // The first row is about the first administrator's key.
            (cluster.number("SELECT coalesce(sum(cardinality(places)), 0)::bigint FROM audit_blocks").await == n + 1)
                .then_some(())
        })
        .await;
    }
    assert!(one.terminate().await.status.success() && two.terminate().await.status.success());
    let sound = verify(&cluster).await;
    assert!(sound.stdout.iter().any(|line| line.starts_with("9 rows are as they were sealed")), "{:?}", sound.stderr);

    let mut database = PgConnection::connect(cluster.database_url()).await.expect("the database lets tests in");
    let save = "CREATE TABLE s_logs AS TABLE audit_logs; CREATE TABLE s_blocks AS TABLE audit_blocks;
                CREATE TABLE s_marks AS TABLE audit_marks";
    sqlx::raw_sql(save).execute(&mut database).await.expect("it is saved");
    let put_back = "TRUNCATE audit_logs, audit_blocks, audit_marks; INSERT INTO audit_logs TABLE s_logs;
                    INSERT INTO audit_blocks TABLE s_blocks; INSERT INTO audit_marks TABLE s_marks";
    // The n-th row that was sealed.
    let of_seal = "CREATE FUNCTION of_seal(n bigint) RETURNS bigint LANGUAGE sql AS
                   'SELECT places[n - first_seal + 1] FROM s_blocks WHERE n BETWEEN first_seal AND first_seal + cardinality(places) - 1'";
    sqlx::raw_sql(of_seal).execute(&mut database).await.expect("it is made");

    for (what, sql, found) in [
        ("a user is changed", "UPDATE audit_logs SET user_id = 'nobody' WHERE place = of_seal(3)", "changed: it is not what was sealed with number 3 "),
        ("a change is changed", "UPDATE audit_logs SET changes = '{}' WHERE place = of_seal(8)", "sealed with number 8 "),
        ("what nobody reads is changed", "UPDATE audit_logs SET updated_at = now() WHERE place = of_seal(1)", "sealed with number 1 "),
        ("one in the middle goes", "DELETE FROM audit_logs WHERE place = of_seal(5)", "a row was removed: the one that was sealed with number 5 "),
        ("the last ones go", "DELETE FROM audit_logs WHERE place >= of_seal(7)", "a row was removed: the one that was sealed with number 7 "),
        (
            "two are swapped",
            "UPDATE audit_logs SET place = -1 WHERE place = of_seal(4); UPDATE audit_logs SET place = of_seal(4) WHERE place = of_seal(5);
             UPDATE audit_logs SET place = of_seal(5) WHERE place = -1",
            "changed: it is not what was sealed with number 4 ",
        ),
        (
            "one is inserted",
            "INSERT INTO audit_logs (entity_type, entity_id, action, place) VALUES ('run', gen_random_uuid(), 'cancel', -3)",
            "a row was inserted in place -3",
        ),
        (
            "the last ones go with their seals",
            "DELETE FROM audit_logs WHERE place >= of_seal(7); DELETE FROM audit_blocks WHERE first_seal >= 7",
            "the end was cut off: 9 rows were sealed, and the chain ends with number 6",
        ),
        ("the head is changed", "UPDATE audit_marks SET seals = 6", "the head of the chain was forged"),
        ("the head goes", "TRUNCATE audit_marks", "the head of the chain was removed"),
    ] {
        sqlx::raw_sql(sql).execute(&mut database).await.expect("the statements are sound");
        let ended = verify(&cluster).await;
        assert_eq!(ended.status.code(), Some(1), "{what}: {:?}", ended.stdout);
        let said = ended.stderr.join("\n");
        assert!(said.contains(found), "{what}: {said}");
        sqlx::raw_sql(put_back).execute(&mut database).await.expect("it is put back");
    }
    assert!(verify(&cluster).await.status.success(), "all was put back");
}
