-- A statement of its own, after the heads are locked: it sees what was put into an inbox while they were waited for.
UPDATE run_heads h SET wake_at = least(coalesce(h.wake_at, c.at), c.at)
FROM unnest($1::text[], $2::timestamptz[]) AS c (run_id, at)
WHERE h.run_id = c.run_id AND h.owner IS NULL AND EXISTS (SELECT 1 FROM run_inbox i WHERE i.run_id = c.run_id)
