SELECT execution, coalesce(attempt, 1), agent_name, status::text, started_at, completed_at, error_message
FROM step_executions WHERE run_id = $1 AND execution = ANY ($2::bigint[])
