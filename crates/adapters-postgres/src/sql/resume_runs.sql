UPDATE workflow_runs r
SET status = 'PENDING', updated_at = c.at AT TIME ZONE 'UTC', completed_at = NULL, cancelled_at = NULL, cancelled_by = NULL,
    error_message = NULL, output_data = NULL, output_text = NULL
FROM unnest($1::text[], $2::timestamptz[]) AS c (run_id, at)
WHERE r.run_id = c.run_id
