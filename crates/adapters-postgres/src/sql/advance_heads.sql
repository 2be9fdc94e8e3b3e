-- The check and the change in one: what does not come back was not accepted.
UPDATE run_heads h
SET seq = c.after, phase = c.phase, owner = CASE WHEN c.stays THEN h.owner END,
    wake_at = CASE WHEN c.stays THEN h.wake_at ELSE c.wake_at END
FROM unnest($1::int[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::smallint[], $7::bool[], $8::timestamptz[])
  AS c (ord, run_id, epoch, seq, after, phase, stays, wake_at)
WHERE h.run_id = c.run_id AND h.epoch = c.epoch AND h.seq = c.seq AND h.phase = 0
RETURNING c.ord
