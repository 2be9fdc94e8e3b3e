ALTER TABLE workflow_runs DROP COLUMN paused;
DROP TABLE run_inbox;
