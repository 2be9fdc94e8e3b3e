UPDATE workflow_runs r
SET status = c.status, error_message = c.error, updated_at = c.at AT TIME ZONE 'UTC',
    completed_at = coalesce(c.completed_at AT TIME ZONE 'UTC', r.completed_at)
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
  AS c (run_id, status, error, at, completed_at)
WHERE r.run_id = c.run_id
