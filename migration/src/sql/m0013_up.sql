-- Labels of runs, null where there are none, so that the index costs nothing for these.
ALTER TABLE workflow_runs ADD COLUMN labels jsonb;
CREATE INDEX workflow_runs_labels ON workflow_runs USING gin (labels jsonb_path_ops) WHERE labels IS NOT NULL;

-- Whoever looks for a text in errors looks through the runs that have one. A run has none when it starts.
CREATE INDEX workflow_runs_errors ON workflow_runs (created_at, run_id COLLATE "C") WHERE error_message IS NOT NULL;

CREATE INDEX agents_created ON agents (created_at, id);
CREATE INDEX agents_updated ON agents (updated_at, id);
