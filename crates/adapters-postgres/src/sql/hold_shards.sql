-- What it holds, and as many of the free ones as it lacks. A shard whose holder is no member of the fleet is free.
WITH mine AS MATERIALIZED (SELECT shard, epoch FROM relay_shards WHERE owner = $1),
free AS MATERIALIZED (
  SELECT s.shard FROM relay_shards s
  WHERE (s.owner IS NULL OR (s.owner <> $1 AND NOT EXISTS (SELECT 1 FROM fleet f WHERE f.id = s.owner)))
    AND ($3 OR s.shard <> 16)  -- the last one belongs to those who drive the external executor
  ORDER BY s.shard LIMIT greatest($2 - (SELECT count(*) FROM mine), 0)
  FOR NO KEY UPDATE SKIP LOCKED
),
taken AS (
  UPDATE relay_shards s SET owner = $1, epoch = s.epoch + 1 FROM free WHERE s.shard = free.shard RETURNING s.shard, s.epoch
)
SELECT shard, epoch FROM mine UNION ALL SELECT shard, epoch FROM taken ORDER BY shard
