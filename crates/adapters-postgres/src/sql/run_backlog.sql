SELECT count(*), min(wake_at) FROM (
  SELECT wake_at FROM run_heads
  WHERE owner IS NULL AND phase = 0 AND wake_at IS NOT NULL AND wake_at <= $1
  ORDER BY wake_at, run_id COLLATE "C" LIMIT $2
) AS waiting
