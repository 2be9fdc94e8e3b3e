-- From the inbox to the heads: what waits is little. What a run was told as it ended is of no use to anybody.
WITH late AS MATERIALIZED (SELECT DISTINCT run_id FROM run_inbox WHERE at < $1 - interval '5 seconds'),
ended AS (
  DELETE FROM run_inbox i USING late l, run_heads h
  WHERE i.run_id = l.run_id AND h.run_id = l.run_id AND h.phase <> 0
)
UPDATE run_heads h SET wake_at = $1 FROM late l
WHERE h.run_id = l.run_id AND h.owner IS NULL AND h.phase = 0 AND (h.wake_at IS NULL OR h.wake_at > $1)
