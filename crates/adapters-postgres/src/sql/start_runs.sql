INSERT INTO workflow_runs (run_id, workflow_id, workflow_definition_id, workflow_name, workflow_version, plan_hash, engine,
                           status, input_data, input_text, triggered_by, created_at, updated_at, completed_at,
                           error_message, parent_run_id, parent_path, labels, starts_at)
SELECT c.run_id, c.workflow_id, c.workflow_id, c.workflow_name, c.workflow_version, c.plan_hash, 'orrery',
       c.status, c.input::jsonb, c.input_text, c.triggered_by, c.at AT TIME ZONE 'UTC', c.at AT TIME ZONE 'UTC',
       c.completed_at AT TIME ZONE 'UTC', c.error, c.parent_run_id, c.parent_path, c.labels::jsonb, c.starts_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bytea[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::text[], $15::text[], $16::timestamptz[])
  AS c (run_id, workflow_id, workflow_name, workflow_version, plan_hash, status, input, input_text, triggered_by, at,
        completed_at, error, parent_run_id, parent_path, labels, starts_at)
ORDER BY c.run_id
ON CONFLICT (run_id) DO NOTHING
RETURNING run_id::text
