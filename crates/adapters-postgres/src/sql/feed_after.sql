SELECT place, at, run_id::text, workflow_id::text, workflow_name::text, status::text FROM run_changes
WHERE place > $1 AND place <= $2 ORDER BY place LIMIT $3
