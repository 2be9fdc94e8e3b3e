UPDATE run_heads SET seq = seq + 1, phase = 2 WHERE run_id = ANY ($1::text[])
