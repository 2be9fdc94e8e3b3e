-- Schedules. `input` is canonical JSON text; `missed_limit` says how many missed ticks are made up for. `next_at` is null where
-- it does not tick; `queued_tick` waits for the end of the run before.
CREATE TABLE schedules (
  schedule_id   BLOB PRIMARY KEY,
  name          TEXT NOT NULL UNIQUE,
  workflow_id   BLOB NOT NULL,
  version       INTEGER,
  cron          TEXT NOT NULL,
  time_zone     TEXT NOT NULL,
  starts_at     INTEGER,
  ends_at       INTEGER,
  input         TEXT NOT NULL,
  overlap       TEXT NOT NULL,
  missed        TEXT NOT NULL,
  missed_limit  INTEGER NOT NULL,
  grace_seconds INTEGER NOT NULL,
  state         TEXT NOT NULL,
  next_at       INTEGER,
  queued_tick   BLOB,
  last_tick     BLOB,
  last_tick_at  INTEGER,
  last_started  BLOB,
  revision      INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  created_by    TEXT NOT NULL,
  updated_at    INTEGER NOT NULL,
  updated_by    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_workflow ON schedules (workflow_id);
CREATE INDEX schedules_due      ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_queued   ON schedules (schedule_id) WHERE queued_tick IS NOT NULL;

-- Ticks: what was decided at a time of a schedule, and what became of it. The run of a tick is `run-` and the tick's id. A row may
-- stand for several ticks in a row that were missed.
CREATE TABLE schedule_ticks (
  tick_id     BLOB PRIMARY KEY,
  schedule_id BLOB NOT NULL REFERENCES schedules ON DELETE CASCADE,
  tick_at     INTEGER NOT NULL,
  tick_until  INTEGER NOT NULL,
  ticks       INTEGER NOT NULL,
  manual      INTEGER NOT NULL,
  status      TEXT NOT NULL,
  reason      TEXT,
  message     TEXT,
  cancels     TEXT,
  decided_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_ticks_of       ON schedule_ticks (schedule_id, tick_at, tick_id);
CREATE INDEX schedule_ticks_starting ON schedule_ticks (decided_at) WHERE status = 'starting';
CREATE INDEX schedule_ticks_decided  ON schedule_ticks (decided_at);
