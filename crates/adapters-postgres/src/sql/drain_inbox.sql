DELETE FROM run_inbox i USING unnest($1::text[], $2::bigint[]) AS c (run_id, id)
WHERE i.run_id = c.run_id AND i.id = c.id
