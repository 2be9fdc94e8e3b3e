-- Labels of runs as a JSON object, null where there are none.
ALTER TABLE workflow_runs ADD COLUMN labels TEXT;
CREATE INDEX workflow_runs_labelled ON workflow_runs (created_at, run_id) WHERE labels IS NOT NULL;
CREATE INDEX workflow_runs_errors   ON workflow_runs (created_at, run_id) WHERE error IS NOT NULL;
