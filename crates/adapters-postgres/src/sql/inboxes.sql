SELECT run_id::text, id, body FROM run_inbox WHERE run_id = ANY ($1::text[]) ORDER BY run_id, id
