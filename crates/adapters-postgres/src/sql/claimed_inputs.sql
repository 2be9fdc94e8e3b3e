SELECT run_id::text, input_text, input_data FROM workflow_runs WHERE run_id = ANY ($1::text[])
