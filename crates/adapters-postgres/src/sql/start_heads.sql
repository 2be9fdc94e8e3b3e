INSERT INTO run_heads (run_id, seq, epoch, owner, phase, wake_at)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::uuid[], $5::smallint[], $6::timestamptz[])
