-- Of two at a time the second waits for the first, and finds then that the mark has moved.
WITH moved AS (
  UPDATE feed_marks SET place = $2 WHERE name = 'webhooks' AND place = $1 RETURNING place
), added AS (
  INSERT INTO webhook_deliveries (delivery_id, webhook_id, place, run_id, workflow_id, workflow_name, status, at, state, attempts,
                                  due_at, created_at, log)
  SELECT c.delivery_id, c.webhook_id, c.place, c.run_id, c.workflow_id, c.workflow_name, c.status, c.at, 'pending', 0, $11, $11, '[]'
  FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])
    AS c (delivery_id, webhook_id, place, run_id, workflow_id, workflow_name, status, at)
  WHERE EXISTS (SELECT FROM moved) AND EXISTS (SELECT FROM webhooks w WHERE w.webhook_id = c.webhook_id)
  ON CONFLICT DO NOTHING
)
SELECT count(*) FROM moved
