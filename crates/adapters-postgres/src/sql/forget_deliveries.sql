-- Several processes may do this at once: each takes others. An array, so that the inner question is asked once.
DELETE FROM webhook_deliveries WHERE delivery_id = ANY (ARRAY(
  SELECT delivery_id FROM webhook_deliveries WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
))
