-- One array instead of a list of parameters, so that their number does not matter to the statement.
SELECT execution, output_text, output_data FROM step_executions WHERE run_id = $1 AND execution = ANY ($2::bigint[])
