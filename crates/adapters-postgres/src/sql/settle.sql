DELETE FROM run_waits w USING unnest($1::text[], $2::text[]) AS c (run_id, path)
WHERE w.run_id = c.run_id AND w.path = c.path
