SELECT owner, CASE WHEN owner IS NULL THEN wake_at END FROM run_heads WHERE run_id = $1 AND phase = 0
