WITH settled AS (
  DELETE FROM external_requests WHERE run_id = $1 AND wants = $2 AND wanted_at = $3 RETURNING run_id, wants
)
UPDATE workflow_runs r
SET status = 'FAILED', error_message = $5, completed_at = $4 AT TIME ZONE 'UTC', updated_at = $4 AT TIME ZONE 'UTC'
FROM settled
WHERE r.run_id = settled.run_id AND settled.wants = 'start' AND r.status = 'PENDING' AND r.engine IS DISTINCT FROM 'orrery'
