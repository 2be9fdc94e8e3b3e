INSERT INTO early_cancellations (run_id, commit_id, cancelled_by, reason, at)
SELECT c.run_id, c.commit_id, c.cancelled_by, c.reason, c.at
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[]) AS c (run_id, commit_id, cancelled_by, reason, at)
WHERE NOT EXISTS (SELECT 1 FROM workflow_runs r WHERE r.run_id = c.run_id)
ORDER BY c.run_id
ON CONFLICT (run_id) DO NOTHING
