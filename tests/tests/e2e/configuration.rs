//! Settings from a file, from variables and from flags, and what looks at them.

use std::{fs, path::Path, process::Output};

use e2e_tests::{Ended, Orrery, command_line, orrery_command};

/// What must never be shown.
const PASSWORD: &str = "hunter2-secret";

fn with_variables(arguments: &[&str], variables: &[(&str, &str)], folder: &Path) -> Output {
    let mut command = orrery_command();
    command.args(arguments).current_dir(folder).envs(variables.iter().copied());
    command.output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!said.contains(PASSWORD), "the password is shown: {said}");
    said
}

fn line<'a>(shown: &'a str, key: &str) -> &'a str {
    let start = format!("{key} = ");
    shown.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no {key} in:\n{shown}"))
}

#[tokio::test]
async fn a_flag_counts_more_than_a_variable_a_variable_more_than_the_file_and_that_more_than_a_default() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let url = format!("postgres://me:{PASSWORD}@127.0.0.1:1/d");
    let secret = folder.path().join("url");
    fs::write(&secret, format!("{url}\n")).expect("it is written");
    let text = format!(
        "capacity = 1\nlease_seconds = 21\ndrain_seconds = 22\nno_migrate = true\ntrusted_proxies = [\"10.0.0.0/8\", \"fd00::/8\"]\n\
         database_url_file = {:?}\nkafka_property = [\"ssl.key.password={PASSWORD}\"]\nsecret_keys_file = \"nowhere\"\n",
        secret.display().to_string()
    );
    fs::write(folder.path().join("orrery.toml"), text).expect("it is written");
    let arguments = ["config", "show", "--config", "orrery.toml", "--capacity", "3"];
    let variables = [("ORRERY_CAPACITY", "2"), ("ORRERY_LEASE_SECONDS", "31"), ("ORRERY_SECRET_KEYS", PASSWORD)];
    let output = with_variables(&arguments, &variables, folder.path());
    let shown = said(&output);
    assert!(output.status.success(), "{shown}");
    for (key, value, origin) in [
        ("capacity", "3", "# --capacity"),
        ("lease_seconds", "31", "# ORRERY_LEASE_SECONDS"),
        ("drain_seconds", "22", "# orrery.toml:3"),
        ("no_migrate", "true", "# orrery.toml:4"),
        ("trusted_proxies", "[\"10.0.0.0/8\", \"fd00::/8\"]", "# orrery.toml:5"),
        ("database_url", "\"postgres://me:***@127.0.0.1:1/d\"", "# orrery.toml:6"),
        ("kafka_property", "[\"ssl.key.password=***\"]", "# orrery.toml:7"),
        ("secret_keys", "\"***\"", "# ORRERY_SECRET_KEYS"),
        ("role", "\"all\"", "# default"),
    ] {
        let found = line(&shown, key);
        assert!(found.starts_with(&format!("{key} = {value} ")) && found.ends_with(origin), "{found}");
    }
    let collector = format!("http://me:{PASSWORD}@collector:4318");
    let output = with_variables(&["config", "show", "--otlp-endpoint", &collector], &[], folder.path());
    assert!(said(&output).contains("otlp_endpoint = \"http://***@collector:4318\""), "{}", said(&output));
    assert!(shown.contains("# secret_keys_file is not set"), "a variable that excludes it counts more: {shown}");
    // What is shown is a file again.
    fs::write(folder.path().join("again.toml"), shown.replace("***", "x")).expect("it is written");
    let again = with_variables(&["config", "show", "--config", "again.toml"], &[], folder.path());
    assert!(again.status.success(), "{}", said(&again));
}

#[tokio::test]
async fn all_mistakes_of_a_file_are_told_at_once_and_nothing_is_started_with_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("o.toml"), "lissten = \"x\"\ncapacity = \"5\"\n\nlease_seconds = 1\n")
        .expect("it is written");
    for command in [&["config", "check"][..], &["serve"], &[], &["doctor"], &["keys", "list"]] {
        let ended: Ended = command_line(&[command, &["--config", "o.toml"]].concat(), folder.path()).await;
        assert_eq!(ended.status.code(), Some(1), "{command:?}: {:?}", ended.stderr);
        let told = ended.stderr.join("\n");
        for mistake in [
            "o.toml:1: lissten: there is no such setting; did you mean listen?",
            "o.toml:2: capacity: expected a whole number, not a text",
            "o.toml:4: lease_seconds: '1': 1 is not in 2..=300",
        ] {
            assert!(told.contains(mistake), "{command:?}: {told}");
        }
    }
}

#[tokio::test]
async fn what_the_server_would_refuse_is_refused_by_the_check_all_at_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let text = "role = \"relay\"\nauth = \"disabled\"\nlisten = \"0.0.0.0:8000\"\ncors_origin = \"*\"\ncors_credentials = true\n\
                engine = \"external\"\nlog = \"a=b=c\"\n";
    fs::write(folder.path().join("o.toml"), text).expect("it is written");
    let ended = command_line(&["config", "check", "--config", "o.toml"], folder.path()).await;
    let told = ended.stderr.join("\n");
    assert_eq!(ended.status.code(), Some(1), "{told}");
    for wrong in [
        "--role relay needs a database",
        "--role relay needs Kafka",
        "--engine external",
        "--auth disabled",
        "log filter",
    ] {
        assert!(told.contains(wrong), "{wrong}: {told}");
    }
    let keys = folder.path().join("keys");
    dev_services::write_secret_keys(&keys).expect("the keys can be written");
    let keys = keys.to_string_lossy();
    let ports = format!("postgres://me:{PASSWORD}@127.0.0.1:many/d");
    for (url, wrong) in [
        ("", "the database URL must begin with postgres:// or postgresql://"),
        ("mysql://h/d", "the database URL must begin with postgres:// or postgresql://"),
        (ports.as_str(), "the database URL is not valid"),
    ] {
        for command in [&["config", "check"][..], &["serve", "--listen", "127.0.0.1:0"]] {
            let arguments = [command, &["--secret-keys-file", &keys]].concat();
            let output = with_variables(&arguments, &[("DATABASE_URL", url)], folder.path());
            let told = said(&output);
            assert_eq!(output.status.code(), Some(1), "{url}: {told}");
            assert!(told.contains("orrery: the database cannot be used: ") && told.contains(wrong), "{url}: {told}");
        }
    }
    fs::write(folder.path().join("good.toml"), "capacity = 7\n").expect("it is written");
    let ended = command_line(&["config", "check", "--config", "good.toml"], folder.path()).await;
    assert!(
        ended.status.success() && ended.stdout.join("").contains("the configuration is good"),
        "{:?}",
        ended.stdout
    );
}

#[tokio::test]
async fn a_server_goes_by_its_file() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("o.toml"), "data = \"kept-here\"\nmax_body_bytes = 2048\n").expect("it is written");
    let orrery = Orrery::launch(&["--config", "o.toml"], folder.path()).await;
    assert!(folder.path().join("kept-here/orrery.db").exists());
    let answer = orrery.client().send(reqwest::Method::POST, "/agents", Some(vec![b' '; 4096])).await;
    assert_eq!(answer.status, 413, "{}", answer.text);
    let ended = orrery.terminate().await;
    assert!(ended.status.success());
    // Commands on the store find it by the same file.
    let ended = command_line(&["keys", "list", "--config", "o.toml"], folder.path()).await;
    assert!(ended.status.success(), "{:?}", ended.stderr);
}

#[tokio::test]
async fn a_doctor_looks_at_a_folder_and_at_ports() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let orrery = Orrery::start(folder.path()).await;
    let address = orrery.url().trim_start_matches("http://").to_owned();
    let data = folder.path().to_string_lossy().into_owned();
    let ended = command_line(&["doctor", "--data", &data, "--listen", &address], folder.path()).await;
    let told = ended.stdout.join("\n");
    assert!(ended.status.success() && told.contains("listens on") && told.contains("0 errors"), "{told}");
    // What the server itself has is no other server's.
    let elsewhere = ["doctor", "--data", &data, "--listen", "127.0.0.1:0"];
    let ended = command_line(&elsewhere, folder.path()).await;
    let told = ended.stdout.join("\n");
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("ERROR    store: another process uses") && told.contains("fuser -v"), "{told}");
    assert!(orrery.terminate().await.status.success());
    let ended = command_line(&elsewhere, folder.path()).await;
    let told = ended.stdout.join("\n");
    assert!(ended.status.success() && told.contains("good     store: its schema has the version"), "{told}");
    fs::write(folder.path().join("orrery.db"), "garbage".repeat(1000)).expect("it is written");
    let ended = command_line(&elsewhere, folder.path()).await;
    let told = ended.stdout.join("\n");
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("ERROR    store: the database cannot be opened") && told.contains("quick_check"), "{told}");

    let ended = command_line(&["doctor", "--data", "/proc/orrery", "--listen", "127.0.0.1:0"], folder.path()).await;
    let told = ended.stdout.join("\n");
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("ERROR    folder: /proc/orrery cannot be made") && told.contains("hint: "), "{told}");
}
