INSERT INTO run_events (run_id, first_seq, commit_id, at, events)
SELECT c.run_id, c.first_seq, c.commit_id, c.at, c.events::jsonb
FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::text[])
  AS c (run_id, first_seq, commit_id, at, events)
