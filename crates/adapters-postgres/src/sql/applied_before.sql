SELECT c.ord FROM unnest($1::int[], $2::text[], $3::uuid[]) AS c (ord, run_id, commit_id)
WHERE EXISTS (SELECT 1 FROM run_events e WHERE e.run_id = c.run_id AND e.commit_id = c.commit_id)
