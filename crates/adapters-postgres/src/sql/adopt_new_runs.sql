INSERT INTO workflow_runs (run_id, workflow_id, workflow_definition_id, workflow_name, plan_hash, engine, status, input_data,
                           input_text, created_at, updated_at)
SELECT c.run_id, c.workflow_id, c.definition_id, c.workflow_name, c.plan_hash, 'orrery', 'PENDING', c.input::jsonb,
       c.input_text, c.at AT TIME ZONE 'UTC', c.at AT TIME ZONE 'UTC'
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::timestamptz[])
  AS c (run_id, workflow_id, definition_id, workflow_name, plan_hash, input, input_text, at)
ORDER BY c.run_id
ON CONFLICT (run_id) DO NOTHING
RETURNING run_id::text
