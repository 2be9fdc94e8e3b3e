-- The first runs of families that may go whole, oldest first; in $3 only these, if it is given. The inner questions about dead
-- letters and schedules are asked once, whatever the number of runs.
SELECT r.run_id
FROM workflow_runs r
WHERE r.updated_at < $1 AT TIME ZONE 'UTC' AND r.status IN ('COMPLETED', 'FAILED', 'CANCELLED')
  AND ($3::varchar[] IS NULL OR r.run_id = ANY ($3))
  AND (r.parent_run_id IS NULL OR NOT EXISTS (SELECT FROM workflow_runs p WHERE p.run_id = r.parent_run_id))
  AND NOT EXISTS (
    WITH RECURSIVE family AS (
      SELECT r.run_id AS run_id
      UNION
      SELECT c.run_id FROM workflow_runs c JOIN family f ON c.parent_run_id = f.run_id
    )
    SELECT FROM family f
    JOIN workflow_runs m ON m.run_id = f.run_id
    LEFT JOIN run_heads h ON h.run_id = f.run_id
    WHERE m.status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED') OR m.updated_at >= $1 AT TIME ZONE 'UTC'
      OR h.phase = 0 OR h.owner IS NOT NULL
      OR f.run_id IN (SELECT d.run_id FROM dlq_entries d)
      OR f.run_id IN (SELECT d.last_run_id FROM dlq_entries d)
      OR f.run_id IN (SELECT d.replayed_run_id FROM dlq_entries d WHERE d.replayed_run_id IS NOT NULL)
      OR f.run_id IN (SELECT 'run-' || s.last_started::text FROM schedules s WHERE s.last_started IS NOT NULL)
  )
ORDER BY r.updated_at, r.run_id COLLATE "C"
LIMIT $2
