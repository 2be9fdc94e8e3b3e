//! The identifiers of contract 4.3, and the times of 3.3: UTC without a zone, in microseconds.

/// `run-` and a UUID of version 4.
pub(crate) fn run_id() -> String {
    let uuid = uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid();
    format!("run-{uuid}")
}

pub(crate) fn task_id(step: &str) -> String {
    format!("task-{step}-{}", hex8())
}

pub(crate) fn corr_id(run: &str, step: &str) -> String {
    format!("corr-{run}-{step}-{}", hex8())
}

pub(crate) fn step_execution_id(run: &str, step: &str) -> String {
    format!("{run}-{step}-{}", hex8())
}

fn hex8() -> String {
    format!("{:08x}", fastrand::u32(..))
}

/// As Python's `datetime.utcnow().isoformat()`.
pub(crate) fn now() -> String {
    utc().format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

/// As the old system writes it to the database.
#[expect(clippy::disallowed_methods, reason = "this file is the clock of the old system")]
pub(crate) fn utc() -> chrono::NaiveDateTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
    let micros = i64::try_from(since.as_micros()).expect("it is before the year 294246");
    chrono::DateTime::from_timestamp_micros(micros).expect("a time").naive_utc()
}
