-- What others tell the owner of a run; an entry goes with the commit that has taken it into account, or with the run's end.
CREATE TABLE run_inbox (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  run    INTEGER NOT NULL,
  dedupe TEXT NOT NULL,
  body   TEXT NOT NULL,
  UNIQUE (run, dedupe)
) STRICT;

ALTER TABLE workflow_runs ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
