UPDATE workflow_runs r
SET status = 'COMPLETED', updated_at = c.at AT TIME ZONE 'UTC',
    completed_at = coalesce(r.completed_at, c.at AT TIME ZONE 'UTC')
FROM unnest($1::text[], $2::timestamptz[]) AS c (run_id, at)
WHERE r.run_id = c.run_id
