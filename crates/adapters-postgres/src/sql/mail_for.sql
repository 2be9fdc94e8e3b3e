-- From the inbox to the heads, one by one: what waits is little, what an executor owns may be much.
WITH waiting AS MATERIALIZED (SELECT run_id, id, body FROM run_inbox)
SELECT i.run_id::text, h.epoch, i.id, i.body
FROM waiting i, LATERAL (
  SELECT epoch FROM run_heads WHERE run_id = i.run_id AND owner = $1 AND phase = 0 OFFSET 0
) AS h
ORDER BY i.id LIMIT $2
