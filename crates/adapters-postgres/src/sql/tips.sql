-- A run of the existing executor has no head, and no events.
SELECT r.run_id::text, coalesce(h.seq, 0), r.status::text
FROM unnest($1::text[]) AS asked (run_id)
JOIN workflow_runs r ON r.run_id = asked.run_id
LEFT JOIN run_heads h ON h.run_id = r.run_id
