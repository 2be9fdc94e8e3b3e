//! `cargo xtask bench lists`: whether the page at the end of a long list of runs costs what the first one costs, asked of the real
//! server over its REST API, on PostgreSQL.
//!
//! The runs are rows that SQL makes, not runs that were executed: a list reads nothing else of them. They are spread over
//! workflows, statuses and labels as they might be after a year. Pages are asked for one after the other, by one client.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::Value;
use sqlx::PgPool;

use super::{
    api::Api,
    database::Database,
    figures::percentile,
    machine::Machine,
    page,
    runs::{data_folder, in_release},
    services::Services,
    store::{Home, Store},
};
use crate::{
    process::{self, Process},
    workspace::{Profile, server},
};

/// How many runs a page holds: the default.
const PAGE: u64 = 20;

/// How much costlier the page at the end may be.
const AIM: f64 = 2.0;

#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// How many runs there are.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    rows: u32,
    /// How often each page is asked for.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    requests: u32,
    /// A server whose user may create databases, instead of a private one.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// With debug builds of server and driver: for work on this command itself.
    #[arg(long, conflicts_with = "write")]
    debug_build: bool,
    /// Puts the result into docs/reference/performance.md.
    #[arg(long)]
    write: bool,
}

impl Options {
    fn arguments(&self) -> Vec<String> {
        let numbers = [("--rows", self.rows), ("--requests", self.requests)];
        let mut arguments: Vec<String> =
            numbers.iter().flat_map(|(name, number)| [(*name).to_owned(), number.to_string()]).collect();
        arguments.extend(self.database_url.iter().flat_map(|url| ["--database-url".to_owned(), url.clone()]));
        let flags = [(self.debug_build, "--debug-build"), (self.write, "--write")];
        arguments.extend(flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag.to_owned()));
        arguments
    }

    /// As typed, for the record; a URL may hold a password.
    fn command(&self) -> String {
        let shown = Self { database_url: self.database_url.as_ref().map(|_| "…".to_owned()), ..*self };
        format!("cargo xtask bench lists {}", shown.arguments().join(" "))
    }
}

/// A list whose pages are measured.
struct List {
    /// What people call it.
    name: &'static str,
    /// What is asked.
    query: &'static str,
    /// The same in SQL, to know how long it is.
    condition: &'static str,
}

const LISTS: [List; 5] = [
    List { name: "all runs", query: "", condition: "true" },
    List { name: "one status (8 %)", query: "&status=FAILED", condition: "status = 'FAILED'" },
    List {
        name: "one workflow (25 %)",
        query: "&workflow_id=00000000-0000-7000-8000-000000000001",
        condition: "workflow_id = '00000000-0000-7000-8000-000000000001'",
    },
    List { name: "a usual label (10 %)", query: "&labels=team:t1", condition: "labels @> '{\"team\": \"t1\"}'" },
    List { name: "a rare label (20 runs)", query: "&labels=rare:yes", condition: "labels @> '{\"rare\": \"yes\"}'" },
];

/// What one list came to, in milliseconds.
struct Measured {
    name: &'static str,
    rows: u64,
    first: Quantiles,
    last: Quantiles,
    /// The same page by its number, once.
    by_number_ms: f64,
}

#[derive(Clone, Copy)]
struct Quantiles {
    p50: f64,
    p99: f64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if cfg!(debug_assertions) && !options.debug_build {
        return in_release("lists", &options.arguments());
    }
    let profile = if options.debug_build { Profile::Dev } else { Profile::Release };
    let (binary, folder) = (server(profile)?, data_folder()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let text = runtime.block_on(async {
        println!("starting PostgreSQL and Kafka");
        let services = Services::start(&folder, options.database_url.as_deref()).await?;
        let store = Store::Services(Box::new(services));
        let scratch = tempfile::Builder::new().prefix("lists-").tempdir_in(&folder)?;
        let home = store.fresh(scratch.path()).await?;
        fill(&home, options.rows).await?;
        let client = process::client()?;
        let server = Process::server(&binary, &home.arguments(), &scratch.path().join("server.log"), &client).await?;
        let api = Api::new(client, &server.url);
        let database = Database::open(home.url().context("the store is no database")?)?;
        let mut measured = Vec::new();
        for list in &LISTS {
            measured.push(measure(list, &api, database.pool(), options.requests).await?);
        }
        server.stop().await?;
        let machine = Machine::this(&folder)?;
        let described = store.described().unwrap_or_default();
        store.clear().await?;
        anyhow::Ok(markdown(&measured, options, &machine, &described))
    })?;
    println!("\n{text}");
    if options.write {
        page::write(page::Part::Lists, &text)?;
    }
    Ok(())
}

/// Makes the rows, in a database that has been tidied up since.
async fn fill(home: &Home, rows: u32) -> anyhow::Result<()> {
    // One row in 100 has rarer things, in the middle of the list; ids and times are as those of runs that were started.
    const ROWS: &str = "
        INSERT INTO workflow_runs (run_id, workflow_id, workflow_definition_id, workflow_name, workflow_version, engine, status,
                                   input_data, triggered_by, created_at, updated_at, completed_at, error_message, labels)
        SELECT 'run-' || lpad(to_hex(n), 8, '0') || substr(md5(n::text)::uuid::text, 9), w.id, w.id, 'w' || w.number, 1, 'orrery',
               s.status, jsonb_build_object('order', n, 'note', repeat('x', 100)), 'key:bench', at, at + interval '2 s',
               CASE WHEN s.status <> 'CANCELLED' THEN at + interval '2 s' END,
               CASE WHEN s.status = 'FAILED' THEN 'Agent ''Echo'' timed out' END,
               CASE WHEN n % 10 < 7 THEN
                 jsonb_build_object('team', 't' || n % 10, 'env', CASE WHEN n % 3 = 0 THEN 'prod' ELSE 'test' END)
                 || CASE WHEN n % 10 = 1 AND n / 10 BETWEEN $1 / 20 AND $1 / 20 + 19 THEN '{\"rare\": \"yes\"}'::jsonb ELSE '{}' END
               END
        FROM generate_series(1, $1) n,
             LATERAL (SELECT timestamp '2026-01-01' + n * interval '1 s' AS at) t,
             LATERAL (SELECT CASE WHEN n % 25 IN (3, 14) THEN 'FAILED' WHEN n % 50 = 7 THEN 'CANCELLED' ELSE 'COMPLETED' END
                      AS status) s,
             LATERAL (SELECT n % 4 + 1 AS number, '00000000-0000-7000-8000-' || lpad((n % 4 + 1)::text, 12, '0') AS id) w";
    println!("making {rows} runs");
    let begin = Instant::now();
    let database = Database::open(home.url().context("the store is no database")?)?;
    sqlx::query(ROWS).bind(i32::try_from(rows)?).execute(database.pool()).await.context("the runs cannot be made")?;
    sqlx::raw_sql("VACUUM (ANALYZE) workflow_runs").execute(database.pool()).await?;
    // What was written is on the disk before anything is measured. Without the right to it, it is not worth a failure.
    let _refused = sqlx::raw_sql("CHECKPOINT").execute(database.pool()).await;
    println!("  in {:.0} s", begin.elapsed().as_secs_f64());
    Ok(())
}

async fn measure(list: &List, api: &Api, pool: &PgPool, requests: u32) -> anyhow::Result<Measured> {
    let count = format!("SELECT count(*) FROM workflow_runs WHERE {}", list.condition);
    let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(pool).await?;
    let rows = u64::try_from(rows)?;
    ensure!(rows >= PAGE, "{} has only {rows} runs", list.name);
    let first = format!("page_size={PAGE}{}", list.query);
    // The page that ends with the last row but fewer than a page: the one before it tells where it begins.
    let last_but_one = (rows / PAGE).saturating_sub(1).max(1);
    let before: Value = api.runs(&format!("{first}&page={last_but_one}")).await?;
    let begin = Instant::now();
    let by_number = api.runs(&format!("{first}&page={}", last_but_one + 1)).await?;
    let by_number_ms = begin.elapsed().as_secs_f64() * 1000.0;
    let the_end = match before["next_cursor"].as_str() {
        Some(cursor) => format!("{first}&cursor={cursor}"),
        // The whole list is one page.
        None => first.clone(),
    };
    let by_cursor = api.runs(&the_end).await?;
    ensure!(
        before["next_cursor"].is_null() || by_cursor["items"] == by_number["items"],
        "{}: a page by cursor holds other runs than the page by its number",
        list.name
    );
    let measured = Measured {
        name: list.name,
        rows,
        first: quantiles(api, &first, requests).await?,
        last: quantiles(api, &the_end, requests).await?,
        by_number_ms,
    };
    let Measured { first, last: end, .. } = &measured;
    println!(
        "  {}: {:.2} ms first, {:.2} ms at row {rows}, {by_number_ms:.0} ms by number",
        list.name, first.p50, end.p50
    );
    Ok(measured)
}

async fn quantiles(api: &Api, query: &str, requests: u32) -> anyhow::Result<Quantiles> {
    // Connections, statements and the cache are warm then.
    for _ in 0..requests.min(20) {
        api.runs(query).await?;
    }
    let mut times = Vec::new();
    for _ in 0..requests {
        let begin = Instant::now();
        api.runs_text(query).await?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        // Not a hot loop: other processes of the machine have their turn, as they would between two clicks.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let p50 = percentile(&mut times, 50).context("nothing was asked")?;
    Ok(Quantiles { p50, p99: percentile(&mut times, 99).context("nothing was asked")? })
}

fn markdown(measured: &[Measured], options: &Options, machine: &Machine, described: &str) -> String {
    let Machine { cpu, cores, memory_gib, kernel, file_system, date } = machine;
    let mut text = format!(
        "## Lists\n\nMeasured {date} by `{}`, on {described}.\n\nMachine: {cpu}, {cores} cores, {memory_gib} GiB, Linux {kernel}, data on \
         {file_system}; server, database and driver together on it.\n\n`GET /runs` with {} runs, {PAGE} a page, one client, each page {} times. \
         The first page is asked for without a cursor and tells a total; the last one by the `next_cursor` of the page before it. For comparison, \
         the last page once by its number.\n\n| list | rows | first page, ms (p99) | page at the last row by cursor, ms (p99) | slower by \
         faster | by number, ms |\n|---|---|---|---|---|---|\n",
        options.command(),
        options.rows,
        options.requests,
    );
    for one in measured {
        let Measured { name, rows, first, last, by_number_ms } = one;
        let _ = writeln!(
            text,
            "| {name} | {rows} | {:.2} ({:.2}) | {:.2} ({:.2}) | {:.2} | {by_number_ms:.0} |",
            first.p50,
            first.p99,
            last.p50,
            last.p99,
            one.ratio()
        );
    }
    let flat = measured.iter().all(|one| one.ratio() < AIM);
    let verdict = if flat { "holds" } else { "does not hold" };
    let _ = writeln!(text, "\nThe aim, that the two differ by less than {AIM}×, {verdict}.");
    text
}

impl Measured {
    /// The slower median by the faster.
    fn ratio(&self) -> f64 {
        let (one, other) = (self.first.p50, self.last.p50);
        one.max(other) / one.min(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        let database_url = Some("postgres://me:secret@db/x".to_owned());
        Options { rows: 2_000, requests: 10, database_url, debug_build: true, write: false }
    }

    #[test]
    fn another_process_is_told_everything_and_the_record_holds_no_password() {
        let told = "--rows 2000 --requests 10 --database-url postgres://me:secret@db/x --debug-build";
        assert_eq!(options().arguments().join(" "), told);
        assert!(!options().command().contains("secret"));
    }

    #[test]
    fn a_list_is_flat_whichever_page_is_slower() {
        let quantiles = |p50| Quantiles { p50, p99: p50 };
        let of = |first, last| {
            Measured { name: "x", rows: 1, first: quantiles(first), last: quantiles(last), by_number_ms: 1.0 }.ratio()
        };
        assert!((of(1.0, 3.0) - 3.0).abs() < 1e-9 && (of(3.0, 1.0) - 3.0).abs() < 1e-9);
    }
}
