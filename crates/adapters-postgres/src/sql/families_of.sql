WITH RECURSIVE family AS (
  SELECT unnest($1::varchar[])::varchar(255) AS run_id
  UNION
  SELECT c.run_id FROM workflow_runs c JOIN family f ON c.parent_run_id = f.run_id
)
SELECT run_id FROM family ORDER BY run_id
