-- Steps that have failed for good. `run_id` is the run that failed first, `last_run_id` the one that failed last: what follows
-- it up to `failure_reason` is about that failure.
CREATE TABLE dlq_entries (
  dlq_id           BLOB PRIMARY KEY,
  run_id           TEXT NOT NULL,
  workflow_id      BLOB NOT NULL,
  workflow_name    TEXT NOT NULL,
  workflow_version INTEGER NOT NULL,
  last_run_id      TEXT NOT NULL,
  step_id          TEXT NOT NULL,
  path             TEXT NOT NULL,
  agent_name       TEXT NOT NULL,
  execution        INTEGER NOT NULL,
  generation       INTEGER NOT NULL,
  round            INTEGER NOT NULL,
  attempts         INTEGER NOT NULL,
  failure_reason   TEXT NOT NULL,
  first_failed_at  INTEGER NOT NULL,
  last_failed_at   INTEGER NOT NULL,
  failure_count    INTEGER NOT NULL,
  status           TEXT NOT NULL,
  replayed_run_id  TEXT,
  replayed_at      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX dlq_entries_failed   ON dlq_entries (last_failed_at, dlq_id);
CREATE INDEX dlq_entries_status   ON dlq_entries (status, last_failed_at, dlq_id);
CREATE INDEX dlq_entries_workflow ON dlq_entries (workflow_id, last_failed_at, dlq_id);
CREATE INDEX dlq_entries_agent    ON dlq_entries (agent_name, last_failed_at, dlq_id);
CREATE INDEX dlq_entries_run      ON dlq_entries (run_id, last_failed_at, dlq_id);
