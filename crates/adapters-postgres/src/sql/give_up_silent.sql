WITH silent AS MATERIALIZED (
  SELECT r.run_id FROM workflow_runs r
  WHERE r.status = 'RUNNING' AND r.engine IS DISTINCT FROM 'orrery' AND r.updated_at < $2 AT TIME ZONE 'UTC'
    AND NOT EXISTS (SELECT 1 FROM run_heads h WHERE h.run_id = r.run_id)
    AND NOT EXISTS (
      SELECT 1 FROM step_executions s WHERE s.run_id = r.run_id
        AND (s.started_at >= $2 AT TIME ZONE 'UTC' OR s.completed_at >= $2 AT TIME ZONE 'UTC')
    )
  ORDER BY r.updated_at LIMIT 500
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE workflow_runs r
SET status = 'FAILED', error_message = $3, completed_at = $1 AT TIME ZONE 'UTC', updated_at = $1 AT TIME ZONE 'UTC'
FROM silent WHERE r.run_id = silent.run_id
