-- The latest wish counts.
INSERT INTO external_requests (run_id, wants, wanted_at, wanted_by, reason, plan_hash, document, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $3)
ON CONFLICT (run_id) DO UPDATE
SET wants = excluded.wants, wanted_at = excluded.wanted_at, wanted_by = excluded.wanted_by, reason = excluded.reason,
    plan_hash = excluded.plan_hash, document = excluded.document, due_at = excluded.due_at, sent_at = NULL, told_at = NULL, times_sent = 0
