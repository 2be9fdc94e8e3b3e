-- Runs that other runs have started, the outputs of runs, and the events that steps wait for.
ALTER TABLE workflow_runs ADD COLUMN parent INTEGER;
ALTER TABLE workflow_runs ADD COLUMN parent_path TEXT;
CREATE INDEX workflow_runs_parent ON workflow_runs (parent, created_at, run_id) WHERE parent IS NOT NULL;

CREATE TABLE run_outputs (
  run    INTEGER PRIMARY KEY,
  output TEXT NOT NULL
) STRICT;

CREATE TABLE run_waits (
  event       TEXT NOT NULL,
  correlation TEXT NOT NULL,
  run         INTEGER NOT NULL,
  path        TEXT NOT NULL,
  PRIMARY KEY (event, correlation, run, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_waits_of_run ON run_waits (run);
