-- By their places, which are looked for from the oldest on.
WITH oldest AS MATERIALIZED (
  SELECT place, at FROM run_changes WHERE place <= $2 ORDER BY place LIMIT $3
), gone AS (
  DELETE FROM run_changes WHERE at < $1 AND place <= (SELECT max(place) FROM oldest) RETURNING place
), noted AS (
  UPDATE feed_marks SET place = greatest(place, (SELECT max(place) FROM gone))
  WHERE name = 'forgotten' AND EXISTS (SELECT FROM gone)
)
SELECT count(*) FROM gone
