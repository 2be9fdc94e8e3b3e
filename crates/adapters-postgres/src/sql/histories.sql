SELECT run_id::text, first_seq, commit_id, at, events FROM run_events WHERE run_id = ANY ($1::text[]) ORDER BY run_id, first_seq
