UPDATE run_heads h SET owner = NULL, epoch = h.epoch + 1, wake_at = $4
FROM unnest($2::text[], $3::bigint[]) AS c (run_id, epoch)
WHERE h.run_id = c.run_id AND h.epoch = c.epoch AND h.owner = $1 AND h.phase = 0
