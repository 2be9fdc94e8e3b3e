-- Without the lock of the other run's head, which this transaction must not wait for; it is woken after the commit.
INSERT INTO run_inbox (run_id, dedupe, body, at)
SELECT c.run_id, c.dedupe, c.body::jsonb, c.at
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS c (run_id, dedupe, body, at)
WHERE EXISTS (SELECT 1 FROM run_heads h WHERE h.run_id = c.run_id AND h.phase = 0)
ORDER BY c.run_id, c.dedupe
ON CONFLICT (run_id, dedupe) DO NOTHING
RETURNING run_id::text
