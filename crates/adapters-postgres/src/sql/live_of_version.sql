SELECT count(*) FROM workflow_runs
WHERE status IN ('PENDING', 'RUNNING')
  AND (workflow_id IN ($1, $2) AND workflow_version = $3 OR workflow_id = $2 AND workflow_version IS NULL)
