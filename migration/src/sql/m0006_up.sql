-- What a member has to do with requests to execute runs: 'takes' those of foreign producers, or 'makes' them for the old
-- executor; null for neither, and for programs that do not know this column.
ALTER TABLE fleet ADD COLUMN requests varchar(10);

-- Without these, a list of the rare runs with a status or of a workflow that is sorted by change walks all runs.
CREATE INDEX workflow_runs_status_updated ON workflow_runs (status, updated_at, run_id COLLATE "C");
CREATE INDEX workflow_runs_workflow_updated ON workflow_runs (workflow_id, updated_at, run_id COLLATE "C");

CREATE INDEX agents_status ON agents (status, name COLLATE "C");
CREATE INDEX workflow_definitions_status ON workflow_definitions (status, created_at, id) WHERE id = head_id;
-- Nothing is ever removed: after years most are deleted ones, which lists leave out unless they are asked for.
CREATE INDEX agents_kept ON agents (name COLLATE "C") WHERE status <> 'deleted';
CREATE INDEX workflow_definitions_kept ON workflow_definitions (created_at, id) WHERE id = head_id AND status <> 'deleted';
