-- The runs that have started some runs, and the live runs that those have started.
SELECT r.run_id::text, r.parent_run_id::text AS relative, r.parent_path::text AS path
FROM (
  SELECT run_id, parent_run_id, parent_path FROM workflow_runs WHERE run_id = ANY ($1::text[]) OFFSET 0
) AS r
WHERE r.parent_run_id IS NOT NULL
UNION ALL
SELECT r.parent_run_id::text, r.run_id::text, NULL
FROM workflow_runs r, LATERAL (SELECT phase FROM run_heads WHERE run_id = r.run_id OFFSET 0) AS h
WHERE r.parent_run_id = ANY ($1::text[]) AND r.parent_run_id IS NOT NULL AND h.phase = 0
