-- The runs that have started some runs, and the live runs that those have started.
SELECT r.run_id::text, r.parent_run_id::text AS relative, r.parent_path::text AS path
FROM workflow_runs r WHERE r.run_id = ANY ($1::text[]) AND r.parent_run_id IS NOT NULL
UNION ALL
SELECT r.parent_run_id::text, r.run_id::text, NULL
FROM workflow_runs r JOIN run_heads h ON h.run_id = r.run_id
WHERE r.parent_run_id = ANY ($1::text[]) AND h.phase = 0
