-- Events have no gaps, so the records that hold the wanted ones are known by their first numbers. The oldest of them may begin
-- before.
SELECT first_seq, commit_id, at, events FROM run_events
WHERE run_id = $1 AND first_seq <= $2::bigint + $3::bigint AND first_seq >= coalesce(
  (SELECT max(first_seq) FROM run_events WHERE run_id = $1 AND first_seq <= $2::bigint + 1), 0)
ORDER BY first_seq
