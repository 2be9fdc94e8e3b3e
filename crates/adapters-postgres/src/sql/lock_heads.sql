-- In one order, so that two batches with the same runs wait for each other instead of locking each other out.
SELECT run_id::text, seq, phase FROM run_heads WHERE run_id = ANY ($1::text[]) ORDER BY run_id FOR NO KEY UPDATE
