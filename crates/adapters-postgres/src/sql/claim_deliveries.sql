-- An array, so that the inner question is asked once.
UPDATE webhook_deliveries SET attempts = attempts + 1, due_at = $2
WHERE delivery_id = ANY (ARRAY(
  SELECT due.delivery_id FROM webhooks w
  LEFT JOIN unnest($3::uuid[], $4::bigint[]) AS u (webhook_id, busy) ON u.webhook_id = w.webhook_id
  CROSS JOIN LATERAL (
    SELECT d.delivery_id FROM webhook_deliveries d
    WHERE d.webhook_id = w.webhook_id AND d.state = 'pending' AND d.due_at <= $1
    ORDER BY d.due_at, d.place LIMIT greatest($5::bigint - coalesce(u.busy, 0), 0)
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS due
  WHERE w.disabled_why IS NULL
  LIMIT $6
))
RETURNING delivery_id
