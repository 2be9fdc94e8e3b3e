-- Times are microseconds since 1970 in UTC, UUIDs and hashes are their bytes, JSON is its text. There are no foreign keys:
-- one writer keeps the tables together, and every commit decides from the run's head.

CREATE TABLE agents (
  id                         BLOB PRIMARY KEY,
  name                       TEXT NOT NULL UNIQUE,
  url                        TEXT NOT NULL,
  description                TEXT,
  auth_kind                  TEXT NOT NULL,
  auth_header                TEXT,
  auth_secret                TEXT,
  timeout_us                 INTEGER NOT NULL,
  max_retries                INTEGER NOT NULL,
  initial_delay_ms           INTEGER NOT NULL,
  max_delay_ms               INTEGER NOT NULL,
  backoff_multiplier         REAL NOT NULL,
  breaker_enabled            INTEGER,
  breaker_failures           INTEGER,
  breaker_failure_rate       REAL,
  breaker_timeout_s          INTEGER,
  breaker_half_open_calls    INTEGER,
  breaker_window_s           INTEGER,
  status                     TEXT NOT NULL,
  revision                   INTEGER NOT NULL,
  created_at                 INTEGER NOT NULL,
  updated_at                 INTEGER NOT NULL,
  updated_by                 TEXT
) STRICT;

CREATE TABLE workflow_definitions (
  id          BLOB PRIMARY KEY,
  head_id     BLOB NOT NULL,
  name        TEXT NOT NULL,
  version     INTEGER NOT NULL,
  description TEXT,
  document    TEXT NOT NULL,
  plan        BLOB NOT NULL,
  status      TEXT NOT NULL,
  revision    INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  created_by  TEXT,
  updated_by  TEXT,
  UNIQUE (name, version)
) STRICT;
CREATE INDEX workflow_definitions_chain ON workflow_definitions (head_id, version);

CREATE TABLE plans (
  hash     BLOB PRIMARY KEY,
  document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The runs. `run` is a number of this file only: every other table names a run by it, because it is short and because
-- runs that live at the same time are neighbours in every index.
CREATE TABLE workflow_runs (
  run              INTEGER PRIMARY KEY,
  run_id           TEXT NOT NULL UNIQUE,
  workflow_id      BLOB NOT NULL,
  workflow_name    TEXT NOT NULL,
  workflow_version INTEGER NOT NULL,
  plan             BLOB NOT NULL,
  status           TEXT NOT NULL,
  triggered_by     TEXT,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  completed_at     INTEGER,
  cancelled_at     INTEGER,
  cancelled_by     TEXT,
  error            TEXT
) STRICT;
CREATE INDEX workflow_runs_created  ON workflow_runs (created_at, run_id);
CREATE INDEX workflow_runs_updated  ON workflow_runs (updated_at, run_id);
CREATE INDEX workflow_runs_status   ON workflow_runs (status, created_at, run_id);
CREATE INDEX workflow_runs_workflow ON workflow_runs (workflow_id, created_at, run_id);

-- Apart from the runs, so that a change of status does not write the input again.
CREATE TABLE run_inputs (
  run   INTEGER PRIMARY KEY,
  input TEXT NOT NULL
) STRICT;

-- What decides about a commit or a claim; the only row that every commit changes. No index holds `seq`.
CREATE TABLE run_heads (
  run     INTEGER PRIMARY KEY,
  seq     INTEGER NOT NULL,   -- the number of the last event
  epoch   INTEGER NOT NULL,
  owner   BLOB,
  phase   INTEGER NOT NULL,   -- 0 live, 1 completed, 2 failed or cancelled
  wake_at INTEGER             -- when a run without owner wants one
) STRICT;
CREATE INDEX run_heads_ready ON run_heads (wake_at) WHERE owner IS NULL AND phase = 0 AND wake_at IS NOT NULL;
CREATE INDEX run_heads_owned ON run_heads (owner) WHERE owner IS NOT NULL;
CREATE INDEX run_heads_ended ON run_heads (owner) WHERE owner IS NOT NULL AND phase <> 0;

-- One row for each commit. Rows of all runs are appended to one end of the table, so that a batch fills a few pages; an
-- order by run would touch a page for each of its commits.
CREATE TABLE run_events (
  run       INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  commit_id BLOB NOT NULL,
  at        INTEGER NOT NULL,
  events    TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX run_events_order ON run_events (run, first_seq);

-- One row for each attempt that has ended, written once.
CREATE TABLE step_executions (
  run          INTEGER NOT NULL,
  execution    INTEGER NOT NULL,
  step_id      TEXT NOT NULL,
  path         TEXT NOT NULL,
  agent_name   TEXT NOT NULL,
  status       TEXT NOT NULL,
  attempt      INTEGER NOT NULL,
  generation   INTEGER NOT NULL,
  round        INTEGER NOT NULL,
  started_at   INTEGER NOT NULL,
  completed_at INTEGER NOT NULL,
  error        TEXT,
  output       TEXT,
  input        TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX step_executions_order ON step_executions (run, execution);
