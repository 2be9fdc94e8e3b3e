//! Lists of large tables, every filter with every sort: how many rows PostgreSQL reads for a page and its total. A plan that
//! walks a table, or an index whose order fits and whose filter does not, reads nearly all of them.

use adapters_postgres::PgStore;
use chrono::TimeDelta;
use dev_services::Database;
use domain::{
    Timestamp,
    agents::{AgentFilter, AgentName, AgentSort, AgentStatus},
    ids::{RunId, WorkflowId},
    page::{Cursor, EXACT_TOTAL, PageRequest, SortOrder},
    ports::{Agents, DeadLetters, Runs, Workflows},
    runs::{DeadLetterFilter, DeadLetterStatus, RunFilter, RunSort, RunStatus},
    workflows::{WorkflowFilter, WorkflowSort, WorkflowStatus},
};
use port_contracts::samples::{labels, page};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::stores::{migrated, open};

/// What is rare stands at the end that a walk in either order reaches last: in the middle.
const MANY: &str = "
    INSERT INTO workflow_runs (run_id, workflow_id, workflow_name, status, input_data, created_at, updated_at, labels, error_message)
    SELECT 'many-' || n, CASE WHEN n BETWEEN 100000 AND 100009 THEN '00000000-0000-0000-0000-000000000001'
                              ELSE '00000000-0000-0000-0000-000000000002' END,
           'w', CASE WHEN n BETWEEN 100005 AND 100014 THEN 'FAILED' ELSE 'COMPLETED' END, '{}',
           timestamp '2025-01-01' + n * interval '1 s', timestamp '2025-01-02' + n * interval '1 s',
           CASE WHEN n BETWEEN 100000 AND 100009 THEN '{\"team\": \"rare\", \"env\": \"x\"}'::jsonb
                WHEN n % 2 = 0 THEN '{\"team\": \"usual\"}' END,
           CASE WHEN n BETWEEN 100005 AND 100014 THEN 'timed out' END
    FROM generate_series(1, 200000) n;
    INSERT INTO agents (name, url, status)
    SELECT 'a' || n, 'http://a/', CASE WHEN n BETWEEN 50000 AND 50009 THEN 'active' ELSE 'deleted' END
    FROM generate_series(1, 100000) n;
    INSERT INTO workflow_definitions (id, head_id, name, workflow_data, status, created_at, updated_at)
    SELECT lpad(n::text, 32, '0')::uuid, lpad(n::text, 32, '0')::uuid, 'w' || n,
           jsonb_build_object('workflow_id', 'w', 'name', 'w', 'version', '1', 'start_step', 'a', 'steps', '{}'::jsonb),
           CASE WHEN n BETWEEN 50000 AND 50009 THEN 'active' ELSE 'deleted' END,
           timestamp '2025-01-01' + n * interval '1 s', timestamp '2025-01-02' + n * interval '1 s'
    FROM generate_series(1, 100000) n;
    INSERT INTO dlq_entries (dlq_id, run_id, workflow_id, workflow_name, last_run_id, step_id, path, agent_name, execution,
                             generation, round, attempts, failure_reason, first_failed_at, last_failed_at, failure_count,
                             status)
    SELECT md5(n::text)::uuid, CASE WHEN n BETWEEN 100010 AND 100019 THEN 'rare' ELSE 'usual' END,
           CASE WHEN n BETWEEN 100000 AND 100009 THEN '00000000-0000-0000-0000-000000000001'
                ELSE '00000000-0000-0000-0000-000000000002' END,
           'w', 'r', 'a', 'a', CASE WHEN n BETWEEN 100015 AND 100024 THEN 'Rare' ELSE 'Usual' END, 1, 0, 0, 1, 'x', now(),
           timestamptz '2025-01-01' + n * interval '1 s', 1,
           CASE WHEN n BETWEEN 100005 AND 100014 THEN 'replayed' ELSE 'pending_replay' END
    FROM generate_series(1, 200000) n;
    ANALYZE;";

/// A page and a total that becomes an estimate above ten thousand, each with as many again that the filter leaves out. A walk to
/// what is rare reads a hundred thousand.
const MOST: i64 = EXACT_TOTAL.cast_signed() * 4;

/// The rows that all connections have read since the last question, once they have said so with their end.
async fn rows_read(database: &Database) -> i64 {
    let mut connection = PgConnection::connect(database.url()).await.expect("the database is there");
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND backend_type = 'client backend'";
    while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut connection).await.expect("the query is right") > 0 {
        tokio::task::yield_now().await;
    }
    // Rows through indexes are counted where they are read in the table, and for those that need no table, in the index.
    let read = "SELECT sum(seq_tup_read + greatest(idx_tup_fetch, walked))::bigint
                FROM pg_stat_user_tables t,
                     LATERAL (SELECT sum(idx_tup_read) AS walked FROM pg_stat_user_indexes i WHERE i.relid = t.relid) AS i
                WHERE relname IN ('workflow_runs', 'agents', 'workflow_definitions', 'dlq_entries')";
    let read = sqlx::query_scalar(read).fetch_one(&mut connection).await.expect("the query is right");
    sqlx::query("SELECT pg_stat_reset()").execute(&mut connection).await.expect("the function is there");
    read
}

/// Answers what is to be said against it.
async fn reads_much(database: &Database, what: String, list: impl AsyncFnOnce(&PgStore)) -> Option<String> {
    let store = open(database).await;
    list(&store).await;
    drop(store);
    let read = rows_read(database).await;
    (read > MOST).then(|| format!("{read} rows are read for {what}"))
}

#[tokio::test]
async fn no_list_of_runs_reads_more_than_it_shows_and_counts() {
    let database = migrated().await;
    database.run(MANY).await;
    rows_read(&database).await;
    let workflow = |n: u128| Some(WorkflowId::new(Uuid::from_u128(n)));
    let time = |text: &str| Some(text.parse::<Timestamp>().expect("a time"));
    let (early, late) = ("2025-01-01T01:00:00Z", "2025-01-03T06:00:00Z");
    let ranges = [(None, None), (time(late), None), (None, time(early))];
    let mut much = Vec::new();
    for status in [None, Some(RunStatus::Completed), Some(RunStatus::Failed)] {
        for workflow in [None, workflow(1), workflow(2)] {
            for (created_after, created_before) in ranges {
                let statuses = status.into_iter().collect();
                let filter = RunFilter { statuses, workflow, created_after, created_before, ..RunFilter::default() };
                for (sort, order) in SORTS.into_iter().filter(|sorted| !is_walked(&filter, *sorted)) {
                    let what = format!("{filter:?} by {sort:?}, {order:?}");
                    let list = async |store: &PgStore| {
                        Runs::list(store, &filter, sort, order, page(1, 20)).await.expect("the store works");
                    };
                    much.extend(reads_much(&database, what, list).await);
                }
            }
        }
    }
    assert_eq!(much, [""; 0]);
}

#[tokio::test]
async fn no_list_of_runs_by_label_or_error_reads_more_than_it_shows_and_counts() {
    let database = migrated().await;
    database.run(MANY).await;
    rows_read(&database).await;
    let all = RunFilter::default;
    let filters = [
        RunFilter { labels: labels("team:rare"), ..all() },
        RunFilter { labels: labels("team:rare,env:x"), ..RunFilter::with_status(RunStatus::Completed) },
        RunFilter { labels: labels("team:usual"), ..all() },
        RunFilter { labels: labels("team:nobody's"), ..all() },
        RunFilter { error_contains: Some("OUT".into()), ..all() },
        RunFilter { error_contains: Some("nowhere".into()), ..all() },
        RunFilter { statuses: vec![RunStatus::Failed, RunStatus::Cancelled], ..all() },
        RunFilter { statuses: vec![RunStatus::Failed, RunStatus::Completed], ..all() },
    ];
    let mut much = Vec::new();
    for (filter, (sort, order)) in filters.iter().flat_map(|filter| SORTS.map(|sorted| (filter, sorted))) {
        let list = async |store: &PgStore| {
            Runs::list(store, filter, sort, order, page(1, 20)).await.expect("the store works");
        };
        much.extend(reads_much(&database, format!("{filter:?} by {sort:?}, {order:?}"), list).await);
    }
    assert_eq!(much, [""; 0]);
}

/// The rows of one page, and what a scan of an index may look at besides.
const A_PAGE: i64 = 100;

#[tokio::test]
async fn a_page_by_cursor_reads_the_rows_that_it_shows_wherever_it_is() {
    let database = migrated().await;
    database.run(MANY).await;
    rows_read(&database).await;
    let usual = Some(WorkflowId::new(Uuid::from_u128(2)));
    let all = RunFilter::default;
    let filters = [all(), RunFilter::with_status(RunStatus::Completed), RunFilter { workflow: usual, ..all() }];
    let mut much = Vec::new();
    for second in [100, 100_000, 199_900] {
        let at = "2025-01-02T00:00:00Z".parse::<Timestamp>().expect("a time") + TimeDelta::seconds(second);
        let cursor = Cursor::new(at, &"many-0");
        for (filter, (sort, order)) in filters.iter().flat_map(|filter| SORTS.map(|sorted| (filter, sorted))) {
            // Created a day before they changed last.
            let at = if sort == RunSort::CreatedAt { at - TimeDelta::days(1) } else { at };
            let page = PageRequest::after(Cursor { value: at.into(), ..cursor.clone() }, 20).expect("a page");
            let store = open(&database).await;
            let found = Runs::list(&store, filter, sort, order, page).await.expect("the store works");
            assert_eq!(found.items.len(), 20);
            drop(store);
            let read = rows_read(&database).await;
            if read > A_PAGE {
                much.push(format!("{read} rows are read for {filter:?} by {sort:?}, {order:?} at {second}"));
            }
        }
    }
    assert_eq!(much, [""; 0]);
}

/// The newest runs sorted by change with the oldest first, or the other way round: the planner takes the two times for independent
/// of each other, walks from the wrong end, and no index would keep it from that.
fn is_walked(filter: &RunFilter, (sort, order): (RunSort, SortOrder)) -> bool {
    let against = match order {
        SortOrder::Ascending => filter.created_after.is_some(),
        SortOrder::Descending => filter.created_before.is_some(),
    };
    sort == RunSort::UpdatedAt && against
}

const SORTS: [(RunSort, SortOrder); 4] = [
    (RunSort::CreatedAt, SortOrder::Ascending),
    (RunSort::CreatedAt, SortOrder::Descending),
    (RunSort::UpdatedAt, SortOrder::Ascending),
    (RunSort::UpdatedAt, SortOrder::Descending),
];

#[tokio::test]
async fn no_list_of_dead_letters_reads_more_than_it_shows_and_counts() {
    let database = migrated().await;
    database.run(MANY).await;
    rows_read(&database).await;
    let time = |text: &str| Some(text.parse::<Timestamp>().expect("a time"));
    let all = DeadLetterFilter::default;
    let narrowed = |filter: DeadLetterFilter| {
        let (early, late) = (time("2025-01-01T01:00:00Z"), time("2025-01-03T06:00:00Z"));
        [
            filter.clone(),
            DeadLetterFilter { failed_after: late, ..filter.clone() },
            DeadLetterFilter { failed_before: early, ..filter },
        ]
    };
    let mut filters = vec![all()];
    for rare in [true, false] {
        let agent = AgentName::parse(if rare { "Rare" } else { "Usual" }).expect("a name");
        let status = if rare { DeadLetterStatus::Replayed } else { DeadLetterStatus::PendingReplay };
        let workflow = WorkflowId::new(Uuid::from_u128(if rare { 1 } else { 2 }));
        let run = RunId::parse(if rare { "rare" } else { "usual" }).expect("an id");
        filters.push(DeadLetterFilter { status: Some(status), ..all() });
        filters.push(DeadLetterFilter { workflow: Some(workflow), ..all() });
        filters.push(DeadLetterFilter { agent: Some(agent), ..all() });
        filters.push(DeadLetterFilter { run: Some(run), ..all() });
        filters.push(DeadLetterFilter { status: Some(status), workflow: Some(workflow), ..all() });
    }
    let mut much = Vec::new();
    for filter in filters.into_iter().flat_map(narrowed) {
        for order in [SortOrder::Ascending, SortOrder::Descending] {
            let list = async |store: &PgStore| {
                DeadLetters::list(store, &filter, order, page(1, 20)).await.expect("the store works");
            };
            much.extend(reads_much(&database, format!("{filter:?}, {order:?}"), list).await);
        }
    }
    assert_eq!(much, [""; 0]);
}

#[tokio::test]
async fn no_list_of_agents_or_workflows_reads_more_than_it_shows_and_counts() {
    let database = migrated().await;
    database.run(MANY).await;
    rows_read(&database).await;
    let mut much = Vec::new();
    for name in [None, Some("a7".to_owned())] {
        for status in [None, Some(AgentStatus::Active), Some(AgentStatus::Inactive), Some(AgentStatus::Deleted)] {
            let filter = AgentFilter { name: name.clone(), status, ..AgentFilter::default() };
            for sort in [AgentSort::Name, AgentSort::CreatedAt, AgentSort::UpdatedAt] {
                for order in [SortOrder::Ascending, SortOrder::Descending] {
                    let what = format!("{filter:?} by {sort:?}, {order:?}");
                    let list = async |store: &PgStore| {
                        Agents::list(store, &filter, sort, order, page(1, 20)).await.expect("the store works");
                    };
                    much.extend(reads_much(&database, what, list).await);
                }
            }
        }
    }
    for name in [None, Some("w7".to_owned())] {
        for status in
            [None, Some(WorkflowStatus::Active), Some(WorkflowStatus::Inactive), Some(WorkflowStatus::Deleted)]
        {
            let filter = WorkflowFilter { name: name.clone(), status, ..WorkflowFilter::default() };
            for sort in [WorkflowSort::CreatedAt, WorkflowSort::UpdatedAt, WorkflowSort::Name] {
                for order in [SortOrder::Ascending, SortOrder::Descending] {
                    let what = format!("{filter:?} by {sort:?}, {order:?}");
                    let list = async |store: &PgStore| {
                        Workflows::list(store, &filter, sort, order, page(1, 20)).await.expect("the store works");
                    };
                    much.extend(reads_much(&database, what, list).await);
                }
            }
        }
    }
    assert_eq!(much, [""; 0]);
}
