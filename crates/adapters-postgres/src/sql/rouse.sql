-- From the inbox to the heads, one by one: what waits is little. What a run was told as it ended is of no use to anybody.
WITH late AS MATERIALIZED (SELECT DISTINCT run_id FROM run_inbox WHERE at < $1::timestamptz - interval '5 seconds'),
heads AS MATERIALIZED (
  SELECT h.run_id, h.phase, h.owner, h.wake_at
  FROM late l, LATERAL (
    SELECT run_id, phase, owner, wake_at FROM run_heads WHERE run_id = l.run_id OFFSET 0
  ) AS h
), ended AS (
  DELETE FROM run_inbox WHERE run_id = ANY (ARRAY (SELECT run_id FROM heads WHERE phase <> 0))
)
UPDATE run_heads SET wake_at = $1::timestamptz
WHERE run_id = ANY (ARRAY (
    SELECT run_id FROM heads WHERE owner IS NULL AND phase = 0 AND (wake_at IS NULL OR wake_at > $1::timestamptz)
  )) AND owner IS NULL AND phase = 0
