DELETE FROM dlq_entries WHERE dlq_id = $1
