DROP TRIGGER workflow_runs_keep_cancelled ON workflow_runs;
DROP FUNCTION keep_cancelled();
DROP INDEX workflow_runs_external;
DROP TABLE early_cancellations, external_requests, relay_shards, outbox, fleet;
