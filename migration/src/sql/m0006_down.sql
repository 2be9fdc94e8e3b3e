DROP INDEX workflow_definitions_kept;
DROP INDEX agents_kept;
DROP INDEX workflow_definitions_status;
DROP INDEX agents_status;
DROP INDEX workflow_runs_workflow_updated;
DROP INDEX workflow_runs_status_updated;
ALTER TABLE fleet DROP COLUMN requests;
