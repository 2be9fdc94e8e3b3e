SELECT run_id::text, path::text FROM run_waits WHERE event = $1 AND correlation = $2 ORDER BY run_id, path LIMIT $3
