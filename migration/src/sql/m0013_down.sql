DROP INDEX agents_updated;
DROP INDEX agents_created;
DROP INDEX workflow_runs_errors;
DROP INDEX workflow_runs_labels;
ALTER TABLE workflow_runs DROP COLUMN labels;
