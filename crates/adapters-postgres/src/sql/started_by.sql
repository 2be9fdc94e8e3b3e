SELECT c.ord FROM unnest($1::int[], $2::text[], $3::uuid[]) AS c (ord, run_id, commit_id)
JOIN run_events e ON e.run_id = c.run_id AND e.first_seq = 1 AND e.commit_id = c.commit_id
