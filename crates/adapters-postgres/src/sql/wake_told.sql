-- A statement of its own, after the heads are locked: what was given back while they were waited for is seen.
UPDATE run_heads SET wake_at = least(coalesce(wake_at, $2), $2)
WHERE run_id = ANY ($1::text[]) AND owner IS NULL AND phase = 0
