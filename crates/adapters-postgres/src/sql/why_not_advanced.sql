SELECT c.ord, h.run_id IS NOT NULL AS known, e.run_id IS NOT NULL AS applied,
       h.epoch IS DISTINCT FROM c.epoch AS fenced, h.phase IS DISTINCT FROM 0 AS ended
FROM unnest($1::int[], $2::text[], $3::bigint[], $4::bigint[], $5::uuid[]) AS c (ord, run_id, epoch, next, commit_id)
LEFT JOIN run_heads h ON h.run_id = c.run_id
LEFT JOIN run_events e ON e.run_id = c.run_id AND e.first_seq = c.next AND e.commit_id = c.commit_id
