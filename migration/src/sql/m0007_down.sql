DROP TABLE run_waits;
DROP INDEX workflow_runs_parent;
ALTER TABLE workflow_runs DROP COLUMN parent_run_id, DROP COLUMN parent_path, DROP COLUMN output_data,
  DROP COLUMN output_text;
