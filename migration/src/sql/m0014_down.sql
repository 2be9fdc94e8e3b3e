ALTER TABLE workflow_runs DROP COLUMN starts_at;
DROP TABLE idempotency_keys;
