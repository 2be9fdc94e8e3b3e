UPDATE workflow_runs r
SET status = c.status, error_message = c.error, completed_at = c.completed_at AT TIME ZONE 'UTC',
    cancelled_at = c.cancelled_at AT TIME ZONE 'UTC', cancelled_by = c.cancelled_by
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[])
  AS c (run_id, status, error, completed_at, cancelled_at, cancelled_by)
WHERE r.run_id = c.run_id
