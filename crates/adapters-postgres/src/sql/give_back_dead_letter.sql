UPDATE dlq_entries SET status = 'pending_replay', replayed_run_id = $3, replayed_at = $4
WHERE dlq_id = $1 AND replayed_run_id = $2
