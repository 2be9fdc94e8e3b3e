WITH released AS (
  UPDATE run_heads SET owner = NULL, epoch = epoch + 1, wake_at = $2 WHERE owner = $1 RETURNING phase
)
SELECT count(*) FROM released WHERE phase = 0
