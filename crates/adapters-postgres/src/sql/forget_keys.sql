DELETE FROM idempotency_keys WHERE (owner, key) IN (
  SELECT owner, key FROM idempotency_keys WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
)
