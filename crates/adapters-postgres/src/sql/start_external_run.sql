INSERT INTO workflow_runs (run_id, workflow_id, workflow_definition_id, workflow_name, workflow_version, plan_hash, engine,
                           status, input_data, input_text, triggered_by, created_at, updated_at, labels)
VALUES ($1, $2, $2, $3, $4, $5, 'external', 'PENDING', $6::text::jsonb, $7, $8, $9 AT TIME ZONE 'UTC', $9 AT TIME ZONE 'UTC',
        $10::text::jsonb)
ON CONFLICT (run_id) DO NOTHING
