-- In one order; steps may still be added meanwhile, whose foreign key only wants the run to stay.
SELECT run_id::text, status::text FROM workflow_runs WHERE run_id = ANY ($1::text[]) ORDER BY run_id FOR NO KEY UPDATE
