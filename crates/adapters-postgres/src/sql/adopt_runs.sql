-- A run keeps its input; JSON null is how the old system writes that there is none.
UPDATE workflow_runs r
SET status = 'PENDING', plan_hash = c.plan_hash, engine = 'orrery', updated_at = c.at AT TIME ZONE 'UTC', completed_at = NULL,
    cancelled_at = NULL, cancelled_by = NULL, error_message = NULL,
    input_text = CASE WHEN coalesce(r.input_data, 'null') = 'null' AND r.input_text IS NULL THEN c.input_text ELSE r.input_text END,
    input_data = CASE WHEN coalesce(r.input_data, 'null') = 'null' AND r.input_text IS NULL THEN c.input::jsonb ELSE r.input_data END
FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::timestamptz[])
  AS c (run_id, plan_hash, input, input_text, at)
WHERE r.run_id = c.run_id
