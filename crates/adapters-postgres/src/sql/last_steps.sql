-- Of each step that the old executor has begun the last row decides (contract 6, Replay).
SELECT s.run_id::text, s.step_id::text, s.id::text, s.status = 'COMPLETED', s.attempt
FROM (
  SELECT run_id, step_id, id, status,
         row_number() OVER (PARTITION BY run_id, step_id ORDER BY started_at, id)::int AS attempt,
         row_number() OVER (PARTITION BY run_id, step_id ORDER BY started_at DESC, id DESC) AS from_the_last
  FROM step_executions WHERE run_id = ANY ($1::text[]) AND execution IS NULL
) AS s
WHERE s.from_the_last = 1
