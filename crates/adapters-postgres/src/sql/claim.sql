WITH ready AS MATERIALIZED (
  SELECT run_id, wake_at FROM run_heads
  WHERE owner IS NULL AND phase = 0 AND wake_at IS NOT NULL AND wake_at <= $2
  ORDER BY wake_at, run_id COLLATE "C" LIMIT $3
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE run_heads h SET owner = $1, epoch = h.epoch + 1, wake_at = NULL
FROM ready WHERE h.run_id = ready.run_id
RETURNING h.run_id::text, h.epoch, ready.wake_at
