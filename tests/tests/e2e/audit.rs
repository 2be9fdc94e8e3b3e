//! The audit log: what is done to its rows behind the server's back is found, whatever it is.

use std::path::Path;

use e2e_tests::{AgentSpec, Ended, Orrery, command_line, eventually};
use rusqlite::Connection;
use tempfile::TempDir;

/// How many agents there are in the first state of a log, and in the last one. Before their rows is that of the first
/// administrator's key.
const EARLY: u32 = 2;
const LAST: u32 = 6;

/// A folder in which agents were registered one after the other, and a copy of it from before the last of them.
struct Written {
    folder: TempDir,
    early: TempDir,
}

async fn registered(folder: &Path, agents: std::ops::RangeInclusive<u32>) {
    let server = Orrery::start(folder).await;
    for n in agents {
        server.client().register(AgentSpec::new(&format!("agent-{n}"), "http://agent/")).await;
        eventually("the row is sealed", async || {
            (server.metric("orrery_audit_sealed_total", "").await > 0.5).then_some(())
        })
        .await;
    }
    assert!(server.terminate().await.status.success());
}

fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().expect("a folder can be made");
    // The log is there if the process, which had to hurry, did not fold it into the file.
    for name in ["orrery.db", "orrery.db-wal", "secret.keys"].into_iter().filter(|name| from.join(name).exists()) {
        std::fs::copy(from.join(name), to.path().join(name)).expect("it can be copied");
    }
    to
}

impl Written {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        registered(folder.path(), 1..=EARLY).await;
        let early = copy(folder.path());
        registered(folder.path(), EARLY + 1..=LAST).await;
        Self { folder, early }
    }

    /// What is said of the log after somebody has done this to the file.
    async fn after(&self, sql: &str) -> Ended {
        let folder = copy(self.folder.path());
        let database = Connection::open(folder.path().join("orrery.db")).expect("it is a database");
        database.execute_batch(sql).expect("the statements are sound");
        drop(database);
        verify(folder.path(), &[]).await
    }
}

async fn verify(folder: &Path, more: &[&str]) -> Ended {
    let data = folder.to_str().expect("the folder's path is UTF-8");
    command_line(&[&["audit", "verify", "--data", data], more].concat(), folder).await
}

/// The head, as a sound log tells it.
fn head(ended: &Ended) -> String {
    let said = ended.stdout.iter().find_map(|line| line.strip_prefix("head "));
    said.expect("a sound log tells its head").to_owned()
}

#[tokio::test]
async fn whoever_changes_the_log_is_found_out() {
    let written = Written::new().await;
    let sound = written.after("SELECT 1").await;
    assert!(sound.status.success(), "{:?}", sound.stderr);
    assert!(sound.stdout[0].starts_with("7 rows are as they were sealed, up to number 7"), "{:?}", sound.stdout);

    for (what, sql, found) in [
        ("a user is changed", "UPDATE audit_logs SET user_id = 'nobody' WHERE place = 2", "changed: it is not what was sealed with number 2 "),
        ("a time is changed", "UPDATE audit_logs SET at = at + 1 WHERE place = 7", "sealed with number 7 "),
        ("changes are changed", "UPDATE audit_logs SET changes = '{}' WHERE place = 4", "sealed with number 4 "),
        ("a member is added", "UPDATE audit_logs SET credential = 'x' WHERE place = 1", "sealed with number 1 "),
        ("one in the middle goes", "DELETE FROM audit_logs WHERE place = 5", "a row was removed: the one that was sealed with number 5 "),
        ("the last ones go", "DELETE FROM audit_logs WHERE place > 5", "a row was removed: the one that was sealed with number 6 "),
        (
            "two are swapped",
            "UPDATE audit_logs SET place = -1 WHERE place = 5; UPDATE audit_logs SET place = 5 WHERE place = 6;
             UPDATE audit_logs SET place = 6 WHERE place = -1",
            "changed: it is not what was sealed with number 5 ",
        ),
        (
            "one is inserted",
            "INSERT INTO audit_logs SELECT -7, randomblob(16), at, user_id, credential, request_id, address, action, entity_type, entity_id,
                    entity_key, entity_name, changes, bulk_id FROM audit_logs WHERE place = 1",
            "a row was inserted in place -7",
        ),
        (
            "the last ones go with their seals",
            "DELETE FROM audit_logs WHERE place > (SELECT min(first_seal) FROM audit_blocks WHERE first_seal > 3);
             DELETE FROM audit_blocks WHERE first_seal > 3",
            "the end was cut off: 7 rows were sealed, and the chain ends with number 3",
        ),
        ("a seal in the middle goes", "DELETE FROM audit_blocks WHERE number = 1", "(block 1)"),
        ("a seal is changed", "UPDATE audit_blocks SET macs = zeroblob(length(macs)) WHERE number = 1", "number 1 "),
        ("the head is changed", "UPDATE audit_marks SET seals = seals - 1", "the head of the chain was forged"),
        ("the head goes", "DELETE FROM audit_marks", "the head of the chain was removed"),
        (
            "all seals go",
            "DELETE FROM audit_marks; DELETE FROM audit_blocks; UPDATE audit_chain SET settled = 0, noted_at = NULL;
             UPDATE audit_logs SET at = at - 1000000000",
            "the head of the chain was removed",
        ),
        (
            "a checkpoint is made up",
            "INSERT INTO audit_marks SELECT 'checkpoint', 1, 3, mac, at, key_id, signature FROM audit_marks;
             DELETE FROM audit_logs WHERE place < 4; DELETE FROM audit_blocks WHERE number = 1",
            "the checkpoint of the chain was forged",
        ),
    ] {
        let ended = written.after(sql).await;
        assert_eq!(ended.status.code(), Some(1), "{what}: {:?}", ended.stdout);
        let said = ended.stderr.join("\n");
        assert!(said.contains(found), "{what}: {said}");
    }
}

#[tokio::test]
async fn an_older_state_that_is_put_back_is_found_by_what_was_noted_or_by_its_age() {
    let written = Written::new().await;
    let noted = head(&verify(written.folder.path(), &[]).await);
    let old = written.early.path();
    assert!(verify(old, &[]).await.status.success(), "by itself it is sound");
    let set_back = verify(old, &["--head", &noted]).await;
    assert!(set_back.stderr.join("\n").contains("does not hold the noted head 7:"), "{:?}", set_back.stderr);
    let before = head(&verify(old, &[]).await);
    assert!(verify(written.folder.path(), &["--head", &before]).await.status.success(), "the chain goes on from there");
    eventually("it is older than a second", async || {
        let aged = verify(old, &["--max-age-seconds", "1"]).await;
        aged.stderr.join("\n").contains("the end may be cut off").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_log_cannot_be_verified_without_its_keys_or_with_others() {
    let written = Written::new().await;
    let folder = copy(written.folder.path());
    let keys = folder.path().join("secret.keys");
    let made = std::fs::read_to_string(&keys).expect("the server has made it");
    let id = made.lines().find_map(|line| line.split_once(':').filter(|_| !line.starts_with('#'))).expect("a key").0;
    std::fs::write(&keys, format!("{id}:{}=\n", "A".repeat(43))).expect("it can be written");
    let other = verify(folder.path(), &[]).await;
    assert!(other.stderr.join("\n").contains("forged"), "{:?}", other.stderr);
    std::fs::write(&keys, format!("second:{}=\n", "A".repeat(43))).expect("it can be written");
    let unknown = verify(folder.path(), &[]).await;
    assert!(
        unknown.stderr.join("\n").contains(&format!("the key '{id}', which is not among the server's keys")),
        "{:?}",
        unknown.stderr
    );
    std::fs::remove_file(&keys).expect("it is there");
    let none = verify(folder.path(), &[]).await;
    assert!(none.stderr.join("\n").contains("ORRERY_SECRET_KEYS"), "{:?}", none.stderr);
}

#[tokio::test]
async fn rows_that_a_killed_server_left_unsealed_are_sealed_by_the_next_one() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = Orrery::start(folder.path()).await;
    server.client().register(AgentSpec::new("a", "http://agent/")).await;
    server.kill9();
    assert!(verify(folder.path(), &[]).await.status.success(), "what is not sealed yet is no finding");
    registered(folder.path(), 1..=1).await;
    let sound = verify(folder.path(), &[]).await;
    assert!(sound.stdout[0].starts_with("3 rows are as they were sealed"), "{:?} {:?}", sound.stdout, sound.stderr);
}
