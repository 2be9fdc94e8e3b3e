WITH done AS (
  UPDATE webhook_deliveries
  SET state = $3::text, due_at = $4, settled_at = CASE WHEN $3::text <> 'pending' THEN $5::timestamptz END,
      log = CASE WHEN jsonb_array_length(log) < $7::int THEN log ELSE log - 0 END || $6::jsonb
  WHERE delivery_id = $1 AND attempts = $2 AND state = 'pending'
  RETURNING webhook_id
), failing AS (
  UPDATE webhooks w SET failing_since = CASE WHEN $3::text <> 'delivered' THEN $5::timestamptz END
  FROM done WHERE w.webhook_id = done.webhook_id AND (w.failing_since IS NULL) = ($3::text <> 'delivered')
)
SELECT count(*) FROM done
