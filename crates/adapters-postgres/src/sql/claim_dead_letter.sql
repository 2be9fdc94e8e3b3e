UPDATE dlq_entries SET status = 'replayed', replayed_run_id = $2, replayed_at = $3
WHERE dlq_id = $1 AND replayed_run_id IS NOT DISTINCT FROM $4
