-- CANCELLED is never undone: the old API writes it without a word to the run's owner. The inbox of a run that ends goes with it.
WITH ended AS (
  DELETE FROM run_inbox i USING unnest($1::text[], $2::text[]) AS c (run_id, status)
  WHERE i.run_id = c.run_id AND c.status IN ('COMPLETED', 'FAILED', 'CANCELLED')
)
UPDATE workflow_runs r
SET status = c.status, error_message = c.error, updated_at = c.at AT TIME ZONE 'UTC', paused = c.paused,
    completed_at = coalesce(c.completed_at AT TIME ZONE 'UTC', r.completed_at),
    cancelled_at = CASE c.status WHEN 'CANCELLED' THEN c.at AT TIME ZONE 'UTC' ELSE r.cancelled_at END,
    cancelled_by = coalesce(c.cancelled_by, r.cancelled_by),
    output_data = CASE WHEN c.output IS NULL THEN r.output_data ELSE c.output::jsonb END,
    output_text = CASE WHEN c.output IS NULL THEN r.output_text ELSE c.output_text END
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bool[], $7::text[], $8::text[],
            $9::text[])
  AS c (run_id, status, error, at, completed_at, paused, cancelled_by, output, output_text)
WHERE r.run_id = c.run_id AND r.status <> 'CANCELLED'
