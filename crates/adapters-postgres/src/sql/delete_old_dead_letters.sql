-- Several processes may do this at once: each takes others. An array, so that the inner question is asked once.
DELETE FROM dlq_entries WHERE dlq_id = ANY (ARRAY(
  SELECT dlq_id FROM dlq_entries WHERE last_failed_at < $1 ORDER BY last_failed_at, dlq_id LIMIT $2 FOR UPDATE SKIP LOCKED
))
