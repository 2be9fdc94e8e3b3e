-- Settles what is due: what nobody needs any more goes, what may be needed again waits, and the oldest of what is to be sent is
-- marked as sent. Answers how many were due, and that one. The limit is a number and no parameter, so that the planner knows it.
WITH due AS MATERIALIZED (
  SELECT run_id, wants, wanted_at, due_at, sent_at, times_sent FROM external_requests
  WHERE due_at <= $1 ORDER BY due_at, run_id LIMIT 50 FOR NO KEY UPDATE SKIP LOCKED
),
judged AS MATERIALIZED (
  SELECT due.run_id, due.due_at, CASE
    -- Changed since this statement began, while its row was waited for: what follows would judge it by an old status.
    WHEN NOT EXISTS (
      SELECT 1 FROM external_requests seen
      WHERE seen.run_id = due.run_id AND seen.wants = due.wants AND seen.wanted_at = due.wanted_at
    ) THEN 'changed'
    WHEN due.wants = 'start' THEN CASE WHEN due.status IS DISTINCT FROM 'PENDING' OR EXISTS (
      SELECT 1 FROM step_executions s WHERE s.run_id = due.run_id AND s.started_at > due.wanted_at AT TIME ZONE 'UTC'
    ) THEN 'needless' ELSE 'due' END
    WHEN due.status IS DISTINCT FROM 'CANCELLED' THEN 'needless'
    WHEN due.sent_at IS NULL THEN 'due'
    WHEN due.times_sent >= $3 OR due.wanted_at <= $4 THEN 'needless'
    WHEN EXISTS (
      SELECT 1 FROM step_executions s WHERE s.run_id = due.run_id
        AND (s.started_at > due.sent_at AT TIME ZONE 'UTC' OR s.completed_at > due.sent_at AT TIME ZONE 'UTC')
    ) THEN 'due'
    ELSE 'quiet' END AS verdict
  FROM (
    -- A run that has become ours is none of theirs, whatever its status is.
    SELECT d.*, (SELECT r.status FROM workflow_runs r WHERE r.run_id = d.run_id AND r.engine IS DISTINCT FROM 'orrery') AS status
    FROM due d
  ) AS due
),
dropped AS (
  DELETE FROM external_requests q USING judged j WHERE q.run_id = j.run_id AND j.verdict = 'needless'
),
watched AS (
  UPDATE external_requests q SET due_at = $2 FROM judged j WHERE q.run_id = j.run_id AND j.verdict = 'quiet'
),
first AS MATERIALIZED (SELECT run_id FROM judged WHERE verdict = 'due' ORDER BY due_at, run_id LIMIT 1),
sent AS (
  UPDATE external_requests q SET sent_at = $1, due_at = $2, times_sent = q.times_sent + 1
  FROM first WHERE q.run_id = first.run_id
  RETURNING q.run_id, q.wants, q.wanted_at, q.wanted_by, q.reason, q.document, q.plan_hash
)
SELECT (SELECT count(*) FROM due), sent.run_id::text, sent.wants::text, sent.wanted_at, sent.wanted_by::text, sent.reason,
       coalesce(sent.document, p.document), r.input_text, r.input_data
FROM (SELECT 1) AS answer
LEFT JOIN sent ON true
LEFT JOIN workflow_runs r ON r.run_id = sent.run_id
LEFT JOIN plans p ON p.hash = sent.plan_hash
