UPDATE run_heads h SET seq = h.seq + 1, epoch = h.epoch + 1, owner = NULL, phase = 0, wake_at = c.at
FROM unnest($1::text[], $2::timestamptz[]) AS c (run_id, at)
WHERE h.run_id = c.run_id
