WITH ended AS (
  DELETE FROM run_inbox WHERE run_id = ANY ($1::text[])
), settled AS (
  DELETE FROM run_waits WHERE run_id = ANY ($1::text[])
)
UPDATE workflow_runs r
SET status = 'CANCELLED', updated_at = c.at AT TIME ZONE 'UTC', cancelled_at = c.at AT TIME ZONE 'UTC', cancelled_by = c.by,
    error_message = coalesce(c.message, r.error_message), paused = false
FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[]) AS c (run_id, at, by, message)
WHERE r.run_id = c.run_id
