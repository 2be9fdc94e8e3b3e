-- Runs that other runs have started, and the outputs of runs.
ALTER TABLE workflow_runs ADD COLUMN parent_run_id varchar(255), ADD COLUMN parent_path varchar(1024),
  ADD COLUMN output_data jsonb, ADD COLUMN output_text text;
CREATE INDEX workflow_runs_parent ON workflow_runs (parent_run_id, created_at DESC, run_id DESC)
  WHERE parent_run_id IS NOT NULL;

-- The events that steps of live runs wait for; a row goes when the step or the run has ended.
CREATE TABLE run_waits (
  event       varchar(255) NOT NULL,
  correlation varchar(255) NOT NULL,
  run_id      varchar(255) NOT NULL,
  path        varchar(1024) NOT NULL,
  PRIMARY KEY (event, correlation, run_id, path)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX run_waits_of_run ON run_waits (run_id);
