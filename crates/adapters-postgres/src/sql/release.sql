-- A slice of what an executor owns: what it owned may be very many, and whoever wants one of them waits for no longer than a
-- slice takes. The limit is a number and no parameter, so that the planner knows it.
WITH slice AS MATERIALIZED (
  SELECT run_id FROM run_heads WHERE owner = $1 LIMIT 500 FOR NO KEY UPDATE
),
released AS (
  UPDATE run_heads h SET owner = NULL, epoch = h.epoch + 1, wake_at = $2
  FROM slice WHERE h.run_id = slice.run_id
  RETURNING h.phase
)
SELECT count(*), count(*) FILTER (WHERE phase = 0) FROM released
