DELETE FROM early_cancellations WHERE run_id = ANY ($1::text[])
RETURNING run_id::text, commit_id, cancelled_by::text, reason, at
